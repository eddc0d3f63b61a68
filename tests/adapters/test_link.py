"""A link delivers once and in order whatever the layer does, or it is broken."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.adapters.link import (
    GREET_S,
    MESSAGE_BYTES,
    RECEIPT_DELAY_S,
    RESEND_MOST_S,
    WINDOW_BYTES,
    Link,
    LinkBroken,
)
from realtime.adapters.link_frames import LayerLink


class Layer:
    """Two ends and what is under way between them; ``now`` moves as the test says."""

    def __init__(self) -> None:
        self.ends = (Link("process1", "near"), Link("process2", "far"))
        self.got: tuple[list[bytes], list[bytes]] = ([], [])
        self.wires: tuple[list[LayerLink], list[LayerLink]] = ([], [])
        self.now = 1.0
        self.sent = 0

    def speak(self, end: int) -> None:
        """Put all that an end has to say onto the wire."""
        while (message := self.ends[end].next_message(self.now)) is not None:
            self.sent += 1
            self.wires[end].append(message)

    def deliver(self, end: int, message: LayerLink) -> None:
        self.got[1 - end].extend(self.ends[1 - end].take(message, self.now))

    def settle(self, steps: int = 60) -> None:
        """Let time pass on a layer that works until both ends have nothing to say."""
        for _step in range(steps):
            for end in (0, 1):
                self.speak(end)
                wire = self.wires[end]
                while wire:
                    self.deliver(end, wire.pop(0))
            self.now += RESEND_MOST_S / 8


@given(
    counts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.1, 0.6]),
    doubling=st.sampled_from([0.0, 0.3]),
    is_shuffled=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_every_frame_arrives_once_and_in_order(
    counts: tuple[int, int], seed: int, loss: float, doubling: float, is_shuffled: bool
) -> None:
    chance = random.Random(seed)
    layer = Layer()
    pushed: tuple[list[bytes], list[bytes]] = ([], [])
    for _step in range(sum(counts) * 2):
        end = chance.randrange(2)
        if len(pushed[end]) < counts[end]:
            frame = chance.randbytes(chance.choice([1, 100, MESSAGE_BYTES // 3]))
            pushed[end].append(frame)
            layer.ends[end].push(frame, layer.now)
        layer.speak(end)
        wire = layer.wires[end]
        if is_shuffled:
            chance.shuffle(wire)
        if wire and chance.random() < 0.5:
            message = wire.pop(0)
            if chance.random() >= loss:
                layer.deliver(end, message)
            if chance.random() < doubling:
                layer.deliver(end, message)
        layer.now += chance.random()
    layer.settle()
    assert layer.got == (pushed[1], pushed[0])
    assert all(end.is_done for end in layer.ends)


def test_frames_pushed_together_leave_together() -> None:
    layer = Layer()
    layer.settle(4)
    for number in range(50):
        layer.ends[0].push(bytes([number]), layer.now)
    layer.settle(4)
    # A greeting and its answer, the fifty, and the receipt.
    assert layer.sent == 4
    assert len(layer.got[1]) == 50


def test_no_more_is_under_way_than_the_window_holds() -> None:
    layer = Layer()
    near = layer.ends[0]
    near.push(b"first", layer.now)
    layer.settle(4)
    for _number in range(40):
        near.push(bytes(MESSAGE_BYTES // 2), layer.now)
    layer.speak(0)
    under_way = sum(len(frame) for message in layer.wires[0] for frame in message.frames)
    assert WINDOW_BYTES <= under_way < WINDOW_BYTES + MESSAGE_BYTES
    layer.settle()
    assert len(layer.got[1]) == 41


def test_a_greeting_is_repeated_until_it_is_answered() -> None:
    layer = Layer()
    layer.ends[0].push(b"x", layer.now)
    for _try in range(3):
        layer.speak(0)
        layer.now += GREET_S
    assert [message.yours for message in layer.wires[0]] == [""] * 3
    layer.settle(4)
    assert layer.got[1] == [b"x"]


def test_an_idle_link_says_nothing() -> None:
    layer = Layer()
    layer.ends[0].push(b"x", layer.now)
    layer.settle()
    assert [end.due_at() for end in layer.ends] == [None, None]


def test_a_receipt_rides_on_what_is_sent_anyway() -> None:
    layer = Layer()
    layer.ends[0].push(b"question", layer.now)
    layer.settle(4)
    sent = layer.sent
    layer.ends[0].push(b"again", layer.now)
    layer.speak(0)
    layer.deliver(0, layer.wires[0].pop())
    layer.now += RECEIPT_DELAY_S / 2
    layer.ends[1].push(b"answer", layer.now)
    layer.speak(1)
    layer.deliver(1, layer.wires[1].pop())
    assert layer.ends[0].is_done
    assert layer.sent == sent + 2


def test_an_end_that_began_anew_breaks_the_link() -> None:
    layer = Layer()
    layer.ends[0].push(b"x", layer.now)
    layer.settle(4)
    again = Link("process1", "another")
    again.push(b"y", layer.now)
    greeting = again.next_message(layer.now)
    assert greeting is not None
    with pytest.raises(LinkBroken):
        layer.ends[1].take(greeting, layer.now)
