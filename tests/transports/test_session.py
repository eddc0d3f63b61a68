import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from realtime.exceptions import ProtocolError
from realtime.protocol.engine_session import Handshake
from realtime.protocol.wire_message import WireMessage
from realtime.transports.session import Session
from realtime.transports.websocket import WebSocketTransport
from tests.helpers.clock import MovedClock
from tests.helpers.waiting import DEADLINE_S, turns, until
from tests.transports.fakes import FakeServer, FakeWriter

INTERVAL_S = 25.0
TIMEOUT_S = 20.0


class Handler:
    """Who takes a session's messages; not ready while ``is_full``."""

    def __init__(self) -> None:
        self.received: list[str | bytes] = []
        self.reasons: list[str] = []
        self.is_full = False
        self._room = asyncio.Event()

    def receive(self, message: str | bytes) -> None:
        if message == "bad":
            raise ProtocolError("bad")
        self.received.append(message)

    @property
    def is_ready(self) -> bool:
        return not self.is_full

    async def ready(self) -> None:
        await self._room.wait()

    def free(self) -> None:
        self.is_full = False
        self._room.set()

    def moved(self) -> None:
        raise AssertionError("nothing upgrades here")

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self._room.set()


class Served:
    """A session that runs, its client's end and its clock."""

    def __init__(self, writer: FakeWriter | None) -> None:
        self.server = FakeServer(writer)
        self.clock = MovedClock()
        self.handler = Handler()
        self.transport = WebSocketTransport(
            self.server.scope,
            self.server.receive,
            self.server.send,
            max_bytes=100,
            outbox_bytes=0,
            outbox_messages=0,
            on_overflow=lambda: None,
        )
        handshake = Handshake("sid", ("websocket",), INTERVAL_S, TIMEOUT_S, 100)
        self.session = Session(handshake, self.transport)

    async def pings(self) -> int:
        await turns()
        return self.server.data.count("2")


@asynccontextmanager
async def served(writer: FakeWriter | None = None) -> AsyncIterator[Served]:
    """Run a session; at the end it must be over, with no task left behind and one reason."""
    before = asyncio.all_tasks()
    it = Served(writer)
    it.server.connect()
    await it.transport.accept()
    running = asyncio.create_task(it.session.run(it.handler))
    await turns()
    yield it
    async with asyncio.timeout(DEADLINE_S):
        await running
    await turns()
    assert asyncio.all_tasks() == before
    assert it.handler.reasons == [it.session.reason]


@pytest.fixture(autouse=True)
def _no_lost_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_open_packet_comes_first() -> None:
    async with served() as it:
        (first,) = it.server.data
        assert isinstance(first, str)
        assert first.startswith("0")
        assert json.loads(first[1:])["sid"] == "sid"
        it.server.disconnect()


async def test_messages_reach_the_handler_in_order() -> None:
    async with served() as it:
        for data in ("4a", b"\x01", "4", "bAg==", "3", "0", "5", "6", "4b"):
            it.server.say(data)
        it.server.disconnect()
    assert it.handler.received == ["a", b"\x01", "", b"\x02", "b"]
    assert it.session.reason == "transport close"


async def test_a_ping_comes_each_interval_after_the_pong() -> None:
    async with served() as it:
        await it.clock.advance(INTERVAL_S - 0.5)
        assert await it.pings() == 0
        await it.clock.advance(0.5)
        assert await it.pings() == 1
        it.server.say("3")
        await turns()
        await it.clock.advance(INTERVAL_S - 0.5)
        assert await it.pings() == 1
        await it.clock.advance(0.5)
        assert await it.pings() == 2
        it.server.disconnect()


async def test_a_client_that_does_not_answer_is_closed_as_ping_timeout() -> None:
    async with served() as it:
        await it.clock.advance(INTERVAL_S)
        await it.clock.advance(TIMEOUT_S - 0.5)
        assert it.session.reason is None
        await it.clock.advance(0.5)
    assert it.session.reason == "ping timeout"
    assert it.server.close_code == 1000


async def test_a_client_that_we_do_not_read_is_excused() -> None:
    async with served(FakeWriter()) as it:
        it.handler.is_full = True
        it.server.say("4a")
        await turns()
        await it.clock.advance(INTERVAL_S)
        it.server.say("3")
        await it.clock.advance(TIMEOUT_S)
        await it.clock.advance(TIMEOUT_S)
        assert it.session.reason is None
        it.handler.free()
        await turns()
        await it.clock.advance(TIMEOUT_S - 0.5)
        assert it.session.reason is None
        it.server.disconnect()


@pytest.mark.parametrize("writer", [FakeWriter, lambda: None])
async def test_nothing_is_read_while_the_handler_is_full(
    writer: Callable[[], FakeWriter | None],
) -> None:
    frames = writer()
    async with served(frames) as it:
        it.handler.is_full = True
        for text in ("4a", "4b"):
            it.server.say(text)
        await turns()
        assert it.handler.received == ["a"]
        assert it.server.incoming.qsize() == 1
        assert frames is None or frames.is_paused
        it.handler.free()
        await until(lambda: it.handler.received == ["a", "b"])
        assert frames is None or not frames.is_paused
        it.server.disconnect()


@pytest.mark.parametrize("data", ["", "7", "2", "2probe", "b###", "4bad"])
async def test_a_breach_of_the_protocol_ends_the_session(data: str) -> None:
    async with served() as it:
        it.server.say("4before")
        it.server.say(data)
        it.server.say("4after")
    assert it.session.reason == "parse error"
    assert it.handler.received == ["before"]
    assert it.server.close_code is not None


async def test_a_close_packet_ends_the_session_at_once() -> None:
    async with served() as it:
        it.server.say("1")
    assert it.session.reason == "transport close"


async def test_a_message_that_is_too_big_ends_the_session_with_1009() -> None:
    async with served() as it:
        it.server.say("4" + "x" * 100)
    assert it.session.reason == "transport error"
    assert it.server.close_code == 1009


async def test_closing_from_our_side_keeps_what_was_sent_before() -> None:
    async with served() as it:
        it.session.send(WireMessage("4last"), False)
        it.session.close("forced close")
        it.session.close("another reason")
        assert not it.session.send(WireMessage("4late"), False)
    assert it.session.reason == "forced close"
    assert it.server.data[-1] == "4last"
    assert it.server.close_code == 1000


async def test_closing_ends_a_reader_that_waits_for_a_full_handler() -> None:
    async with served(FakeWriter()) as it:
        it.handler.is_full = True
        it.server.say("4a")
        await turns()
        it.session.close("forced close")
    assert it.session.reason == "forced close"


async def test_a_session_that_is_over_pings_no_more() -> None:
    async with served() as it:
        it.server.disconnect()
        await until(lambda: it.session.reason)
    count = len(it.server.sent)
    await it.clock.advance(INTERVAL_S + TIMEOUT_S)
    assert len(it.server.sent) == count
