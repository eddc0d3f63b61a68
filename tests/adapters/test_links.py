"""Streams between two processes: in order, with back-pressure, and surely ended."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from realtime.adapters import channel_layer, layer_api, links
from realtime.adapters.channel_layer import ChannelLayerAdapter
from realtime.adapters.envelope import EnvelopeCodec
from realtime.adapters.groups import process_group
from realtime.adapters.link_frames import DataFrame, EndFrame, NoteFrame, TextFrame
from realtime.adapters.links import Links, Reach
from realtime.adapters.streams import PIECE_SIZE, WINDOW_BYTES, Stream, StreamBroken
from tests.adapters.fakes import memory_adapter
from tests.helpers.shared_layer import SharedLayer
from tests.helpers.waiting import turns, until

NEAR, FAR = "process1", "process2"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (channel_layer, "PROBE_INTERVAL_S", 0.02),
        (channel_layer, "PROBE_TIMEOUT_S", 0.1),
        (layer_api, "RETRY_S", 0.02),
        (layer_api, "LAYER_TIMEOUT_S", 0.1),
        (links, "TICK_S", 0.02),
        (links, "SETTLE_S", 0.1),
        (links, "RETRY_S", 0.02),
        (links, "REACH_PATIENCE_S", 0.3),
    ):
        monkeypatch.setattr(module, name, seconds)


class Pair:
    """Two processes on one layer; the far one keeps what streams are opened to it."""

    def __init__(self) -> None:
        self.layer = SharedLayer()
        self.near, self.far = (
            ChannelLayerAdapter(memory_adapter(), self.layer, EnvelopeCodec(["key"]), name)
            for name in (NEAR, FAR)
        )
        self.accepted: list[tuple[Stream, bytes]] = []
        self.far.links.accept = self._accept
        self.let_go = asyncio.Event()

    @property
    def links(self) -> Links:
        return self.near.links

    async def _accept(self, stream: Stream, content: bytes) -> None:
        self.accepted.append((stream, content))
        await self.let_go.wait()

    async def open(self, content: bytes = b"") -> tuple[Stream, Stream]:
        """Open a stream and return both of its ends."""
        count = len(self.accepted)
        stream = self.links.open(FAR, content)
        await until(lambda: len(self.accepted) > count)
        return stream, self.accepted[-1][0]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    for adapter in (pair.near, pair.far):
        await adapter.start()
    await until(lambda: pair.near.lives(FAR) and pair.far.lives(NEAR))
    yield pair
    pair.let_go.set()
    pair.layer.fault = ""
    for adapter in (pair.near, pair.far):
        await adapter.stop()


async def test_both_ends_say_what_they_want_and_it_arrives_in_order(pair: Pair) -> None:
    near, far = await pair.open(b"what is wanted")
    assert pair.accepted[0][1] == b"what is wanted"
    await near.send(b"bytes")
    near.note(b"a word")
    await near.send("text \N{SNOWMAN}")
    assert [await far.receive() for _ in range(3)] == [
        DataFrame(1, b"bytes"),
        NoteFrame(1, b"a word"),
        TextFrame(1, "text \N{SNOWMAN}"),
    ]
    await far.send(b"back")
    assert await near.receive_whole() == b"back"
    far.end(b"the end")
    for _again in range(2):
        assert await near.receive() == EndFrame(-1, b"the end")
    assert (pair.near.links.streams, pair.far.links.streams) == (0, 0)


@pytest.mark.parametrize("size", [0, PIECE_SIZE, PIECE_SIZE + 1, 5 * WINDOW_BYTES + 7])
@pytest.mark.parametrize("is_text", [False, True])
async def test_a_large_message_comes_in_one(pair: Pair, size: int, is_text: bool) -> None:
    data = secrets.token_hex(size)[:size] if is_text else secrets.token_bytes(size)
    near, far = await pair.open()
    sending = asyncio.create_task(near.send(data))
    assert await far.receive_whole() == data
    await sending


async def test_who_does_not_read_holds_the_other_back(pair: Pair) -> None:
    near, far = await pair.open()
    sending = asyncio.create_task(near.send(bytes(10 * WINDOW_BYTES)))
    await turns(1_000)
    assert not near.is_writable
    waiting = sum(len(item.data) for item in far._inbox if isinstance(item, DataFrame))
    assert waiting <= WINDOW_BYTES + PIECE_SIZE
    assert len(await _whole(far)) == 10 * WINDOW_BYTES
    await sending


async def test_many_small_pieces_are_bounded_too(pair: Pair) -> None:
    near, far = await pair.open()

    async def flood() -> None:
        for _ in range(100_000):
            await near.send(b"")

    sending = asyncio.create_task(flood())
    await until(lambda: not near.is_writable)
    await turns(1_000)
    assert len(far._inbox) <= WINDOW_BYTES // 64
    sending.cancel()


async def test_streams_do_not_hold_up_each_other(pair: Pair) -> None:
    stuck, _unread = await pair.open()
    sending = asyncio.create_task(stuck.send(bytes(10 * WINDOW_BYTES)))
    near, far = await pair.open()
    await near.send(b"quick")
    assert await far.receive_whole() == b"quick"
    assert not sending.done()
    sending.cancel()


@pytest.mark.parametrize("fault", ["raises", "hangs", "loses"])
async def test_what_a_layer_loses_for_a_moment_arrives_later(pair: Pair, fault: str) -> None:
    near, far = await pair.open()
    await near.send(b"before")
    assert await far.receive_whole() == b"before"
    pair.layer.fault = fault
    await until(lambda: pair.near.lost_at is not None)
    for number in range(20):
        await near.send(b"%d" % number)
    await turns()
    pair.layer.fault = ""
    assert [await far.receive_whole() for _ in range(20)] == [b"%d" % n for n in range(20)]


async def test_a_layer_that_stays_away_breaks_the_streams(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "LAYER_PATIENCE_S", 0.1)
    near, far = await pair.open()
    pair.layer.fault = "raises"
    for end in (near, far):
        with pytest.raises(StreamBroken):
            await end.receive()
    await near.send(b"to nobody")
    near.end()
    assert await pair.links.reach(FAR) in {Reach.AWAY, Reach.LIVES}
    pair.layer.fault = ""
    await until(lambda: pair.near.lost_at is None and pair.far.lost_at is None)
    near, far = await pair.open()
    await near.send(b"again")
    assert await far.receive_whole() == b"again"


async def test_a_process_that_is_killed_breaks_its_streams(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.adapters.peers.PEER_LIFE_S", 0.2)
    near, far = await pair.open()
    await far.send(b"the last word")
    await turns()
    for task in pair.far._tasks:
        task.cancel()
    assert await near.receive_whole() == b"the last word"
    with pytest.raises(StreamBroken):
        await near.receive()
    assert await pair.links.reach(FAR) is Reach.GONE


async def test_a_process_that_says_goodbye_breaks_its_streams_at_once(pair: Pair) -> None:
    near, _far = await pair.open()
    pair.let_go.set()
    await pair.far.stop()
    assert (await near.receive()) == EndFrame(-1, b"")
    assert await pair.links.reach(FAR) is Reach.GONE


async def test_a_process_never_heard_of_is_gone(pair: Pair) -> None:
    await until(lambda: pair.near.steady_since is not None)
    assert await pair.links.reach("nobody__") is Reach.GONE


async def test_while_the_layer_is_away_nobody_knows(pair: Pair) -> None:
    pair.layer.fault = "raises"
    await until(lambda: pair.near.lost_at is not None)
    assert await pair.links.reach("nobody__") is Reach.AWAY


async def test_an_end_that_forgot_the_link_has_the_other_begin_anew(pair: Pair) -> None:
    near, _far = await pair.open()
    pair.far.links.cut(NEAR)
    await near.send(b"x")
    with pytest.raises(StreamBroken):
        await near.receive()
    near, far = await pair.open()
    await near.send(b"again")
    assert await far.receive_whole() == b"again"


async def test_recorded_messages_of_an_earlier_link_do_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[dict[str, Any]] = []
    send = pair.layer.group_send

    async def record(group: str, message: dict[str, Any]) -> None:
        if group == process_group(FAR):
            recorded.append(message)
        await send(group, message)

    monkeypatch.setattr(pair.layer, "group_send", record)
    near, _far = await pair.open(b"do it once")
    near.end()
    await until(lambda: pair.far.links.streams == 0)
    pair.near.links.cut(FAR)
    pair.far.links.cut(NEAR)
    for message in recorded[:]:
        await send(process_group(FAR), message)
    near, far = await pair.open(b"the next")
    assert [content for _stream, content in pair.accepted] == [b"do it once", b"the next"]
    await near.send(b"x")
    assert await far.receive_whole() == b"x"


async def test_what_a_later_release_says_is_dropped_and_counted(pair: Pair) -> None:
    near, far = await pair.open()
    pair.links._link(FAR).push(msgspec.msgpack.encode({"type": "later", "stream": 1}), 0.0)
    pair.links._link(FAR).push(b"\xc1", 0.0)
    body = msgspec.msgpack.encode({"type": "later", "origin": NEAR})
    key = blake2b(b"key", person=b"roomkey layer").digest()
    mac = blake2b(body, key=key, digest_size=16).digest()
    later = {"type": "realtime.deliver", "version": 1, "body": body, "mac": mac}
    await pair.layer.group_send(process_group(FAR), later)
    await near.send(b"goes on")
    assert await far.receive_whole() == b"goes on"
    assert pair.far.figures().streams == {"opened": 0, "accepted": 1, "broken": 0, "dropped": 2}
    assert pair.near.figures().streams == {"opened": 1, "accepted": 0, "broken": 0, "dropped": 0}
    assert pair.far.dropped_in == 1


async def test_a_stream_that_fails_ends(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(stream: Stream, content: bytes) -> None:
        del stream, content
        raise RuntimeError("a fault of ours")

    pair.far.links.accept = fail
    near = pair.links.open(FAR, b"")
    assert await near.receive() == EndFrame(-1, b"")
    assert "stream failed" in caplog.text


async def _whole(stream: Stream) -> bytes:
    whole = await stream.receive_whole()
    assert isinstance(whole, bytes)
    return whole
