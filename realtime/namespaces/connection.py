"""One Socket.IO connection: a session, and its sockets by namespace.

Reads socket packets and knows what a breach of the protocol ends.
Source: Socket.IO protocol v5, "Exchange protocol".
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from django.utils.translation import gettext as _

from realtime.conf import Options
from realtime.counting import count_limit, current_counts
from realtime.exceptions import Refused
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.process import INVALID_NAMESPACE, Process
from realtime.namespaces.recovery import RECOVERY_KEYS
from realtime.namespaces.socket import UNKNOWN_NAMESPACE, EndReason, Socket, SocketState
from realtime.protocol.msgpack_packets import MsgpackPacketDecoder
from realtime.protocol.socket_packets import SocketPacket, SocketPacketDecoder, SocketType
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import Wire
from realtime.transports.base import Ending, SendMessage
from realtime.transports.session import Session, SessionHandler

# Where the server ends a socket that may come back, only the transport closes: after a DISCONNECT
# stock clients do not reconnect.
_MAY_COME_BACK = frozenset(
    {EndReason.GOING_AWAY.value, EndReason.OUTBOX.value, EndReason.RATE_LIMITED.value}
)

MAX_ENDED = 16


class EngineSession(Protocol):
    """What a connection needs of the session below it."""

    reason: str | None
    # Hands a message over without waiting; another one after ``moved``.
    send: SendMessage

    @property
    def transport_name(self) -> str:
        """``websocket`` or ``polling``."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""

    @property
    def answered_at(self) -> float | None:
        """When the client last answered a ping, on the loop's clock; None before the first."""

    async def send_patiently(self, message: WireMessage) -> bool:
        """Hand a message over, waiting while the client does not keep up; False once it left."""

    def close(self, reason: str, *, ending: Ending = Ending.MAY_RETURN, keep: bool = True) -> None:
        """End the session."""


class ConnectionHandler(SessionHandler, Protocol):
    """A session's handler that can be told that its client does not keep up."""

    def overflow(self) -> None:
        """Too much waits for the client."""


MakeConnection = Callable[[Process, ClientSession, Session], ConnectionHandler]


class Connection:
    """The sockets of one session. It is the session's handler and the sockets' link."""

    def __init__(self, process: Process, session: ClientSession, engine: EngineSession) -> None:
        options = process.options
        self.wire: Wire = process.recovery.wire
        self.session = session
        self.send: SendMessage = engine.send
        self.send_patiently = engine.send_patiently
        self._process = process
        self._engine = engine
        self._sockets: dict[str, Socket] = {}
        # Namespaces that we ended, the latest; of each the client may not know yet.
        self._ended: deque[str] = deque(maxlen=MAX_ENDED)
        self._decoder = _make_decoder(options)
        self._room: asyncio.Future[None] | None = None
        self._deadline = self._start_deadline()
        process.connections.add(self)
        session.log_opened(process.id)

    # As the session's handler.

    def receive(self, message: str | bytes) -> None:
        """Take one message; raises ``ProtocolError`` when it ends the session."""
        packet = self._decoder.feed(message)
        if packet is None or self._engine.reason is not None:
            return
        if packet.type is SocketType.CONNECT:
            self._connect(packet)
            return
        socket = self._sockets.get(packet.namespace)
        if socket is None and packet.namespace in self._ended:
            # It crossed our DISCONNECT on the way: no reason to end the other namespaces.
            return
        if socket is None or packet.type is SocketType.CONNECT_ERROR:
            # Also while its admission is still under way: it is not joined yet.
            self._breach()
            return
        self._pass_on(socket, packet, len(message))

    @property
    def is_ready(self) -> bool:
        """Whether every socket's inbox has room."""
        return all(socket.is_ready for socket in self._sockets.values())

    async def ready(self) -> None:
        """Wait until every socket's inbox has room, or the session has ended."""
        while not self.is_ready and self._engine.reason is None:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await self._room
            self._room = None

    def moved(self) -> None:
        """Another transport carries the session."""
        self.send = self._engine.send
        for socket in self._sockets.values():
            socket.moved()

    def closed(self, reason: str) -> None:
        """The session is over: so are its sockets."""
        self._deadline.cancel()
        self._process.connections.discard(self)
        self._process.close_session(self.session)
        self.session.log_closed(self._process.id, reason)
        for socket in tuple(self._sockets.values()):
            socket.closed(reason)
        self._sockets.clear()
        self.taken()

    # As the sockets' link.

    @property
    def transport_name(self) -> str:
        """What carries the session now."""
        return self._engine.transport_name

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._engine.waiting_bytes

    @property
    def answered_at(self) -> float | None:
        """When the client last answered a ping."""
        return self._engine.answered_at

    def accepted(self, socket: Socket) -> None:
        """Tell the client that the socket is in."""
        self._deadline.cancel()
        self.send(self.wire.connected(socket.namespace, socket.socket_id, socket.pid), False)

    def refused(self, socket: Socket, refused: Refused) -> None:
        """Tell the client that the socket may not come in; it may ask again."""
        if self._sockets.get(socket.namespace) is socket:
            del self._sockets[socket.namespace]
        self._refuse(socket.namespace, refused)

    def ended(self, socket: Socket, reason: str) -> None:
        """Tell the client that the server ends a socket, or the whole session with it."""
        if reason in _MAY_COME_BACK:
            self._engine.close("forced server close", keep=reason == EndReason.GOING_AWAY.value)
            return
        if self._sockets.get(socket.namespace) is socket:
            del self._sockets[socket.namespace]
        self._ended.append(socket.namespace)
        self.send(self.wire.disconnected(socket.namespace, reason), False)
        # Its inbox may be what reading waited for.
        self.taken()

    def end_connection(self) -> None:
        """End every socket for good, then the session."""
        for socket in tuple(self._sockets.values()):
            socket.end(EndReason.DISCONNECTED.value)
        self._engine.close("forced close", ending=Ending.FINAL)

    def taken(self) -> None:
        """A socket's inbox has room again."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def overflow(self) -> None:
        """Too much waits for the client."""
        self._engine.close("forced server close", keep=False)

    def drop(self) -> None:
        """Cut the session so that the client comes back."""
        self._engine.close("forced close")

    def go_away(self) -> None:
        """Close so that the client comes back, to another process."""
        self._engine.close("server shutting down")

    def _breach(self) -> None:
        self._engine.close("forced server close", ending=Ending.BREACH)

    # Packets.

    def _connect(self, packet: SocketPacket) -> None:
        namespace = packet.namespace
        if namespace in self._sockets:
            self._breach()
            return
        most = self._process.options.max_namespaces
        if most and len(self._sockets) >= most:
            count_limit("max_namespaces")
            self._refuse(namespace, Refused("rate_limited", _("Too many namespaces.")))
            return
        route = self._process.routing.match(namespace)
        if route is None:
            current_counts().connects.add(UNKNOWN_NAMESPACE, UNKNOWN_NAMESPACE)
            self.send(self.wire.refused(namespace, INVALID_NAMESPACE, None), False)
            return
        auth: dict[str, Any] = packet.data or {}
        socket = self._process.make_socket(route, self)
        recovery = self._process.recovery
        socket.recover(recovery.find(namespace, auth))
        if recovery.is_on:
            # The client's own book-keeping is no business of the application's.
            auth = {key: value for key, value in auth.items() if key not in RECOVERY_KEYS}
        self._sockets[namespace] = socket
        if namespace in self._ended:
            self._ended.remove(namespace)
        socket.start(auth)

    def _refuse(self, namespace: str, refused: Refused) -> None:
        if refused.code == UNKNOWN_NAMESPACE:
            self.send(self.wire.refused(namespace, INVALID_NAMESPACE, None), False)
            return
        data = {"code": refused.code, **refused.data}
        self.send(self.wire.refused(namespace, str(refused.message), data), False)

    def _pass_on(self, socket: Socket, packet: SocketPacket, size: int) -> None:
        if socket.state is SocketState.CONNECTING:
            self._breach()
            return
        match packet.type:
            case SocketType.EVENT if packet.data is not None:
                socket.receive_event(packet.data[0], packet.data[1:], packet.ack_id, size)
            case SocketType.ACK if packet.ack_id is not None and packet.data is not None:
                socket.receive_ack(packet.ack_id, packet.data)
            case SocketType.DISCONNECT:
                del self._sockets[packet.namespace]
                socket.closed("client namespace disconnect")
                self.taken()
            case _:
                # An event without content, or an answer to nothing: harmless.
                pass

    def _time_out(self) -> None:
        if not self._sockets:
            count_limit("connect_timeout_s")
            self._breach()
            return
        # Somebody is still being asked for; a refusal must not leave the session to live for ever.
        self._deadline = self._start_deadline()

    def _start_deadline(self) -> asyncio.TimerHandle:
        loop = asyncio.get_running_loop()
        return loop.call_later(self._process.options.connect_timeout_s, self._time_out)


def _make_decoder(options: Options) -> SocketPacketDecoder | MsgpackPacketDecoder:
    if options.parser == "msgpack":
        return MsgpackPacketDecoder(max_depth=options.max_json_depth)
    return SocketPacketDecoder(
        max_attachments=options.max_attachments, max_depth=options.max_json_depth
    )
