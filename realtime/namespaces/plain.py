"""The plain door: one WebSocket is one socket, and each text frame one JSON object.

Frames and close codes: docs/reference/plain-json.md.
"""

import asyncio
import logging
from typing import Any

from django.utils.translation import gettext as _

from realtime.counting import count_limit, current_counts
from realtime.exceptions import ProtocolError, Refused, SessionClosed
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.door import open_door
from realtime.namespaces.process import INVALID_NAMESPACE, Process
from realtime.namespaces.running import find_process
from realtime.namespaces.socket import UNKNOWN_NAMESPACE, EndReason, Socket
from realtime.protocol.plain_frames import PlainAck, PlainEvent, decode_frame
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import PLAIN_WIRE, Wire
from realtime.transports.base import Receive, Scope, Send, SendMessage
from realtime.transports.reading import Reading
from realtime.transports.websocket import BINARY_NOT_SPOKEN, WebSocketTransport

logger = logging.getLogger(__name__)

NORMAL_CLOSE = 1000
FORBIDDEN = 4403
_CODE_BY_REFUSAL = {
    "bad_request": 4400,
    "login_required": 4401,
    "invalid_ticket": 4401,
    EndReason.SIGNED_OUT.value: 4401,
    UNKNOWN_NAMESPACE: 4404,
    "rate_limited": 4429,
}
_CODE_BY_END = {
    EndReason.GOING_AWAY.value: 1012,
    EndReason.SIGNED_OUT.value: 4401,
    EndReason.OUTBOX.value: 4408,
    EndReason.RATE_LIMITED.value: 4429,
    EndReason.DISCONNECTED.value: NORMAL_CLOSE,
}


class PlainConnection:
    """A plain WebSocket and its socket. It is the socket's link."""

    def __init__(
        self, process: Process, session: ClientSession, transport: WebSocketTransport
    ) -> None:
        self.wire: Wire = PLAIN_WIRE
        self.session = session
        self.send: SendMessage = transport.send
        self.send_patiently = transport.send_patiently
        self._process = process
        self._transport = transport
        self._socket: Socket | None = None
        self._max_depth = process.options.max_json_depth
        self._room: asyncio.Future[None] | None = None
        self._reading = Reading()
        self._is_closed = False
        self._heard_at: float | None = None

    async def run(
        self, consumer: NamespaceConsumer, namespace: str, url_route: dict[str, Any]
    ) -> None:
        """Serve the socket until either side ends it."""
        process = self._process
        socket = self._socket = process.bind_socket(consumer, namespace, url_route, self)
        process.connections.add(self)
        self.session.log_opened(process.id)
        socket.start({})
        try:
            await self._reading.run(self._read(socket))
        except SessionClosed as closed:
            socket.closed(closed.reason)
        finally:
            process.connections.discard(self)
            socket.closed("transport close")
            self.session.log_closed(process.id, socket.reason or "transport close")
            await self._transport.closed()

    def refuse_all(self, refused: Refused) -> None:
        """Refuse before there is a socket."""
        self._close_refused("", refused)

    # As the socket's link.

    @property
    def transport_name(self) -> str:
        """What carries the connection."""
        return self._transport.name

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._transport.waiting_bytes

    @property
    def answered_at(self) -> float | None:
        """When the client last sent a frame: its WebSocket pongs are the server's, not ours."""
        return self._heard_at

    def accepted(self, socket: Socket) -> None:
        """Send the first frame."""
        self.send(self.wire.connected(socket.namespace, socket.socket_id), False)

    def refused(self, socket: Socket, refused: Refused) -> None:
        """Say why not, and close."""
        self._close_refused(socket.namespace, refused)

    def ended(self, socket: Socket, reason: str) -> None:
        """Say why, and close with the reason's code."""
        # What a slow client has not read by now, it is not given any more.
        keep = reason != EndReason.OUTBOX.value
        last = self.wire.disconnected(socket.namespace, reason)
        self._close(_CODE_BY_END.get(reason, FORBIDDEN), keep=keep, last=last)

    def end_connection(self) -> None:
        """End the one socket that there is."""
        if self._socket is not None:
            self._socket.end(EndReason.DISCONNECTED.value)

    def taken(self) -> None:
        """The inbox has room again."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def overflow(self) -> None:
        """Too much waits for the client."""
        if self._socket is not None:
            self._socket.overflow()

    def drop(self) -> None:
        """Cut the connection so that the client comes back."""
        self.go_away()

    def go_away(self) -> None:
        """Close so that the client comes back, to another process."""
        if self._socket is not None:
            self._socket.end(EndReason.GOING_AWAY.value)

    # Frames.

    async def _read(self, socket: Socket) -> None:
        while not self._is_closed:
            data = await self._transport.receive()
            if isinstance(data, bytes):
                self._close(BINARY_NOT_SPOKEN)
                raise SessionClosed("transport error")
            self._take(data, socket)
            if not socket.is_ready and self._transport.can_stop_reading:
                await self._wait_until_ready(socket)

    def _take(self, text: str, socket: Socket) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        try:
            frame = decode_frame(text, max_depth=self._max_depth)
        except ProtocolError as error:
            if error.limit is not None:
                count_limit(error.limit)
            # What cannot be read counts like an event: nobody floods us with rubbish either.
            if socket.take_event_token():
                self.send(PLAIN_WIRE.error("bad_frame", str(error)), False)
            return
        if isinstance(frame, PlainEvent):
            socket.receive_event(frame.name, frame.args, frame.ack_id, len(text))
        elif isinstance(frame, PlainAck):
            socket.receive_ack(frame.ack_id, frame.args)
        elif socket.take_event_token():
            self.send(PLAIN_WIRE.pong(frame.value), False)

    async def _wait_until_ready(self, socket: Socket) -> None:
        count_limit("inbox_messages")
        self._transport.pause_reading()
        try:
            while not socket.is_ready and not self._is_closed:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
        finally:
            self._room = None
            self._transport.resume_reading()

    def _close_refused(self, namespace: str, refused: Refused) -> None:
        data = {"code": refused.code, **refused.data}
        self.send(self.wire.refused(namespace, str(refused.message), data), False)
        self._close(_CODE_BY_REFUSAL.get(refused.code, FORBIDDEN))

    def _close(self, code: int, *, keep: bool = True, last: WireMessage | None = None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._transport.close(code, keep=keep, last=last)
        self._reading.stop()


async def serve_plain(
    process: Process, namespace: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serve a WebSocket of the plain door for a namespace, which may not exist."""
    route = process.routing.match(namespace)
    consumer = route.make_consumer() if route is not None else None
    url_route = route.url_route if route is not None else {}
    await _serve(process, consumer, namespace, url_route, (scope, receive, send))


async def serve_consumer(
    consumer: NamespaceConsumer, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serve a WebSocket for a consumer that Channels' own router was asked for."""
    process = find_process()
    if process is None:
        message = "wrap your application in realtime_application(…): nothing serves this loop yet"
        raise RuntimeError(message)
    url_route = scope.get("url_route", {"args": (), "kwargs": {}})
    namespace = "/" + str(scope.get("path", "")).strip("/")
    await _serve(process, consumer, namespace, url_route, (scope, receive, send))


async def _serve(
    process: Process,
    consumer: NamespaceConsumer | None,
    namespace: str,
    url_route: dict[str, Any],
    asgi: tuple[Scope, Receive, Send],
) -> None:
    scope, receive, send = asgi
    options = process.options
    connection: PlainConnection
    transport = WebSocketTransport(
        scope,
        receive,
        send,
        max_bytes=options.max_frame_bytes,
        max_bytes_option="max_frame_bytes",
        outbox_bytes=options.outbox_bytes,
        outbox_messages=options.outbox_messages,
        # The connection is made of this transport.
        on_overflow=lambda: connection.overflow(),  # noqa: PLW0108
    )
    session = await open_door(process, scope, transport, door="plain")
    if session is None:
        return
    connection = PlainConnection(process, session, transport)
    try:
        await transport.accept()
        if consumer is None:
            current_counts().connects.add(UNKNOWN_NAMESPACE, UNKNOWN_NAMESPACE)
            connection.refuse_all(Refused(UNKNOWN_NAMESPACE, INVALID_NAMESPACE))
        elif not process.open_session(session):
            refused = Refused("rate_limited", _("Too many connections from your address."))
            connection.refuse_all(refused)
        else:
            try:
                await connection.run(consumer, namespace, url_route)
            finally:
                process.close_session(session)
        await transport.closed()
    except SessionClosed:
        # The client left before we had accepted.
        logger.debug("plain client left early")
