"""One suite for every adapter: as one process, and as two that share a layer."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from realtime.adapters import local_room, lost_events
from realtime.adapters.base import Adapter, Replies, Target
from realtime.adapters.channel_layer import ChannelLayerAdapter
from realtime.adapters.envelope import EnvelopeCodec
from realtime.adapters.memory import MemoryAdapter
from realtime.protocol.wires import SocketIoWire
from tests.adapters.fakes import NAMESPACE, FakeMember, Store, event, memory_adapter, numbered
from tests.helpers import services
from tests.helpers.waiting import DEADLINE_S, until

SOCKET_IO_WIRE = SocketIoWire()
KINDS = ["memory", "in-memory layer", pytest.param("redis", marks=pytest.mark.redis)]


@dataclass
class World:
    """Processes that serve one site. With one process ``near`` and ``far`` are the same."""

    adapters: list[Adapter]
    store: Store
    homes: dict[str, Adapter] = field(default_factory=dict)

    @property
    def near(self) -> Adapter:
        return self.adapters[0]

    @property
    def far(self) -> Adapter:
        return self.adapters[-1]

    def add(
        self, name: str, adapter: Adapter, *, user: str | None = None, namespace: str = NAMESPACE
    ) -> FakeMember:
        member = FakeMember(name)
        self.homes[member.socket_id] = adapter
        adapter.add(namespace, member, user)
        return member

    async def join(
        self, member: FakeMember, *rooms: str, hold: bool = False, namespace: str = NAMESPACE
    ) -> None:
        for room in rooms:
            await self.homes[member.socket_id].join(namespace, room, member, hold=hold)

    async def heard(self, *members: FakeMember, namespace: str = NAMESPACE) -> list[list[str]]:
        """Return what each has heard, once everything published before has arrived."""
        for adapter in self.adapters:
            adapter.publish(event("barrier", namespace=namespace))
        count = len(self.adapters)
        # One layer channel for each process: what was published before arrives before.
        await until(lambda: all(each.heard.count("barrier") >= count for each in members))
        collected = [[name for name in each.heard if name != "barrier"] for each in members]
        for each in members:
            each.forget()
        return collected


def process_names() -> list[str]:
    return ["process1", "process2"]


def layers_for(kind: str) -> list[InMemoryChannelLayer | RedisPubSubChannelLayer]:
    if kind == "redis":
        prefix = f"test-{secrets.token_hex(6)}"
        return [
            RedisPubSubChannelLayer(hosts=[services.REDIS_URL], prefix=prefix) for _ in range(2)
        ]
    # One layer is the wire between both: each process has a channel of its own on it.
    return [InMemoryChannelLayer(capacity=10_000)] * 2


@pytest.fixture(params=KINDS)
async def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(lost_events, "GAP_PATIENCE_S", 0.01)
    monkeypatch.setattr(lost_events, "GAP_RETRY_S", 0.01)
    store = Store()
    adapters: list[Adapter] = []
    if request.param == "memory":
        adapters.append(memory_adapter(store))
    else:
        codec = EnvelopeCodec(["key"])
        for layer, name in zip(layers_for(request.param), process_names(), strict=True):
            adapters.append(ChannelLayerAdapter(memory_adapter(store), layer, codec, name))
    for adapter in adapters:
        await adapter.start()
    yield World(adapters, store)
    for adapter in adapters:
        await adapter.stop()


@pytest.fixture
async def settled(world: World) -> World:
    """The world once every process hears of the namespace what each other one says."""
    scouts = [world.add(f"scout{at}", adapter) for at, adapter in enumerate(world.adapters)]
    ready = {f"ready{at}" for at in range(len(scouts))}
    async with asyncio.timeout(DEADLINE_S):
        while any(set(scout.heard) != ready for scout in scouts):
            for at, adapter in enumerate(world.adapters):
                adapter.publish(event(f"ready{at}"))
            await asyncio.sleep(0.01)
    await world.heard(*scouts)
    return world


async def test_a_room_reaches_its_members_on_every_process(settled: World) -> None:
    world = settled
    a, b, c = world.add("a", world.near), world.add("b", world.far), world.add("c", world.far)
    await world.join(a, "csgo")
    await world.join(b, "csgo")
    world.near.publish(event("x", rooms=("csgo",)))
    world.far.publish(event("y", rooms=("csgo",)))
    heard = await world.heard(a, b, c)
    assert [sorted(each) for each in heard] == [["x", "y"], ["x", "y"], []]


async def test_without_a_room_the_whole_namespace_hears_and_no_other(settled: World) -> None:
    world = settled
    a, b = world.add("a", world.near), world.add("b", world.far)
    other = world.add("o", world.far, namespace="/news")
    world.near.publish(event("x"))
    assert await world.heard(a, b) == [["x"], ["x"]]
    assert other.heard == []


async def test_a_room_of_another_namespace_is_another_room(settled: World) -> None:
    world = settled
    a = world.add("a", world.near)
    b = world.add("b", world.far, namespace="/news")
    await world.join(a, "csgo")
    await world.join(b, "csgo", namespace="/news")
    world.near.publish(event("x", rooms=("csgo",)))
    assert await world.heard(a) == [["x"]]
    assert b.heard == []


async def test_several_rooms_are_a_union_without_doubles(settled: World) -> None:
    world = settled
    a, b = world.add("a", world.near), world.add("b", world.far)
    for member in (a, b):
        await world.join(member, "one", "two")
    world.near.publish(event("x", rooms=("one", "two", b.socket_id)))
    (near, far) = await world.heard(a, b)
    assert near == ["x"]
    # Over a layer a process may hear of it by each group; never more than that.
    assert set(far) == {"x"}


async def test_rooms_and_sockets_can_be_excepted(settled: World) -> None:
    world = settled
    members = [world.add(name, world.near) for name in "abc"] + [world.add("d", world.far)]
    for member in members:
        await world.join(member, "all")
    await world.join(members[1], "quiet")
    await world.join(members[3], "quiet")
    world.near.publish(event("x", rooms=("all",), excepted=("quiet", members[0].socket_id)))
    world.far.publish(event("y", excepted=("quiet",)))
    heard = await world.heard(*members)
    assert [sorted(each) for each in heard] == [["y"], [], ["x", "y"], []]


async def test_one_socket_is_addressed_by_its_id(settled: World) -> None:
    world = settled
    a = world.add("process1", world.near)
    b = world.add("process2", world.far)
    world.near.publish(event("x", rooms=(b.socket_id,)))
    world.far.publish(event("y", rooms=(a.socket_id,)))
    assert await world.heard(a, b) == [["y"], ["x"]]


async def test_a_user_is_reached_on_every_socket(settled: World) -> None:
    world = settled
    a = world.add("a", world.near, user="7")
    b = world.add("b", world.far, user="7")
    c = world.add("c", world.far, user="8")
    world.near.publish(event("x", users=("7",)))
    world.near.publish(event("y", users=("7", "8"), excepted=(a.socket_id,)))
    assert await world.heard(a, b, c) == [["x"], ["x", "y"], ["y"]]


async def test_local_events_stay_on_this_process(settled: World) -> None:
    world = settled
    a, b = world.add("a", world.near), world.add("b", world.far)
    world.near.publish(event("x", local=True))
    near, far = await world.heard(a, b)
    assert near == ["x"]
    assert far == (["x"] if world.near is world.far else [])


async def test_volatile_events_are_marked_so(settled: World) -> None:
    world = settled
    a, b = world.add("a", world.near), world.add("b", world.far)
    world.near.publish(event("x", volatile=True))
    await until(lambda: a.volatile and b.volatile)
    assert (a.volatile[0], b.volatile[0]) == (True, True)
    assert await world.heard(a, b) == [["x"], ["x"]]


async def test_who_left_or_went_hears_nothing_more(settled: World) -> None:
    world = settled
    a, b, c = (world.add(name, world.far) for name in "abc")
    for member in (a, b, c):
        await world.join(member, "csgo")
    assert world.far.rooms(NAMESPACE, a) == {"csgo"}
    world.far.leave(NAMESPACE, "csgo", a)
    world.far.leave(NAMESPACE, "csgo", a)
    assert world.far.rooms(NAMESPACE, a) == frozenset()
    assert world.far.remove(NAMESPACE, b) == {"csgo"}
    assert world.far.remove(NAMESPACE, b) == frozenset()
    world.near.publish(event("x", rooms=("csgo",)))
    assert await world.heard(a, c) == [[], ["x"]]
    assert b.heard == []
    assert world.far.members(NAMESPACE, "csgo") == [c]


async def test_a_socket_that_is_gone_joins_nothing(settled: World) -> None:
    world = settled
    a = world.add("a", world.near)
    world.near.remove(NAMESPACE, a)
    await world.join(a, "csgo")
    assert world.near.members(NAMESPACE, "csgo") == []
    assert world.near.rooms(NAMESPACE, a) == frozenset()


@pytest.mark.parametrize(
    "room", ["", " ", "é" * 9, "a,b/c?d#e", "\x00", "🎮", "csgo\n", "x" * 5000], ids=ascii
)
async def test_any_text_is_a_rooms_name(settled: World, room: str) -> None:
    world = settled
    a = world.add("a", world.far)
    await world.join(a, room)
    world.near.publish(event("x", rooms=(room,)))
    world.near.publish(event("y", rooms=(room + "!",)))
    assert await world.heard(a) == [["x"]]


async def test_a_held_socket_hears_what_came_meanwhile_when_it_is_released(settled: World) -> None:
    world = settled
    a, b = world.add("a", world.far), world.add("b", world.far)
    await world.join(a, "csgo", hold=True)
    await world.join(b, "csgo")
    assert world.far.rooms(NAMESPACE, a) == frozenset()
    assert world.far.members(NAMESPACE, "csgo") == [b]
    world.near.publish(event("x", rooms=("csgo",)))
    world.near.publish(event("y", rooms=("csgo", "other")))
    assert await world.heard(a, b) == [[], ["x", "y"]]
    world.far.release(NAMESPACE, "csgo", a, None)
    world.far.release(NAMESPACE, "csgo", a, None)
    assert await world.heard(a) == [["x", "y"]]
    assert world.far.rooms(NAMESPACE, a) == {"csgo"}


async def test_a_held_socket_that_leaves_hears_nothing(settled: World) -> None:
    world = settled
    a = world.add("a", world.far)
    await world.join(a, "csgo", hold=True)
    world.near.publish(event("x", rooms=("csgo",)))
    assert await world.heard(a) == [[]]
    world.far.leave(NAMESPACE, "csgo", a)
    world.far.release(NAMESPACE, "csgo", a, None)
    assert await world.heard(a) == [[]]


async def test_too_much_held_back_sends_the_socket_away(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_room, "MAX_HELD", 3)
    world = settled
    a = world.add("a", world.near)
    await world.join(a, "csgo", hold=True)
    for _ in range(3):
        world.near.publish(event("x", rooms=("csgo",)))
    assert a.overflows == 0
    world.near.publish(event("x", rooms=("csgo",)))
    assert a.overflows == 1


async def test_numbered_events_are_heard_once_and_in_order(settled: World) -> None:
    world = settled
    a, b = world.add("a", world.near), world.add("b", world.far)
    for member in (a, b):
        await world.join(member, "csgo", hold=True)
        world.homes[member.socket_id].release(NAMESPACE, "csgo", member, 0)
    world.store.offsets = set(range(1, 8))
    for offset in (2, 1, 1, 3, 2, 5, 4):
        world.near.publish(numbered(offset))
    expected = [f"n{offset}" for offset in range(1, 6)]
    assert await world.heard(a, b) == [expected, expected]
    assert world.store.asked == []


async def test_a_lost_event_is_read_and_delivered_in_its_place(settled: World) -> None:
    world = settled
    a = world.add("a", world.far)
    await world.join(a, "csgo", hold=True)
    world.far.release(NAMESPACE, "csgo", a, 0)
    world.store.offsets = {1, 2, 3, 4, 5}
    for offset in (1, 4, 5):
        world.near.publish(numbered(offset))
    await until(lambda: len([name for name in a.heard if name != "barrier"]) == 5)
    assert await world.heard(a) == [["n1", "n2", "n3", "n4", "n5"]]
    assert (1, 5) in world.store.asked


async def test_events_that_are_gone_for_good_are_skipped(settled: World) -> None:
    world = settled
    a = world.add("a", world.far)
    await world.join(a, "csgo", hold=True)
    world.far.release(NAMESPACE, "csgo", a, 0)
    world.store.offsets = {3}
    world.near.publish(numbered(3))
    await until(lambda: "n3" in a.heard)
    world.near.publish(numbered(2))
    world.near.publish(numbered(4))
    assert await world.heard(a) == [["lost1-2", "n3", "n4"]]


async def test_a_store_that_fails_is_asked_again(
    settled: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = settled
    a = world.add("a", world.far)
    await world.join(a, "csgo", hold=True)
    world.far.release(NAMESPACE, "csgo", a, 0)
    world.store.offsets, world.store.failures = {1, 2}, 2
    world.near.publish(numbered(2))
    await until(lambda: "n2" in a.heard)
    assert await world.heard(a) == [["n1", "n2"]]
    assert caplog.messages.count("missed events were not read") == 2


async def test_what_a_joiner_has_read_is_not_heard_again(settled: World) -> None:
    """It read up to 2 from the store before this process had delivered that."""
    world = settled
    old, new = world.add("old", world.far), world.add("new", world.far)
    await world.join(old, "csgo", hold=True)
    world.far.release(NAMESPACE, "csgo", old, 0)
    await world.join(new, "csgo", hold=True)
    world.far.release(NAMESPACE, "csgo", new, 2)
    for offset in (1, 2, 3):
        world.near.publish(numbered(offset))
    assert await world.heard(old, new) == [["n1", "n2", "n3"], ["n3"]]


async def test_held_numbered_events_up_to_what_was_read_are_left_out(settled: World) -> None:
    world = settled
    old, new = world.add("old", world.far), world.add("new", world.far)
    await world.join(old, "csgo", hold=True)
    world.far.release(NAMESPACE, "csgo", old, 0)
    await world.join(new, "csgo", hold=True)
    for offset in (1, 2, 3):
        world.near.publish(numbered(offset))
    assert await world.heard(old, new) == [["n1", "n2", "n3"], []]
    world.far.release(NAMESPACE, "csgo", new, 2)
    assert await world.heard(new) == [["n3"]]


async def test_the_first_joiners_reading_is_where_the_room_begins(settled: World) -> None:
    world = settled
    a = world.add("a", world.far)
    await world.join(a, "csgo", hold=True)
    for offset in (6, 5, 4):
        world.near.publish(numbered(offset))
    assert await world.heard(a) == [[]]
    world.far.release(NAMESPACE, "csgo", a, 4)
    assert await world.heard(a) == [["n5", "n6"]]


async def test_an_event_is_written_once_for_each_wire(settled: World) -> None:
    world = settled
    plain = [world.add("a", world.far), world.add("b", world.far)]
    other = [FakeMember(name, wire=SOCKET_IO_WIRE) for name in "cd"]
    for member in other:
        world.far.add(NAMESPACE, member, None)
    world.near.publish(event("x", 1))
    await until(lambda: all(member.messages for member in (*plain, *other)))
    assert plain[0].messages[0] is plain[1].messages[0]
    assert other[0].messages[0] is other[1].messages[0]
    assert plain[0].messages[0].parts == ('{"event":"x","args":[1]}',)
    assert other[0].messages[0].parts == ('42/games,["x",1]',)


async def test_an_answer_that_does_not_come_in_time_is_missing_and_not_an_error() -> None:
    async def answer(operation: str, target: Target, content: bytes) -> bytes:
        del operation, target, content
        await asyncio.Event().wait()
        return b""

    adapter = MemoryAdapter(Store(), answer)
    replies = await adapter.request("any", Target("/"), b"", timeout_s=0.01)
    assert replies == Replies((), ("this process",))
