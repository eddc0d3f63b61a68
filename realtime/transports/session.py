"""One Engine.IO session: its state machine with a clock, and the transport that carries it.

The session outlives a change of transport. It hands each message's content to its handler, keeps
the heartbeat, and knows why it ended.
"""

import asyncio
import logging
from typing import Protocol

from realtime.exceptions import ProtocolError, SessionClosed
from realtime.protocol.engine_packets import (
    EnginePacket,
    EngineType,
    decode_packet,
    encode_packet,
)
from realtime.protocol.engine_session import Due, Handshake, Heartbeat, read_packet
from realtime.protocol.wire_message import WireMessage
from realtime.transports.websocket import WebSocketTransport

logger = logging.getLogger(__name__)

_PING = WireMessage(encode_packet(EnginePacket(EngineType.PING)))
NORMAL_CLOSE = 1000


class SessionHandler(Protocol):
    """Who takes a session's messages."""

    def receive(self, message: str | bytes) -> None:
        """Take one message's content, in order; raises ``ProtocolError`` to end the session."""

    async def ready(self) -> None:
        """Wait until further messages can be taken; returns at once while there is room."""

    @property
    def is_ready(self) -> bool:
        """Whether ``ready`` would return at once."""

    def closed(self, reason: str) -> None:
        """The session is over, for this Socket.IO reason; called once."""


class Session:
    """A client's session. Anyone may ``close`` it at any time; the first reason counts."""

    def __init__(self, handshake: Handshake, transport: WebSocketTransport) -> None:
        loop = asyncio.get_running_loop()
        self.handshake = handshake
        self._transport = transport
        self._loop = loop
        self._heartbeat = Heartbeat(
            interval_s=handshake.ping_interval_s,
            timeout_s=handshake.ping_timeout_s,
            now=loop.time(),
        )
        self._timer: asyncio.TimerHandle | None = None
        self._is_reading = True
        self._reading: asyncio.Timeout | None = None
        self.reason: str | None = None
        self.send = transport.send
        self.send_patiently = transport.send_patiently

    @property
    def transport_name(self) -> str:
        """``websocket`` or ``polling``."""
        return self._transport.name

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._transport.waiting_bytes

    def close(self, reason: str, *, code: int = NORMAL_CLOSE, keep: bool = True) -> None:
        """End the session; what was sent before still leaves unless ``keep`` is off."""
        if self.reason is not None:
            return
        self.reason = reason
        self._transport.close(code, keep=keep)
        if self._reading is not None:
            # The reader waits for a client that may never say anything again.
            self._reading.reschedule(self._loop.time())

    async def run(self, handler: SessionHandler) -> None:
        """Serve the session until either side ends it; never raises ``SessionClosed``."""
        self._transport.send(WireMessage(encode_packet(self.handshake.open_packet())))
        self._arm()
        try:
            async with asyncio.timeout(None) as self._reading:
                await self._read(handler)
        except TimeoutError:
            # close() was called while we waited for the client.
            pass
        finally:
            self._reading = None
            if self._timer is not None:
                self._timer.cancel()
            self.reason = self.reason or "transport close"
            handler.closed(self.reason)
            await self._transport.closed()

    async def _read(self, handler: SessionHandler) -> None:
        try:
            while self.reason is None:
                self._take(await self._transport.receive(), handler)
                if not handler.is_ready:
                    await self._wait_until_ready(handler)
        except SessionClosed as closed:
            self.close(closed.reason)
        except ProtocolError as error:
            logger.info("session broke the protocol", extra={"error": str(error)})
            self.close("parse error")

    def _take(self, data: str | bytes, handler: SessionHandler) -> None:
        if isinstance(data, bytes):
            # A binary frame is a message's content as it stands.
            handler.receive(data)
            return
        content = read_packet(decode_packet(data), self._heartbeat, self._loop.time())
        if content is not None:
            handler.receive(content)

    async def _wait_until_ready(self, handler: SessionHandler) -> None:
        if not self._transport.can_stop_reading:
            return
        self._transport.pause_reading()
        self._is_reading = False
        try:
            await handler.ready()
        finally:
            self._is_reading = True
            self._heartbeat.excuse(self._loop.time())
            self._transport.resume_reading()

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._heartbeat.deadline, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        if not self._is_reading:
            # Its pong may lie unread before us: that is not the client's fault.
            self._heartbeat.excuse(now)
        due = self._heartbeat.due(now)
        if due is Due.CLOSE:
            self.close("ping timeout", keep=False)
            return
        if due is Due.PING:
            self._transport.send(_PING)
        if self.reason is None:
            self._arm()
