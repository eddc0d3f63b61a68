"""What one process may ask all others to do for the sockets of a selection.

Contents travel as msgpack, each operation with a record of its own; what is done is chosen from a
closed list, never by a name that came over the layer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from realtime.adapters.base import Adapter, Target
from realtime.exceptions import ProtocolError
from realtime.namespaces.signals import process_noticed
from realtime.namespaces.socket import EndReason, Socket
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.msgpack_packets import with_doubles

if TYPE_CHECKING:
    from realtime.namespaces.routing import RoutingTable

# How much earlier than the asker's deadline a process stops to wait for its clients.
_MARGIN_S = 0.05

CALL = "call"
FETCH = "fetch"
JOIN = "join"
LEAVE = "leave"
DISCONNECT = "disconnect"
SERVER_EVENT = "server_event"
NOTICE = "notice"


class CallRequest(msgspec.Struct, frozen=True):
    """Send an event to each socket and collect what the clients answer, within ``timeout_s``."""

    event: str
    args: str
    attachments: tuple[bytes, ...]
    timeout_s: float


class CallAnswer(msgspec.Struct, frozen=True):
    """The clients' first arguments, and how many did not answer."""

    responses: list[Any]
    missing: int


class RoomsRequest(msgspec.Struct, frozen=True):
    """Have each socket join or leave rooms."""

    rooms: tuple[str, ...]


class DisconnectRequest(msgspec.Struct, frozen=True):
    """End each socket, or with ``close`` the whole connection that it is on."""

    close: bool


class ServerEvent(msgspec.Struct, frozen=True):
    """An event for the other servers' consumer class, not for clients."""

    event: str
    args: str


class Notice(msgspec.Struct, frozen=True):
    """A word for the application on every process, whatever sockets that serves."""

    topic: str
    args: str


class SocketFacts(msgspec.Struct, frozen=True):
    """What other processes may know of a socket."""

    id: str
    namespace: str
    rooms: list[str]
    person: dict[str, str]
    data: dict[str, Any]
    handshake: dict[str, Any]


class Operations:
    """Does on this process what a request asks; raises ``ProtocolError`` on what it knows not."""

    def __init__(self, adapter: Callable[[], Adapter], routing: "RoutingTable") -> None:
        self._adapter = adapter
        self._routing = routing
        self._known: dict[str, Callable[[Target, bytes], Awaitable[Any]]] = {
            CALL: self._call,
            FETCH: self._fetch,
            JOIN: self._join,
            LEAVE: self._leave,
            DISCONNECT: self._disconnect,
            SERVER_EVENT: self._server_event,
            NOTICE: self._notice,
        }

    async def answer(self, operation: str, target: Target, content: bytes) -> bytes:
        """Do it, and return the packed answer."""
        handler = self._known.get(operation)
        if handler is None:
            raise ProtocolError(f"unknown operation {operation!r}")
        return pack(await handler(target, content))

    def _sockets(self, target: Target) -> list[Socket]:
        members = self._adapter().select(target)
        return [member for member in members if isinstance(member, Socket) and member.is_open]

    async def _call(self, target: Target, content: bytes) -> CallAnswer:
        request = unpack(content, CallRequest)
        event = EncodedEvent(request.event, EncodedArgs(request.args, request.attachments))
        waiting = [socket.ask(event) for socket in self._sockets(target)]
        if not waiting:
            return CallAnswer([], 0)
        futures = [future for _ack_id, future in waiting]
        done, pending = await asyncio.wait(
            futures, timeout=max(request.timeout_s - _MARGIN_S, _MARGIN_S)
        )
        for future in pending:
            future.cancel()
        answered = [future for future in futures if future in done and not future.exception()]
        responses = [(future.result() or [None])[0] for future in answered]
        return CallAnswer(responses, len(futures) - len(answered))

    async def _fetch(self, target: Target, content: bytes) -> list[SocketFacts]:
        del content
        return [facts_of(socket) for socket in self._sockets(target)]

    async def _join(self, target: Target, content: bytes) -> None:
        rooms = unpack(content, RoomsRequest).rooms
        adapter = self._adapter()
        for socket in self._sockets(target):
            for room in rooms:
                await adapter.join(socket.namespace, room, socket, hold=False)

    async def _leave(self, target: Target, content: bytes) -> None:
        rooms = unpack(content, RoomsRequest).rooms
        adapter = self._adapter()
        for socket in self._sockets(target):
            for room in rooms:
                adapter.leave(socket.namespace, room, socket)

    async def _disconnect(self, target: Target, content: bytes) -> None:
        close = unpack(content, DisconnectRequest).close
        for socket in self._sockets(target):
            if close:
                socket.end_connection()
            else:
                socket.end(EndReason.DISCONNECTED.value)

    async def _server_event(self, target: Target, content: bytes) -> Any:
        request = unpack(content, ServerEvent)
        route = self._routing.match(target.namespace)
        if route is None:
            return None
        args = msgspec.json.decode(request.args)
        return await route.consumer_class.server_event(target.namespace, request.event, *args)

    async def _notice(self, target: Target, content: bytes) -> list[Any]:
        del target
        notice = unpack(content, Notice)
        args = msgspec.json.decode(notice.args)
        answers = await process_noticed.asend(Notice, topic=notice.topic, args=args)
        return [answer for _receiver, answer in answers if answer is not None]


def facts_of(socket: Socket) -> SocketFacts:
    """Return what may be told of a socket; its application's data as far as it can travel."""
    consumer = socket.consumer
    return SocketFacts(
        id=socket.socket_id,
        namespace=socket.namespace,
        rooms=sorted(consumer.rooms),
        person=consumer.identity.person,
        data=msgspec.to_builtins(consumer.data, builtin_types=(bytes,), enc_hook=str),
        handshake=consumer.handshake,
    )


def pack(value: Any) -> bytes:
    """Return a record as it travels."""
    try:
        return msgspec.msgpack.encode(value)
    except OverflowError:
        # One client's huge number must not cost the others' answers.
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        return msgspec.msgpack.encode(with_doubles(plain))


def unpack(content: bytes, kind: Any) -> Any:
    """Return a record that travelled; raises ``ProtocolError`` on any other bytes."""
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ProtocolError("malformed request between processes") from error
