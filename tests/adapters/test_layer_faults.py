"""A layer that raises, hangs, forgets or carries junk: our own sockets are served as before."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis.asyncio
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from bench.faults.machines import RedisServer, running_redis
from realtime.adapters import channel_layer, layer_api, peers, subscriptions
from realtime.adapters.channel_layer import ChannelLayerAdapter
from realtime.adapters.envelope import MESSAGE_TYPE, EnvelopeCodec
from realtime.adapters.groups import room_group
from tests.adapters.fakes import NAMESPACE, FakeMember, event, memory_adapter
from tests.helpers import services
from tests.helpers.waiting import until

# As configured; the tests themselves are quicker.
NOTICED_WITHIN_S = channel_layer.PROBE_INTERVAL_S + channel_layer.PROBE_TIMEOUT_S


PATIENCE_S = 20.0


class FaultyLayer(InMemoryChannelLayer):
    """An in-memory layer that can be taken away: ``raises``, ``hangs``."""

    def __init__(self) -> None:
        super().__init__(capacity=10_000)
        self.fault = ""
        self._swallows: dict[str, int] = {}

    def swallow(self, group: str, count: int) -> None:
        """Lose the next messages to a group without a word."""
        self._swallows[group] = count

    async def swallowed(self, group: str) -> None:
        """Wait until they are lost: what comes at once with the last would be lost with it."""
        await until(lambda: not self._swallows[group])

    async def _suffer(self) -> None:
        if self.fault == "raises":
            raise ConnectionError("the layer is away")
        if self.fault == "hangs":
            await asyncio.get_running_loop().create_future()

    async def group_add(self, group: str, channel: str) -> None:
        await self._suffer()
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._suffer()
        if self._swallows.get(group):
            self._swallows[group] -= 1
            return
        await super().group_send(group, message)

    def forget_groups(self) -> None:
        """Lose what a restarted Redis loses."""
        self.groups.clear()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (channel_layer, "PROBE_INTERVAL_S", 0.02),
        (channel_layer, "PROBE_TIMEOUT_S", 0.1),
        (layer_api, "RETRY_S", 0.02),
        (layer_api, "LAYER_TIMEOUT_S", 0.1),
        (subscriptions, "SUBSCRIBE_TIMEOUT_S", 0.5),
    ):
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
async def layer() -> FaultyLayer:
    return FaultyLayer()


async def _started(layer: Any, name: str) -> ChannelLayerAdapter:
    adapter = ChannelLayerAdapter(memory_adapter(), layer, EnvelopeCodec(["key"]), name)
    await adapter.start()
    return adapter


@pytest.fixture
async def pair(layer: FaultyLayer) -> AsyncIterator[list[ChannelLayerAdapter]]:
    adapters = [await _started(layer, name) for name in ("process1", "process2")]
    yield adapters
    layer.fault = ""
    for adapter in adapters:
        await adapter.stop()


async def joined(adapter: ChannelLayerAdapter, name: str, room: str = "csgo") -> FakeMember:
    member = FakeMember(name)
    adapter.add(NAMESPACE, member, None)
    await adapter.join(NAMESPACE, room, member, hold=False)
    return member


def test_a_loss_is_noticed_within_two_seconds() -> None:
    assert NOTICED_WITHIN_S <= 2


@pytest.mark.parametrize("fault", ["raises", "hangs"])
async def test_own_sockets_are_served_while_the_layer_is_away(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter], fault: str
) -> None:
    near, far = pair
    a, b = await joined(near, "a"), await joined(far, "b")
    near.publish(event("before", rooms=("csgo",)))
    await until(lambda: b.heard == ["before"])
    layer.fault = fault
    await until(lambda: near.lost_at is not None and far.lost_at is not None)
    near.publish(event("meanwhile", rooms=("csgo",)))
    assert a.heard == ["before", "meanwhile"]
    late = await asyncio.wait_for(joined(near, "late", "new room"), 0.5)
    near.publish(event("here", rooms=("new room",)))
    assert late.heard == ["here"]
    layer.fault = ""
    await until(lambda: near.lost_at is None and far.lost_at is None)
    await _until_reaching(near, b)


async def test_groups_that_the_layer_forgot_are_joined_again(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    member = await joined(far, "b")
    layer.forget_groups()
    await until(lambda: room_group(NAMESPACE, "csgo") in layer.groups)
    await until(lambda: near.lost_at is None and far.lost_at is None)
    await _until_reaching(near, member)


async def test_groups_are_joined_again_even_if_the_layer_forgets_twice(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    member = await joined(far, "b")
    layer.fault = "raises"
    await until(lambda: near.lost_at is not None and far.lost_at is not None)
    layer.fault = ""
    await until(lambda: layer.groups)
    layer.forget_groups()
    await until(lambda: near.lost_at is None and far.lost_at is None)
    await _until_reaching(near, member)


async def _until_reaching(
    near: ChannelLayerAdapter, member: FakeMember, room: str = "csgo"
) -> None:
    member.forget()

    def is_reached() -> bool:
        near.publish(event("again", rooms=(room,)))
        return "again" in member.heard

    await until(is_reached, within_s=PATIENCE_S)


async def test_what_does_not_fit_while_the_layer_is_away_is_counted(
    layer: FaultyLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_layer, "MAX_UNSENT", 3)
    layer.fault = "hangs"
    adapter = await _started(layer, "process1")
    member = FakeMember("a")
    adapter.add(NAMESPACE, member, None)
    for _ in range(10):
        adapter.publish(event("x"))
    assert member.heard == ["x"] * 10
    assert adapter.dropped_out == 7
    layer.fault = ""
    await adapter.stop()


JUNK: list[Any] = [
    {},
    {"type": "websocket.close"},
    {"type": "websocket.disconnect", "code": 4999},
    {"type": MESSAGE_TYPE},
    {"type": MESSAGE_TYPE, "version": 1, "body": b"x", "mac": b"y" * 16},
    {"type": "no.such.handler"},
]


async def test_forged_messages_are_dropped_and_counted(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    member = await joined(far, "b")
    group = room_group(NAMESPACE, "csgo")
    for junk in JUNK:
        await layer.group_send(group, junk)
    await until(lambda: far.dropped_in == len(JUNK))
    near.publish(event("real", rooms=("csgo",)))
    await until(lambda: member.heard == ["real"])
    assert far.lost_at is None


@pytest.mark.redis
async def test_any_bytes_on_our_redis_channels_are_dropped_and_counted() -> None:
    prefix = f"test-{secrets.token_hex(6)}"
    adapters = [
        await _started(RedisPubSubChannelLayer(hosts=[services.REDIS_URL], prefix=prefix), name)
        for name in ("process1", "process2")
    ]
    near, far = adapters
    member = await joined(far, "b")
    channel = f"{prefix}__group__{room_group(NAMESPACE, 'csgo')}"
    bodies = [
        b"",
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00cos\nsystem\n.",
        secrets.token_bytes(100),
        b"\xc1" * 10,
        msgspec.msgpack.encode(5),
        msgspec.msgpack.encode(["x"]),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(5, b"x")),
        msgspec.msgpack.encode(JUNK[-1]),
        secrets.token_bytes(4_000_000),
    ]
    client = redis.asyncio.from_url(services.REDIS_URL)
    try:
        for body in bodies:
            await client.publish(channel, body)
    finally:
        await client.aclose()
    await until(lambda: far.dropped_in == len(bodies))
    near.publish(event("real", rooms=("csgo",)))
    await until(lambda: member.heard == ["real"])
    for adapter in adapters:
        await adapter.stop()


async def unkept(adapter: ChannelLayerAdapter, name: str, room: str = "unkept") -> FakeMember:
    """Let a socket join a room whose events are stored nowhere."""
    member = FakeMember(name)
    adapter.add(NAMESPACE, member, None)
    await adapter.join(NAMESPACE, room, member, hold=True)
    adapter.release(NAMESPACE, room, member, None)
    return member


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_layer, "LOST_PATIENCE_S", 0.05)


@pytest.mark.usefixtures("_patient")
async def test_a_loss_in_a_room_that_keeps_nothing_is_told_before_what_follows(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    here, there = await unkept(near, "a"), await unkept(far, "b")
    near.publish(event("first", rooms=("unkept",)))
    await until(lambda: there.heard == ["first"])
    group = room_group(NAMESPACE, "unkept")
    for name in ("lost", "lost too"):
        layer.swallow(group, 1)
        near.publish(event(name, rooms=("unkept",)))
        await layer.swallowed(group)
    near.publish(event("after", rooms=("unkept",)))
    await until(lambda: "after" in there.heard)
    assert there.heard == ["first", "lost", "after"]
    assert here.heard == ["first", "lost", "lost too", "after"]


@pytest.mark.usefixtures("_patient")
async def test_a_loss_that_nothing_comes_after_is_told_once(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    await unkept(near, "a")
    there = await unkept(far, "b")
    quiet = await unkept(far, "c", "quiet")
    near.publish(event("first", rooms=("unkept",)))
    await until(lambda: there.heard == ["first"])
    layer.fault = "raises"
    await until(lambda: near.lost_at is not None and far.lost_at is not None)
    near.publish(event("lost on its way", rooms=("unkept",)))
    await until(lambda: near.dropped_out > 0)
    layer.fault = ""
    await until(lambda: there.heard == ["first", "lost"])
    near.publish(event("next", rooms=("unkept",)))
    await until(lambda: "next" in there.heard)
    assert there.heard == ["first", "lost", "next"]
    assert quiet.heard == []


@pytest.mark.usefixtures("_patient")
async def test_even_the_first_event_that_a_socket_should_have_heard_is_missed(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    await unkept(near, "a")
    for number in range(3):
        near.publish(event(f"early{number}", rooms=("unkept",)))
    await until(lambda: not len(near._unsent))
    there = await unkept(far, "b")
    group = room_group(NAMESPACE, "unkept")
    await until(lambda: far._heard.of(group) == {"process1": 3})
    layer.swallow(group, 1)
    near.publish(event("x", rooms=("unkept",)))
    await until(lambda: there.heard == ["lost"])


@pytest.mark.usefixtures("_patient")
async def test_the_rooms_of_a_process_that_crashed_are_told_and_those_of_one_that_left_are_not(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "PEER_DEATH_S", 2.0)
    near, far = pair
    third = await _started(layer, "process3")
    crashed, left = await unkept(far, "a", "crashed"), await unkept(far, "b", "left")
    near.publish(event("x", rooms=("crashed",)))
    third.publish(event("y", rooms=("left",)))
    await until(lambda: crashed.heard == ["x"] and left.heard == ["y"])
    await until(lambda: "process1" in far._peers._heard_at)
    await third.stop()
    for task in near._tasks:
        task.cancel()
    await until(lambda: crashed.heard == ["x", "lost"], within_s=PATIENCE_S)
    assert left.heard == ["y"]


async def test_where_events_are_numbered_a_count_says_nothing(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    member = FakeMember("b")
    far.add(NAMESPACE, member, None)
    await far.join(NAMESPACE, "csgo", member, hold=True)
    far.release(NAMESPACE, "csgo", member, 0)
    near.publish(event("first", rooms=("csgo",)))
    await until(lambda: member.heard == ["first"])
    layer.swallow(room_group(NAMESPACE, "csgo"), 1)
    near.publish(event("not stored", rooms=("csgo",)))
    await layer.swallowed(room_group(NAMESPACE, "csgo"))
    near.publish(event("after", rooms=("csgo",)))
    await until(lambda: "after" in member.heard)
    assert member.heard == ["first", "after"]


async def test_who_is_still_joining_is_told_of_no_loss(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter]
) -> None:
    near, far = pair
    member = FakeMember("b")
    far.add(NAMESPACE, member, None)
    await far.join(NAMESPACE, "csgo", member, hold=True)
    near.publish(event("first", rooms=("csgo",)))
    group = room_group(NAMESPACE, "csgo")
    await until(lambda: far._heard.of(group) == {"process1": 1})
    layer.swallow(group, 1)
    near.publish(event("lost", rooms=("csgo",)))
    await layer.swallowed(group)
    near.publish(event("after", rooms=("csgo",)))
    await until(lambda: far._heard.of(group) == {"process1": 3})
    far.release(NAMESPACE, "csgo", member, 0)
    assert member.heard == ["first", "after"]


async def test_a_flood_of_junk_is_counted_and_logged_once(
    layer: FaultyLayer, pair: list[ChannelLayerAdapter], caplog: pytest.LogCaptureFixture
) -> None:
    _near, far = pair
    await joined(far, "b")
    for _ in range(50):
        await layer.group_send(room_group(NAMESPACE, "csgo"), {"type": "no.such.handler"})
    await until(lambda: far.dropped_in == 50)
    assert caplog.messages.count("layer message dropped") == 1


async def _until_heard(member: FakeMember, name: str) -> None:
    await until(lambda: member.heard == [name])


@pytest.mark.redis
async def test_two_redis_hosts_carry_one_site_and_the_loss_of_either_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A real server on a busy machine is not as quick as a fake one.
    monkeypatch.setattr(channel_layer, "PROBE_TIMEOUT_S", 2.0)
    monkeypatch.setattr(layer_api, "LAYER_TIMEOUT_S", 2.0)
    monkeypatch.setattr(subscriptions, "SUBSCRIBE_TIMEOUT_S", 2.0)
    if not RedisServer.is_installed():
        services.skip_unless_ci("no redis-server to start")
    prefix = f"test-{secrets.token_hex(6)}"
    with running_redis(tmp_path) as first, running_redis(tmp_path) as second:
        hosts = [first.url, second.url]
        near, far = [
            await _started(RedisPubSubChannelLayer(hosts=hosts, prefix=prefix), name)
            for name in ("process1", "process2")
        ]
        rooms = [f"room{number}" for number in range(8)]
        members = [await joined(far, f"m{number}", room) for number, room in enumerate(rooms)]
        for member, room in zip(members, rooms, strict=True):
            near.publish(event("x", rooms=(room,)))
            await _until_heard(member, "x")
        for host in (first, second):
            host.kill()
            await until(
                lambda: near.lost_at is not None and far.lost_at is not None, within_s=PATIENCE_S
            )
            host.start()
            await until(lambda: near.lost_at is None and far.lost_at is None, within_s=PATIENCE_S)
            for member, room in zip(members, rooms, strict=True):
                await _until_reaching(near, member, room)
        for adapter in (near, far):
            await adapter.stop()
