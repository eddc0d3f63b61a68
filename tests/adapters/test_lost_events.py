"""What nothing came after, what is gone for good, and what has to wait: on one process."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from realtime.adapters import gate, lost_events
from realtime.adapters.memory import MemoryAdapter
from tests.adapters.fakes import NAMESPACE, FakeMember, Store, event, memory_adapter, numbered
from tests.helpers.waiting import until

# As configured; the tests themselves are quicker.
FOUND_WITHIN_S = lost_events.HEADS_EVERY_S + lost_events.GAP_PATIENCE_S


@pytest.fixture
def store() -> Store:
    store = Store()
    store.tells_heads = True
    return store


@pytest.fixture
async def adapter(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MemoryAdapter]:
    for name in ("GAP_PATIENCE_S", "GAP_RETRY_S", "HEADS_EVERY_S"):
        monkeypatch.setattr(lost_events, name, 0.01)
    adapter = memory_adapter(store)
    await adapter.start()
    yield adapter
    await adapter.stop()


async def joined(
    adapter: MemoryAdapter, name: str = "a", *, after: int | None = 0, room: str = "csgo"
) -> FakeMember:
    member = FakeMember(name)
    adapter.add(NAMESPACE, member, None)
    await adapter.join(NAMESPACE, room, member, hold=True)
    adapter.release(NAMESPACE, room, member, after)
    return member


def test_a_lost_end_is_found_within_two_seconds() -> None:
    assert FOUND_WITHIN_S < 1.5


async def test_a_lost_end_is_delivered_though_nothing_comes_after_it(
    adapter: MemoryAdapter, store: Store
) -> None:
    member = await joined(adapter)
    store.offsets = {1}
    adapter.deliver(numbered(1))
    store.offsets = {1, 2, 3}
    await until(lambda: len(member.heard) == 3)
    assert member.heard == ["n1", "n2", "n3"]
    store.offsets |= {4}
    await until(lambda: len(member.heard) == 4)
    adapter.deliver(numbered(4))
    assert member.heard == ["n1", "n2", "n3", "n4"]


async def test_a_room_that_keeps_nothing_is_not_asked_about(
    adapter: MemoryAdapter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(lost_events, "HEADS_PAGE", 2)
    read_heads = store.read_heads

    async def watched(rooms: list[tuple[str, str]]) -> object:
        asked.extend(rooms)
        assert len(rooms) <= 2
        return await read_heads(rooms)

    monkeypatch.setattr(store, "read_heads", watched)
    await joined(adapter, "a", after=None, room="unkept")
    for name in ("b", "c", "d"):
        await joined(adapter, name, room=name)
    await until(lambda: len(asked) >= 6)
    assert {room for _namespace, room in asked} == {"b", "c", "d"}


async def test_what_is_kept_no_longer_is_told_once_and_before_what_follows(
    adapter: MemoryAdapter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_events, "GAP_PAGE", 10)
    member = await joined(adapter)
    store.offsets = {48, 50, 52}
    await until(lambda: "n52" in member.heard)
    assert member.heard == ["lost1-47", "n48", "lost49-49", "n50", "lost51-51", "n52"]


async def test_a_head_that_cannot_be_read_is_asked_for_again(
    adapter: MemoryAdapter,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read_heads, failures = store.read_heads, [OSError("away"), OSError("away")]

    async def failing(rooms: list[tuple[str, str]]) -> object:
        if failures:
            raise failures.pop()
        return await read_heads(rooms)

    monkeypatch.setattr(store, "read_heads", failing)
    member = await joined(adapter)
    store.offsets = {1}
    await until(lambda: member.heard == ["n1"])
    assert caplog.messages.count("last offsets were not read") == 2


async def test_a_room_made_anew_while_it_was_read_is_not_set_back(
    adapter: MemoryAdapter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await joined(adapter)
    store.offsets = {1}
    adapter.deliver(numbered(1))
    read_heads = store.read_heads
    reads: list[asyncio.Event] = []

    async def slow(rooms: list[tuple[str, str]]) -> object:
        found = await read_heads(rooms)
        reads.append(asyncio.Event())
        await reads[-1].wait()
        return found

    monkeypatch.setattr(store, "read_heads", slow)
    await until(lambda: reads)
    store.epoch, store.offsets = "two", {1}
    adapter.deliver(numbered(1, epoch="two"))
    reads[0].set()
    await until(lambda: len(reads) == 2)
    assert member.heard == ["n1", "n1"]
    assert store.asked == []
    reads[1].set()


async def test_while_it_may_be_held_for_dead_a_process_delivers_nothing(
    adapter: MemoryAdapter, store: Store
) -> None:
    stays, goes = await joined(adapter, "a"), await joined(adapter, "b")
    adapter.deliver_until(time.monotonic() + 60)
    adapter.deliver(numbered(1))
    adapter.deliver_until(time.monotonic() - 1)
    adapter.deliver(numbered(2))
    adapter.deliver(event("typing", rooms=("csgo",), volatile=True))
    adapter.publish(event("x", rooms=("csgo",)))
    # What was lost is not delivered round about either.
    store.offsets = {1, 2, 3, 4}
    adapter.deliver(numbered(4))
    await until(lambda: store.asked == [] and adapter._rooms[NAMESPACE, "csgo"].feed.has_gap())
    assert stays.heard == goes.heard == ["n1"]
    adapter.leave(NAMESPACE, "csgo", goes)
    adapter.deliver_until(time.monotonic() + 60)
    await until(lambda: "n4" in stays.heard)
    assert stays.heard == ["n1", "n2", "x", "n3", "n4"]
    assert goes.heard == ["n1"]
    adapter.deliver_until(None)
    adapter.publish(event("y"))
    assert stays.heard[-1] == "y"


async def test_what_was_too_much_to_hold_back_is_read_again_or_told(
    adapter: MemoryAdapter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MAX_HELD_BACK", 2)
    kept = await joined(adapter, "a")
    unkept = await joined(adapter, "b", after=None, room="unkept")
    adapter.deliver_until(0.0)
    for offset in (1, 2, 3):
        adapter.deliver(numbered(offset))
    adapter.deliver(event("x", rooms=("unkept",)))
    store.offsets = {1, 2, 3}
    adapter.deliver_until(None)
    await until(lambda: len(kept.heard) == 3)
    assert kept.heard == ["n1", "n2", "n3"]
    assert unkept.heard == ["lost"]
