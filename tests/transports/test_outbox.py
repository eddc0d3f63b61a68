import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from realtime.protocol.wire_message import WireMessage
from realtime.transports.outbox import HIGH_WATER_BYTES, Outbox
from tests.helpers.waiting import turns, until
from tests.transports.fakes import FakeServer, FakeWriter

LARGE = "x" * (HIGH_WATER_BYTES + 1)


class Fixture:
    """An outbox to a server, and what became of it. ``block`` makes the client slow."""

    def __init__(self, kind: str, *, max_bytes: int = 0, max_messages: int = 0) -> None:
        self.kind = kind
        self.writer = FakeWriter() if kind == "frames" else None
        self.server = FakeServer()
        self.overflows = 0
        self.outbox = Outbox(
            self.server.send,
            self.writer,
            max_bytes=max_bytes,
            max_messages=max_messages,
            on_overflow=self._overflow,
        )

    def _overflow(self) -> None:
        self.overflows += 1

    async def block(self) -> None:
        """Stop reading: the next messages wait in the outbox. One large message is under way."""
        if self.writer is not None:
            self.writer.is_blocked = True
        else:
            self.server.block()
        self.outbox.put(WireMessage(LARGE))
        await turns()
        self.clear()

    async def unblock(self) -> None:
        if self.writer is not None:
            self.writer.is_blocked = False
            self.writer.take_all()
        else:
            self.server.unblock()
        await turns(30)

    def clear(self) -> None:
        if self.writer is not None:
            self.writer.written.clear()

    @property
    def payloads(self) -> list[bytes]:
        """What reached the client, as it would be joined on the wire."""
        if self.writer is not None:
            return list(self.writer.written)
        return [WireMessage(data).frames for data in self.server.data if data != LARGE]

    @property
    def wire(self) -> bytes:
        return b"".join(self.payloads)


@pytest.fixture(params=["frames", "asgi"])
def make(request: pytest.FixtureRequest) -> Callable[..., Fixture]:
    def make_fixture(**limits: Any) -> Fixture:
        return Fixture(request.param, **limits)

    return make_fixture


def joined(*texts: str | bytes) -> bytes:
    return b"".join(WireMessage(text).frames for text in texts)


async def test_messages_leave_in_order_at_the_end_of_the_turn(make: Callable[..., Fixture]) -> None:
    fixture = make()
    for text in "abc":
        assert fixture.outbox.put(WireMessage(text))
    assert fixture.wire == b""
    await turns()
    assert fixture.wire == joined("a", "b", "c")


async def test_what_one_turn_collects_is_one_write() -> None:
    fixture = Fixture("frames")
    for text in "abc":
        fixture.outbox.put(WireMessage(text))
    await turns()
    fixture.outbox.put(WireMessage("d"))
    await turns()
    assert fixture.payloads == [joined("a", "b", "c"), joined("d")]


async def test_a_packet_and_its_attachments_are_not_parted(make: Callable[..., Fixture]) -> None:
    fixture = make()
    await fixture.block()
    fixture.outbox.put(WireMessage("header", b"one", b"two"))
    fixture.outbox.put(WireMessage("next"))
    await fixture.unblock()
    assert fixture.wire == joined("header", b"one", b"two", "next")


async def test_what_waits_for_a_slow_client_leaves_in_order_once_it_reads(
    make: Callable[..., Fixture],
) -> None:
    fixture = make()
    await fixture.block()
    texts = [str(number) for number in range(50)]
    for text in texts:
        assert fixture.outbox.put(WireMessage(text))
        await asyncio.sleep(0)
    assert fixture.wire == b""
    await fixture.unblock()
    fixture.outbox.put(WireMessage("end"))
    await turns()
    assert fixture.wire == joined(*texts, "end")


async def test_volatile_messages_are_dropped_while_the_client_is_slow(
    make: Callable[..., Fixture],
) -> None:
    fixture = make()
    assert fixture.outbox.put(WireMessage("kept"), volatile=True)
    await turns()
    fixture.clear()
    fixture.server.sent.clear()
    await fixture.block()
    assert not fixture.outbox.put(WireMessage("dropped"), volatile=True)
    assert fixture.outbox.put(WireMessage("after"))
    await fixture.unblock()
    assert fixture.wire == joined("after")


async def test_one_message_more_than_allowed_overflows(make: Callable[..., Fixture]) -> None:
    fixture = make(max_messages=3)
    await fixture.block()
    for _ in range(3):
        assert fixture.outbox.put(WireMessage("x"))
    assert fixture.overflows == 0
    assert not fixture.outbox.put(WireMessage("x"))
    assert fixture.overflows == 1


async def test_bytes_are_checked_before_adding(make: Callable[..., Fixture]) -> None:
    fixture = make(max_bytes=HIGH_WATER_BYTES + 100)
    await fixture.block()
    waiting = fixture.outbox.waiting_bytes
    room = HIGH_WATER_BYTES + 100 - waiting
    assert fixture.outbox.put(WireMessage("x" * (room - 20)))
    # A few bytes are left: one message of any size passes, the next does not.
    assert fixture.outbox.waiting_bytes < HIGH_WATER_BYTES + 100
    assert fixture.outbox.put(WireMessage("x" * 1000))
    assert fixture.overflows == 0
    assert not fixture.outbox.put(WireMessage("x"))
    assert fixture.overflows == 1


async def test_a_message_beyond_all_limits_passes_into_an_empty_outbox(
    make: Callable[..., Fixture],
) -> None:
    fixture = make(max_bytes=10, max_messages=1)
    assert fixture.outbox.put(WireMessage("x" * 1000))
    await turns()
    assert fixture.wire == joined("x" * 1000)


async def test_a_burst_within_one_turn_does_not_overflow_a_client_that_reads(
    make: Callable[..., Fixture],
) -> None:
    fixture = make(max_messages=3)
    texts = [str(number) for number in range(20)]
    for text in texts:
        assert fixture.outbox.put(WireMessage(text))
    await turns()
    assert fixture.overflows == 0
    assert fixture.wire == joined(*texts)


async def test_waiting_volatile_messages_make_room_for_others(
    make: Callable[..., Fixture],
) -> None:
    fixture = make(max_messages=2)
    await turns()
    if fixture.writer is not None:
        fixture.writer.is_blocked = True
    else:
        fixture.server.block()
    # Taken while the client seemed quick; then it turns out that it is not.
    fixture.outbox.put(WireMessage(LARGE))
    fixture.outbox.put(WireMessage("volatile"), volatile=True)
    await turns()
    fixture.clear()
    assert fixture.outbox.put(WireMessage("a"))
    assert fixture.outbox.put(WireMessage("b"))
    assert fixture.overflows == 0
    await fixture.unblock()
    assert fixture.wire.endswith(joined("a", "b"))


async def test_a_patient_send_waits_for_room_and_keeps_its_place(
    make: Callable[..., Fixture],
) -> None:
    fixture = make(max_messages=2)
    await fixture.block()
    for text in "ab":
        fixture.outbox.put(WireMessage(text))
    sending = asyncio.create_task(fixture.outbox.put_patiently(WireMessage("c")))
    await turns()
    assert not sending.done()
    await fixture.unblock()
    await sending
    await turns()
    assert fixture.overflows == 0
    assert fixture.wire == joined("a", "b", "c")


async def test_a_patient_send_does_not_hold_the_loop_where_the_limit_is_below_high_water() -> None:
    fixture = Fixture("frames", max_bytes=10_000)
    assert fixture.writer is not None
    fixture.writer.is_blocked = True
    fixture.outbox.put(WireMessage("x" * 20_000))
    await turns()
    assert fixture.outbox.waiting_bytes > 10_000
    text = "y" * (HIGH_WATER_BYTES - 10_000)
    assert await fixture.outbox.put_patiently(WireMessage(text))
    await turns()
    sending = asyncio.create_task(fixture.outbox.put_patiently(WireMessage("z" * 20_000)))
    await turns()
    # By now the server's buffer is high: from here on it waits.
    assert not sending.done()
    await fixture.unblock()
    assert await sending
    await turns()
    assert fixture.overflows == 0
    assert fixture.wire == joined("x" * 20_000, text, "z" * 20_000)


@pytest.mark.parametrize("ending", ["close", "abandon"])
async def test_a_patient_send_ends_with_the_outbox(
    make: Callable[..., Fixture], ending: str
) -> None:
    fixture = make(max_messages=1)
    await fixture.block()
    fixture.outbox.put(WireMessage("a"))
    sending = asyncio.create_task(fixture.outbox.put_patiently(WireMessage("b")))
    await turns()
    if ending == "close":
        fixture.outbox.close(keep=False)
    else:
        fixture.outbox.abandon()
    await asyncio.wait_for(sending, 1)
    assert fixture.overflows == 0
    await fixture.unblock()


async def test_a_cancelled_patient_send_leaves_the_others_waiting(
    make: Callable[..., Fixture],
) -> None:
    fixture = make(max_messages=1)
    await fixture.block()
    fixture.outbox.put(WireMessage("a"))
    first, second = (
        asyncio.create_task(fixture.outbox.put_patiently(WireMessage(text))) for text in "bc"
    )
    await turns()
    first.cancel()
    await turns()
    assert not second.done()
    await fixture.unblock()
    await second
    await turns()
    assert fixture.wire == joined("a", "c")


async def test_closing_keeps_what_waits(make: Callable[..., Fixture]) -> None:
    fixture = make()
    await fixture.block()
    fixture.outbox.put(WireMessage("a"))
    fixture.outbox.put(WireMessage("b"))
    fixture.outbox.close(keep=True)
    assert not fixture.outbox.put(WireMessage("late"))
    await fixture.unblock()
    await fixture.outbox.drained()
    assert fixture.wire == joined("a", "b")


async def test_closing_without_keeping_drops_what_waits(make: Callable[..., Fixture]) -> None:
    fixture = make()
    await fixture.block()
    fixture.outbox.put(WireMessage("a"))
    fixture.outbox.close(keep=False)
    assert not fixture.outbox.put(WireMessage("late"))
    await fixture.unblock()
    await fixture.outbox.drained()
    assert fixture.wire == b""


async def test_closing_says_whether_all_was_handed_over(make: Callable[..., Fixture]) -> None:
    fixture = make()
    fixture.outbox.put(WireMessage("a"))
    assert fixture.outbox.close(keep=True)
    assert fixture.wire == joined("a")
    slow = Fixture("asgi")
    await slow.block()
    assert not slow.outbox.close(keep=True)
    await slow.unblock()
    await slow.outbox.drained()


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("gone")])
@pytest.mark.parametrize("slow", [False, True])
async def test_a_client_that_is_gone_ends_the_outbox_quietly(
    error: Exception,
    slow: bool,
) -> None:
    fixture = Fixture("asgi", max_messages=2)
    if slow:
        await fixture.block()
    fixture.outbox.put(WireMessage("a"))
    fixture.server.fails_with = error
    await fixture.unblock()
    assert not fixture.outbox.put(WireMessage("b"))
    await asyncio.wait_for(fixture.outbox.put_patiently(WireMessage("c")), 1)
    assert fixture.overflows == 0
    assert fixture.server.data in ([], [LARGE])


async def test_an_abandoned_outbox_leaves_no_task_behind() -> None:
    fixture = Fixture("asgi")
    await fixture.block()
    before = asyncio.all_tasks()
    assert any(task.get_name() == "outbox drain" for task in before)
    fixture.outbox.abandon()
    await until(lambda: all(t.get_name() != "outbox drain" for t in asyncio.all_tasks()))


async def test_no_task_is_needed_while_the_client_reads(make: Callable[..., Fixture]) -> None:
    fixture = make()
    before = asyncio.all_tasks()
    for text in "abc":
        fixture.outbox.put(WireMessage(text))
        await turns()
        assert asyncio.all_tasks() == before
    assert fixture.wire == joined("a", "b", "c")


async def test_a_fault_of_one_server_call_hurts_no_other_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, slow, sound = Fixture("asgi"), Fixture("asgi"), Fixture("asgi")
    await slow.block()
    for fixture in (broken, slow):
        fixture.server.fails_with = ValueError("a fault of the server")
    broken.outbox.put(WireMessage("a"))
    sound.outbox.put(WireMessage("b"))
    await slow.unblock()
    assert sound.wire == joined("b")
    assert not broken.outbox.put(WireMessage("c"))
    assert not slow.outbox.put(WireMessage("c"))
    assert [record.message for record in caplog.records] == ["send failed", "send failed"]
