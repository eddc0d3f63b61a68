"""The client's side of Engine.IO: one session over WebSocket, long-polling, or an upgrade.

Source: Engine.IO protocol v4.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from realtime.exceptions import ProtocolError, Refused, SessionClosed
from realtime.protocol.engine_packets import (
    EnginePacket,
    EngineType,
    decode_packet,
    decode_payload,
    encode_packet,
)
from realtime.protocol.json_text import decode_json
from realtime.testing.in_process import Answer, InProcessWebSocket, Origin, request
from realtime.transports.base import AsgiApplication

_OK = 200
_MAX_PACKETS = 1_000
_MAX_DEPTH = 1_000
_NORMAL = 1000
_CLOSE = encode_packet(EnginePacket(EngineType.CLOSE))
_PROBE = encode_packet(EnginePacket(EngineType.PING, "probe"))
_PROBE_ANSWER = encode_packet(EnginePacket(EngineType.PONG, "probe"))
_UPGRADE = encode_packet(EnginePacket(EngineType.UPGRADE))


class EngineClient(Protocol):
    """One open session."""

    @property
    def transport(self) -> str:
        """``websocket`` or ``polling``."""

    async def send(self, parts: Sequence[str | bytes]) -> None:
        """Send the parts of one message together: packets' texts, and attachments."""

    async def receive(self) -> EnginePacket:
        """Return the next packet; raises ``SessionClosed`` at the end."""

    async def close(self) -> None:
        """End the session as a client does that means to, and wait for the server."""

    async def drop(self) -> None:
        """Be gone without a word, as when a cable is pulled."""


class WebSocketEngine:
    """A session over a WebSocket."""

    transport = "websocket"

    def __init__(self, socket: InProcessWebSocket) -> None:
        self._socket = socket

    @classmethod
    async def open(
        cls, application: AsgiApplication, origin: Origin, path: str, query: Mapping[str, str]
    ) -> "WebSocketEngine":
        """Open a session; raises ``Refused`` when the handshake is."""
        engine = cls(await _open_websocket(application, origin, path, query))
        await engine.receive()
        return engine

    async def send(self, parts: Sequence[str | bytes]) -> None:
        """Send each part as a frame."""
        for part in parts:
            self._socket.send(part)

    async def receive(self) -> EnginePacket:
        """Return the next frame's packet."""
        data = await self._socket.receive()
        is_binary = isinstance(data, bytes)
        return EnginePacket(EngineType.MESSAGE, data) if is_binary else decode_packet(str(data))

    async def close(self) -> None:
        """Close the WebSocket."""
        self._socket.send(_CLOSE)
        self._socket.leave(_NORMAL)
        await self._socket.left()

    async def drop(self) -> None:
        """Lose the WebSocket."""
        self._socket.leave()
        await self._socket.left()


class PollingEngine:
    """A session over long-polling, which may go over to a WebSocket."""

    def __init__(self, application: AsgiApplication, origin: Origin, path: str) -> None:
        self._application = application
        self._origin = origin
        self._path = path
        self._query: dict[str, str] = {"EIO": "4", "transport": "polling"}
        self._packets: deque[EnginePacket] = deque()
        self._posting = asyncio.Lock()
        self._websocket: WebSocketEngine | None = None
        self._is_pausing = False
        self._paused = asyncio.Event()
        self._upgraded = asyncio.Event()
        self._polling: asyncio.Task[Answer] | None = None
        self._has_left = False

    @classmethod
    async def open(
        cls, application: AsgiApplication, origin: Origin, path: str, query: Mapping[str, str]
    ) -> "PollingEngine":
        """Open a session; raises ``Refused`` when the handshake is."""
        engine = cls(application, origin, path)
        scope = origin.scope("http", path, {**query, **engine._query})
        answer = await request(application, scope, "GET")
        if answer.status != _OK:
            raise handshake_refused(answer)
        opening, *rest = decode_payload(answer.body.decode(), max_packets=_MAX_PACKETS)
        engine._query["sid"] = decode_json(str(opening.data), max_depth=_MAX_DEPTH)["sid"]
        engine._packets.extend(rest)
        return engine

    @property
    def transport(self) -> str:
        """``polling``, and ``websocket`` after an upgrade."""
        return "polling" if self._websocket is None else self._websocket.transport

    async def send(self, parts: Sequence[str | bytes]) -> None:
        """Send the parts in the body of one POST."""
        async with self._posting:
            if self._websocket is not None:
                await self._websocket.send(parts)
            elif not self._has_left:
                await self._post(parts)

    async def receive(self) -> EnginePacket:
        """Return the next packet, polling for it."""
        while not self._packets:
            if self._is_pausing:
                self._paused.set()
                await self._upgraded.wait()
            if self._websocket is not None:
                return await self._websocket.receive()
            await self._poll()
        return self._packets.popleft()

    async def upgrade(self) -> None:
        """Go over to a WebSocket while somebody receives; raises ``ProtocolError``."""
        query = {**self._query, "transport": "websocket"}
        socket = await _open_websocket(self._application, self._origin, self._path, query)
        socket.send(_PROBE)
        if await socket.receive() != _PROBE_ANSWER:
            raise ProtocolError("the server did not answer the probe of an upgrade")
        # The server answers the request that waits; after it, nothing may be asked for here.
        self._is_pausing = True
        await self._paused.wait()
        async with self._posting:
            socket.send(_UPGRADE)
            self._websocket = WebSocketEngine(socket)
        self._is_pausing = False
        self._upgraded.set()

    async def close(self) -> None:
        """Send a close packet."""
        if self._websocket is not None:
            await self._websocket.close()
            return
        await self.send([_CLOSE])
        await self.drop()

    async def drop(self) -> None:
        """Hang up in the middle of a poll, and never ask again."""
        self._has_left = True
        if self._websocket is not None:
            await self._websocket.drop()
            return
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait({self._polling})
        # A server does not know that somebody is gone who has not asked, or was just answered.
        scope = self._origin.scope("http", self._path, self._query)
        while (await request(self._application, scope, "GET", hangs_up=True)).status == _OK:
            pass

    async def _poll(self) -> None:
        if self._has_left:
            raise SessionClosed("transport close")
        scope = self._origin.scope("http", self._path, self._query)
        loop = asyncio.get_running_loop()
        polling = self._polling = loop.create_task(
            request(self._application, scope, "GET"), name="test poll"
        )
        try:
            await asyncio.wait({polling})
            if polling.cancelled():
                raise SessionClosed("transport close")
            answer = polling.result()
        finally:
            polling.cancel()
            self._polling = None
        if answer.status != _OK:
            raise SessionClosed("transport error")
        self._packets.extend(decode_payload(answer.body.decode(), max_packets=_MAX_PACKETS))

    async def _post(self, parts: Sequence[str | bytes]) -> None:
        packets = [
            encode_packet(EnginePacket(EngineType.MESSAGE, part))
            if isinstance(part, bytes)
            else part
            for part in parts
        ]
        scope = self._origin.scope("http", self._path, self._query)
        body = "\x1e".join(packets).encode()
        answer = await request(self._application, scope, "POST", body)
        if answer.status != _OK:
            # The waiting poll tells the rest.
            self._has_left = True


def handshake_refused(answer: Answer) -> Refused:
    """Return what a test is raised when the server refuses before there is a socket."""
    body = answer.body.decode(errors="replace")
    return Refused(
        "handshake_refused",
        f"HTTP {answer.status}: {body}" if body else f"HTTP {answer.status}",
        status=answer.status,
    )


async def _open_websocket(
    application: AsgiApplication, origin: Origin, path: str, query: Mapping[str, str]
) -> InProcessWebSocket:
    whole = {"EIO": "4", "transport": "websocket", **query}
    socket = InProcessWebSocket(application, origin.scope("websocket", path, whole))
    refusal = await socket.open()
    if refusal is not None:
        raise handshake_refused(refusal)
    return socket
