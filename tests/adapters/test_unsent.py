"""What waits for the layer: in order, together where it piles up, and never more than so much."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.adapters import unsent
from realtime.adapters.envelope import LayerBeat, LayerBundle, LayerEvent, LayerMessage
from realtime.adapters.unsent import Unsent

BEAT = LayerBeat("p1")


def numbered(offset: int, room: str = "a", args: str = "[]") -> LayerEvent:
    return LayerEvent("p1", "/games", "message", args, rooms=(room,), epoch="e", offset=offset)


def counted(count: int, room: str = "a") -> LayerEvent:
    return LayerEvent("p1", "/games", "move", "[]", rooms=(room,), count=count)


def unnumbered(number: int) -> LayerEvent:
    return LayerEvent("p1", "/games", f"news{number}", "[]", rooms=("a",))


def filled(*entries: tuple[str, LayerMessage]) -> Unsent:
    waiting = Unsent(1_000)
    for group, message in entries:
        assert waiting.put([group], message)
    return waiting


async def taken(waiting: Unsent) -> list[tuple[str, LayerMessage]]:
    found = []
    while len(waiting):
        (group,), message = await waiting.take()
        found.append((group, message))
        waiting.done(message)
    return found


async def test_numbered_events_of_a_room_go_together_and_pass_other_rooms_alone() -> None:
    waiting = filled(
        ("a", numbered(1)),
        ("b", numbered(1, "b")),
        ("a", numbered(2)),
        ("a", unnumbered(1)),
        ("a", numbered(3)),
    )
    assert await taken(waiting) == [
        ("a", LayerBundle("p1", (numbered(1), numbered(2)))),
        ("b", numbered(1, "b")),
        ("a", unnumbered(1)),
        ("a", numbered(3)),
    ]


async def test_counted_events_of_a_room_go_together_with_its_numbered_ones() -> None:
    waiting = filled(
        ("a", counted(1)),
        ("b", counted(1, "b")),
        ("a", numbered(1)),
        ("b", counted(2, "b")),
        ("a", counted(2)),
        ("a", unnumbered(1)),
        ("b", counted(3, "b")),
    )
    assert await taken(waiting) == [
        ("a", LayerBundle("p1", (counted(1), numbered(1), counted(2)))),
        ("b", LayerBundle("p1", (counted(1, "b"), counted(2, "b")))),
        ("a", unnumbered(1)),
        ("b", counted(3, "b")),
    ]


async def test_what_overtakes_is_sent_first_and_in_its_order() -> None:
    waiting = filled(("a", unnumbered(1)))
    waiting.put(["all"], BEAT, overtakes=True)
    waiting.put(["all"], LayerBeat("p2"), overtakes=True)
    messages = [message for _group, message in await taken(waiting)]
    assert messages == [BEAT, LayerBeat("p2"), unnumbered(1)]


@pytest.mark.parametrize(
    ("name", "most"), [("BUNDLE_EVENTS", 3), ("BUNDLE_BYTES", 30), ("LOOK_AHEAD", 2)]
)
async def test_a_bundle_is_bounded(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsent, name, most)
    waiting = filled(*(("a", numbered(n, args="[1234567]")) for n in range(4)))
    found = [message for _group, message in await taken(waiting)]
    assert found == [
        LayerBundle("p1", tuple(numbered(n, args="[1234567]") for n in range(3))),
        numbered(3, args="[1234567]"),
    ]


async def test_what_is_full_takes_no_more_and_everything_counts_until_it_is_done() -> None:
    waiting = Unsent(2)
    assert waiting.put(["a"], numbered(1))
    assert waiting.put(["a"], numbered(2))
    assert not waiting.put(["a"], numbered(3))
    joining = asyncio.create_task(waiting.join())
    _groups, bundle = await waiting.take()
    assert (len(waiting), joining.done()) == (0, False)
    assert waiting.done(bundle) == 2
    await joining


async def test_what_overtakes_has_room_while_events_pile_up_and_a_bound_of_its_own() -> None:
    waiting = Unsent(2)
    for offset in (1, 2):
        assert waiting.put(["a"], numbered(offset))
    assert waiting.put(["all"], BEAT, overtakes=True)
    assert waiting.put(["all"], BEAT, overtakes=True)
    assert not waiting.put(["all"], BEAT, overtakes=True)
    assert await waiting.take() == (["all"], BEAT)
    assert len(waiting) == 3


async def test_whoever_takes_waits_for_something() -> None:
    waiting = Unsent(2)
    taking = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    assert not taking.done()
    waiting.put(["a"], BEAT)
    assert await taking == (["a"], BEAT)


KINDS = [numbered, counted, unnumbered]
entries = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(KINDS)), max_size=40)


@given(entries)
def test_each_is_sent_once_and_in_the_order_of_its_group(
    entries: list[tuple[str, Callable[..., LayerEvent]]],
) -> None:
    put = [
        (group, unnumbered(n) if make is unnumbered else make(n, group))
        for n, (group, make) in enumerate(entries)
    ]
    sent = [
        (group, event)
        for group, message in asyncio.run(taken(filled(*put)))
        for event in (message.events if isinstance(message, LayerBundle) else (message,))
    ]
    for name in "abc":
        assert [event for group, event in sent if group == name] == [
            event for group, event in put if group == name
        ]
    # Whatever is not for one room is passed by nothing, and passes nothing.
    for at, (_group, event) in enumerate(put):
        if not event.is_for_room:
            where = [each for _group, each in sent].index(event)
            assert where == at
