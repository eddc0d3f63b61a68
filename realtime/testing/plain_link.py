"""The client's side of the plain door: one socket, JSON objects in text frames.

Source: DESIGN's "plain JSON over WebSocket", as docs/reference has it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from realtime.exceptions import ProtocolError, SessionClosed, UsageError
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.json_text import decode_json, encode_json
from realtime.protocol.wires import PLAIN_WIRE
from realtime.testing.engine_clients import handshake_refused
from realtime.testing.heard import Heard
from realtime.testing.in_process import InProcessWebSocket, Origin
from realtime.testing.links import Inbox, refused_by
from realtime.transports.base import AsgiApplication

_NORMAL = 1000
_MAX_DEPTH = 1_000


class PlainLink:
    """A WebSocket and the socket on it."""

    door = "plain"
    transport = "websocket"

    def __init__(
        self, application: AsgiApplication, origin: Origin, prefix: str, query: Mapping[str, str]
    ) -> None:
        self._application = application
        self._origin = origin
        self._prefix = prefix
        self._query = query
        self._socket: InProcessWebSocket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._inbox: Inbox | None = None

    async def enter(self, namespace: str, auth: dict[str, Any], inbox: Inbox) -> None:
        """Open the WebSocket; what Socket.IO has for ``auth`` stands in the query here."""
        if self._socket is not None:
            raise UsageError("the plain door has one socket on each connection: connect anew")
        self._inbox = inbox
        query = {**self._query, **{name: str(value) for name, value in auth.items()}}
        scope = self._origin.scope("websocket", self._prefix + namespace.removeprefix("/"), query)
        socket = InProcessWebSocket(self._application, scope)
        refusal = await socket.open()
        if refusal is not None:
            raise handshake_refused(refusal)
        self._socket = socket
        running = self._read(socket, inbox)
        self._reader = asyncio.get_running_loop().create_task(running, name="test reader")

    async def send_event(self, namespace: str, event: EncodedEvent, ack_id: int | None) -> None:
        """Send an event."""
        self._send(*PLAIN_WIRE.event(namespace, event, ack_id).parts)

    async def send_ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> None:
        """Send an ack."""
        self._send(*PLAIN_WIRE.ack(namespace, ack_id, args).parts)

    async def send_probe(self, namespace: str, ack_id: int) -> None:
        """Send a ping, which says that what went before has been read."""
        del namespace
        self._send(encode_json({"ping": ack_id}))

    async def leave(self, namespace: str) -> None:
        """Close: there is nothing else on the connection."""
        del namespace
        await self._end(_NORMAL, "io client disconnect")

    async def close(self) -> None:
        """Close the WebSocket."""
        await self._end(_NORMAL, "io client disconnect")

    async def drop(self) -> None:
        """Lose the WebSocket."""
        await self._end(None, "transport close")

    def _send(self, *parts: str | bytes) -> None:
        if self._socket is not None:
            for part in parts:
                self._socket.send(part)

    async def _end(self, code: int | None, reason: str) -> None:
        if self._socket is None or self._reader is None:
            return
        if code is None:
            self._socket.leave()
        else:
            self._socket.leave(code)
        try:
            await self._socket.left()
        finally:
            if self._inbox is not None:
                self._inbox.ended(reason)
            self._reader.cancel()
            await asyncio.wait({self._reader})
        if not self._reader.cancelled():
            self._reader.result()

    async def _read(self, socket: InProcessWebSocket, inbox: Inbox) -> None:
        reason, code = "transport close", None
        try:
            while True:
                frame = decode_json(str(await socket.receive()), max_depth=_MAX_DEPTH)
                if "disconnect" in frame:
                    reason = frame["disconnect"]["reason"]
                else:
                    _take(frame, inbox)
        except SessionClosed as closed:
            code = closed.code
        finally:
            inbox.ended(reason, code)


def _take(frame: dict[str, Any], inbox: Inbox) -> None:
    match frame:
        case {"connect": greeting}:
            inbox.connected(greeting)
        case {"connect_error": {"message": message, "data": data}}:
            inbox.refused(refused_by(message, data))
        case {"event": name, "args": args}:
            inbox.heard(Heard(name, tuple(args), frame.get("id")))
        case {"ack": ack_id, "args": args}:
            inbox.answered(ack_id, tuple(args))
        case {"pong": ack_id}:
            inbox.answered(ack_id, ())
        case _:
            raise ProtocolError(f"the server sent {frame}")
