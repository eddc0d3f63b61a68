"""A layer that raises, hangs, forgets or carries junk: our own sockets are served as before."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import redis.asyncio
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from realtime.adapters import channel_layer
from realtime.adapters.channel_layer import ChannelLayerAdapter, room_group
from realtime.adapters.envelope import MESSAGE_TYPE, EnvelopeCodec
from tests.adapters.fakes import NAMESPACE, FakeMember, event, memory_adapter
from tests.helpers import services
from tests.helpers.waiting import until

# As configured; the tests themselves are quicker.
NOTICED_WITHIN_S = channel_layer.PROBE_INTERVAL_S + channel_layer.PROBE_TIMEOUT_S


class FaultyLayer(InMemoryChannelLayer):
    """An in-memory layer that can be taken away: ``raises``, ``hangs``."""

    def __init__(self) -> None:
        super().__init__(capacity=10_000)
        self.fault = ""

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
        await super().group_send(group, message)

    def forget_groups(self) -> None:
        """Lose what a restarted Redis loses."""
        self.groups.clear()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "PROBE_INTERVAL_S": 0.02,
        "PROBE_TIMEOUT_S": 0.1,
        "RETRY_S": 0.02,
        "LAYER_TIMEOUT_S": 0.1,
        "SUBSCRIBE_TIMEOUT_S": 0.5,
    }.items():
        monkeypatch.setattr(channel_layer, name, seconds)


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


async def _until_reaching(near: ChannelLayerAdapter, member: FakeMember) -> None:
    member.forget()

    def is_reached() -> bool:
        near.publish(event("again", rooms=("csgo",)))
        return "again" in member.heard

    await until(is_reached)


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
