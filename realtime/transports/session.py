"""One Engine.IO session: its state machine with a clock, and the transport that carries it.

The session outlives a change of transport. It hands each message's content to its handler, keeps
the heartbeat, and knows why it ended.
Source: Engine.IO protocol v4, "Heartbeat" and "Upgrade".
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from realtime.counting import count_limit
from realtime.exceptions import ProtocolError, SessionClosed
from realtime.protocol.engine_packets import (
    RECORD_SEPARATOR,
    EnginePacket,
    EngineType,
    decode_packet,
    encode_packet,
)
from realtime.protocol.engine_session import Due, Handshake, Heartbeat, read_packet
from realtime.protocol.wire_message import WireMessage
from realtime.transports.base import Ending, SendMessage, Transport
from realtime.transports.polling import PollingTransport
from realtime.transports.reading import Reading
from realtime.transports.websocket import WebSocketTransport

logger = logging.getLogger(__name__)

_PING = WireMessage(encode_packet(EnginePacket(EngineType.PING)))
_PROBE = "probe"
_PROBE_ANSWER = WireMessage(encode_packet(EnginePacket(EngineType.PONG, _PROBE)))
# While an upgrade is under way the client may ask anew at any time, and cannot go on while that
# request waits: it is answered again and again.
PROBE_NOOP_S = 0.1
# One request body holds at most so many packets; real clients send a few.
MAX_PACKETS_IN = 1_000


class SessionHandler(Protocol):
    """Who takes a session's messages."""

    def receive(self, message: str | bytes) -> None:
        """Take one message's content, in order; raises ``ProtocolError`` to end the session."""

    async def ready(self) -> None:
        """Wait until further messages can be taken; returns at once while there is room."""

    @property
    def is_ready(self) -> bool:
        """Whether ``ready`` would return at once."""

    def moved(self) -> None:
        """Another transport carries the session: its ``send`` is another one now."""

    def closed(self, reason: str) -> None:
        """The session is over, for this Socket.IO reason; called once."""


class Session:
    """A client's session. Anyone may ``close`` it at any time; the first reason counts."""

    def __init__(self, handshake: Handshake, transport: Transport) -> None:
        loop = asyncio.get_running_loop()
        self.handshake = handshake
        self._transport = transport
        self._loop = loop
        self._heartbeat = Heartbeat(
            interval_s=handshake.ping_interval_s,
            timeout_s=handshake.ping_timeout_s,
            now=loop.time(),
        )
        # The transport's own method: what a room is sent passes here for each of its sockets.
        self.send: SendMessage = transport.send
        self._handler: SessionHandler | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_reading = True
        self._is_posting = False
        self._reading = Reading()
        self._probe: WebSocketTransport | None = None
        self._on_end: Callable[[], None] | None = None
        self.reason: str | None = None

    @property
    def transport_name(self) -> str:
        """``websocket`` or ``polling``."""
        return self._transport.name

    @property
    def polling(self) -> PollingTransport | None:
        """The transport that carries the session, if that is long-polling."""
        return self._transport if isinstance(self._transport, PollingTransport) else None

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._transport.waiting_bytes

    @property
    def answered_at(self) -> float | None:
        """When the client last answered a ping, on the loop's clock; None before the first."""
        return self._heartbeat.answered_at

    async def send_patiently(self, message: WireMessage) -> bool:
        """Hand a message to the transport, or to the next one if that took over meanwhile."""
        transport = self._transport
        while not await transport.send_patiently(message):
            if transport is self._transport:
                return False
            transport = self._transport
        return True

    def start(self, handler: SessionHandler, *, on_end: Callable[[], None] | None = None) -> None:
        """Greet the client and begin to keep time; ``on_end`` is called when it is over."""
        self._handler = handler
        self._on_end = on_end
        self.send(WireMessage(encode_packet(self.handshake.open_packet())), False)
        self._arm()

    def close(self, reason: str, *, ending: Ending = Ending.MAY_RETURN, keep: bool = True) -> None:
        """End the session; what was sent before still leaves unless ``keep`` is off."""
        if self.reason is not None:
            return
        self.reason = reason
        if self._timer is not None:
            self._timer.cancel()
        self._transport.finish(ending, keep=keep)
        if self._probe is not None:
            self._probe.finish(Ending.LOST)
        # The reader may be waiting for a client that never says anything again.
        self._reading.stop()
        if self._handler is not None:
            self._handler.closed(reason)
        if self._on_end is not None:
            self._on_end()

    # Over a WebSocket.

    async def run(self, handler: SessionHandler) -> None:
        """Serve a session that began on a WebSocket until either side ends it."""
        self.start(handler)
        if isinstance(self._transport, WebSocketTransport):
            await self._read(self._transport)

    async def upgrade(self, transport: WebSocketTransport, *, timeout_s: float) -> None:
        """Let a WebSocket take over from polling if its client says so in time; then serve it.

        Anything else than a probe and an upgrade packet, or none in time, ends only the probe.
        """
        polling = self.polling
        if polling is None or self._probe is not None or self.reason is not None:
            transport.finish(Ending.FINAL)
            await transport.closed()
            return
        self._probe = transport
        nudge: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await _expect(transport, EngineType.PING, _PROBE)
                transport.send(_PROBE_ANSWER)
                nudge = self._loop.create_task(self._nudge(polling), name="upgrade nudge")
                await _expect(transport, EngineType.UPGRADE, "")
        except (TimeoutError, ProtocolError, SessionClosed) as error:
            if isinstance(error, TimeoutError):
                count_limit("upgrade_timeout_s")
            transport.finish(Ending.LOST)
            await transport.closed()
            return
        finally:
            self._probe = None
            if nudge is not None:
                nudge.cancel()
        if self._is_over():
            transport.finish(Ending.LOST)
        else:
            # At once, so that nothing is sent on both or on neither.
            self._transport = transport
            self.send = transport.send
            for message in polling.hand_over():
                transport.send(message)
            if self._handler is not None:
                self._handler.moved()
        await self._read(transport)

    async def _nudge(self, polling: PollingTransport) -> None:
        while True:
            polling.poke()
            await asyncio.sleep(PROBE_NOOP_S)

    async def _read(self, transport: WebSocketTransport) -> None:
        try:
            await self._reading.run(self._read_messages(transport))
        except SessionClosed as closed:
            self.close(closed.reason, ending=Ending.LOST)
        except ProtocolError as error:
            self._breach(error)
        finally:
            self.close("transport close", ending=Ending.LOST)
            await transport.closed()

    async def _read_messages(self, transport: WebSocketTransport) -> None:
        while self.reason is None:
            self._take(await transport.receive())
            if not self._is_handler_ready and transport.can_stop_reading:
                transport.pause_reading()
                try:
                    await self._wait_until_ready()
                finally:
                    transport.resume_reading()

    # Over polling.

    async def take_body(self, read: Callable[[], Awaitable[bytes]]) -> None:
        """Read one request body and take its packets, in order.

        Raises what ``read`` raises, and ``ProtocolError`` on a bad packet: the good ones before it
        are taken, and the session is closed.
        """
        self._is_posting = True
        try:
            body = await read()
            if self.reason is not None:
                raise ProtocolError("the session ended while a body was read")
            try:
                await self._take_payload(body)
            except SessionClosed as closed:
                self.close(closed.reason, ending=Ending.BY_CLIENT)
            except ProtocolError as error:
                self._breach(error)
                raise
        finally:
            self._is_posting = False

    async def _take_payload(self, body: bytes) -> None:
        try:
            packets = body.decode().split(RECORD_SEPARATOR, MAX_PACKETS_IN)
        except UnicodeDecodeError as error:
            raise ProtocolError("a payload is UTF-8 text") from error
        if len(packets) > MAX_PACKETS_IN:
            raise ProtocolError(f"more than {MAX_PACKETS_IN} packets in one payload")
        for text in packets:
            self._take_packet(decode_packet(text))
            if not self._is_handler_ready and not self._is_over():
                await self._wait_until_ready()

    @property
    def is_posting(self) -> bool:
        """Whether a request body is being taken."""
        return self._is_posting

    def _take_packet(self, packet: EnginePacket) -> None:
        content = read_packet(packet, self._heartbeat, self._loop.time())
        if content is not None and self._handler is not None and self.reason is None:
            self._handler.receive(content)

    # Both.

    def _is_over(self) -> bool:
        return self.reason is not None

    def _take(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            # A binary frame is a message's content as it stands.
            self._take_packet(EnginePacket(EngineType.MESSAGE, data))
        else:
            self._take_packet(decode_packet(data))

    @property
    def _is_handler_ready(self) -> bool:
        return self._handler is None or self._handler.is_ready

    async def _wait_until_ready(self) -> None:
        count_limit("inbox_messages")
        self._is_reading = False
        try:
            if self._handler is not None:
                await self._handler.ready()
        finally:
            self._is_reading = True
            self._heartbeat.excuse(self._loop.time())

    def _breach(self, error: ProtocolError) -> None:
        if error.limit is not None:
            count_limit(error.limit)
        logger.info("session broke the protocol", extra={"error": str(error)})
        self.close("parse error", ending=Ending.BREACH)

    def _arm(self) -> None:
        if self.reason is None:
            self._timer = self._loop.call_at(self._heartbeat.deadline, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        if not self._is_reading:
            # Its pong may lie unread before us: that is not the client's fault.
            self._heartbeat.excuse(now)
        due = self._heartbeat.due(now)
        if due is Due.CLOSE:
            count_limit("ping_timeout_s")
            self.close("ping timeout", keep=False)
            return
        if due is Due.PING:
            self.send(_PING, False)
        self._arm()


async def _expect(transport: WebSocketTransport, kind: EngineType, content: str) -> None:
    data = await transport.receive()
    if isinstance(data, bytes) or decode_packet(data) != EnginePacket(kind, content):
        raise ProtocolError(f"expected {kind.name} of an upgrade")
