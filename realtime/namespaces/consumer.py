"""What applications write: a consumer per namespace, an instance per socket."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import SyncToAsync
from channels.consumer import AsyncConsumer
from django.utils.translation import gettext as _

from realtime.adapters.base import Numbered
from realtime.conf import Limits, Options
from realtime.exceptions import Refused, UsageError
from realtime.namespaces.authenticators import query_of
from realtime.namespaces.broadcast import SocketOperator
from realtime.namespaces.declared import (
    NOTHING_DECLARED,
    Declared,
    check_emitted,
    collect_emits,
    is_checking,
)
from realtime.namespaces.encoding import encode_event
from realtime.namespaces.events import CATCH_ALL, EventHandler, collect_handlers
from realtime.namespaces.identity import Identity
from realtime.transports.base import Receive, Scope, Send

if TYPE_CHECKING:
    from realtime.namespaces.socket import Socket


UNKNOWN_EVENT = "unknown_event"


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """The process that serves; ``is_only`` says that no other can share its sockets."""

    id: str
    is_only: bool


class NamespaceConsumer(AsyncConsumer):
    """A namespace: subclass it, mount it with ``path("name", Yours.as_asgi())``.

    One instance serves one socket, whichever door that came through. Events of a socket are
    handled in order, sockets side by side; a failing handler hurts nobody else.

    ``emits`` declares what clients may hear: the type of each event's argument, a tuple of types
    for several, None for none. While DEBUG is on, any other emit raises ``UsageError``.
    """

    emits: ClassVar[Mapping[str, Any]] = {}
    limits: ClassVar[Limits | None] = None
    handlers: ClassVar[Mapping[str, EventHandler]] = {}
    declared: ClassVar[Declared] = NOTHING_DECLARED

    scope: Scope  # type: ignore[assignment]  # Channels lists the servers' keys; we add ours
    identity: Identity
    auth: dict[str, Any]
    data: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the registries of events; a wrong declaration fails at import."""
        super().__init_subclass__(**kwargs)
        cls.handlers = collect_handlers(cls)
        cls.declared = collect_emits(cls)

    def __init__(self, **initkwargs: Any) -> None:
        for name, value in initkwargs.items():
            setattr(self, name, value)
        self.data = {}
        self.auth = {}
        self._socket: Socket | None = None

    @classmethod
    def as_asgi(cls, **initkwargs: Any) -> Callable[..., Any]:  # type: ignore[override]
        """Return what ``path()`` mounts; ``initkwargs`` become attributes of each instance."""
        return super().as_asgi(**initkwargs)

    # Hooks.

    @classmethod
    async def admits(cls, namespace: str, kwargs: dict[str, Any]) -> bool:
        """Say whether there is such a namespace; asked before anything else of each socket."""
        del namespace, kwargs
        return True

    @classmethod
    async def started(cls, process: ProcessInfo) -> None:
        """Run once when a process begins to serve."""

    @classmethod
    async def stopped(cls, process: ProcessInfo) -> None:
        """Run once when a process has served its last socket."""

    @classmethod
    async def read_numbered(
        cls, namespace: str, room: str, epoch: str, after: int, upto: int
    ) -> list[Numbered]:
        """Read numbered events that got lost between processes: ``after < offset <= upto``."""
        del namespace, room, epoch, after, upto
        return []

    @classmethod
    async def read_heads(
        cls, rooms: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], tuple[str, int]]:
        """Read the epoch and the last offset of rooms that number their events, once a second.

        ``rooms`` are pairs of namespace and name, of all classes that share this implementation.
        What nothing came after is missed by nobody: so it is found.
        """
        del rooms
        return {}

    @classmethod
    def lost_event(cls, room: str, first: int | None, last: int | None) -> tuple[Any, ...] | None:
        """Give the event, name and arguments, by which sockets in a room hear of a loss.

        ``first`` and ``last`` are the offsets of what is lost for good, None where nothing is
        numbered.
        """
        del room, first, last
        return None

    @classmethod
    async def server_event(cls, namespace: str, event: str, *args: Any) -> Any:
        """Hear what another process emitted with ``server_side_emit``; return an answer.

        What is returned must be JSON; nothing of this reaches a client.
        """
        del namespace, event, args
        return None

    @classmethod
    def namespace_label(cls, namespace: str, pattern: str) -> str:
        """Return how a namespace is called in metrics, where a ``pattern`` matches many.

        The pattern by default: clients may write anything in its place. A class whose namespaces
        are a list that the site keeps returns the namespace.
        """
        del namespace
        return pattern

    async def connect(self, auth: dict[str, Any]) -> None:
        """Take a socket in, or raise ``Refused(code, message)``.

        What is emitted here leaves right behind the client's CONNECT.
        """

    async def rejoin(self, room: str) -> bool:
        """Put a socket whose state is recovered back into a room that it was in; say if it may.

        Asked for each room before the first missed event is sent; what was missed of a room that
        is withheld is left out.
        """
        await self.join(room)
        return True

    async def disconnected(self, reason: str) -> None:
        """Clean up after an accepted socket; ``rooms`` still says where it was."""

    # State.

    @property
    def socket(self) -> "Socket":
        """The engine's side of this socket."""
        if self._socket is None:
            raise UsageError("this consumer serves no socket yet")
        return self._socket

    @property
    def socket_id(self) -> str:
        """The public id of this socket, which Socket.IO clients know as ``id``."""
        return self.socket.socket_id

    @property
    def namespace(self) -> str:
        """The namespace's path, such as ``/games``."""
        return self.socket.namespace

    @property
    def process_id(self) -> str:
        """The id of the process that serves this socket."""
        return self.socket.process.id

    @property
    def options(self) -> Options:
        """The options in force for this class."""
        return self.socket.options

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms that this socket is in; after its end, those that it was in."""
        socket = self.socket
        return socket.left_rooms or socket.process.adapter.rooms(socket.namespace, socket)

    @property
    def recovered(self) -> bool:
        """Whether the state of a broken connection was recovered; known in ``connect`` already."""
        return self.socket.is_recovered

    @property
    def is_connected(self) -> bool:
        """Whether the client can still be reached."""
        return self.socket.reason is None

    @property
    def transport_name(self) -> str:
        """What carries this socket's connection now: ``websocket`` or ``polling``."""
        return self.socket.transport_name

    @property
    def handshake(self) -> dict[str, Any]:
        """What the connection was opened with: address, query, auth, transport, when, how."""
        session = self.socket.session
        return {
            "address": session.client.address,
            "auth": self.auth,
            "door": session.door,
            "issued_at": session.opened_at.isoformat(),
            "query": query_of(self.scope),
            "transport": self.transport_name,
        }

    # Doing.

    async def emit(self, event: str, *args: Any, volatile: bool = False) -> None:
        """Send an event to this client; waits while the client does not keep up."""
        if is_checking():
            check_emitted(type(self), encode_event(event, args))
        await self.socket.emit(event, args, volatile=volatile)

    def emit_now(self, event: str, *args: Any) -> None:
        """Send an event to this client without waiting for one that does not keep up.

        A client for which too much waits is sent away.
        """
        encoded = encode_event(event, args)
        if is_checking():
            check_emitted(type(self), encoded)
        socket = self.socket
        socket.send(socket.wire.recoverable_event(socket.namespace, encoded), False)

    async def call(self, event: str, *args: Any, timeout_s: float | None = None) -> Any:
        """Send an event and return the client's answer: a value, or a tuple of several.

        Raises ``AckTimeout`` after ``timeout_s`` (default: ``ACK_TIMEOUT_S``).
        """
        if is_checking():
            check_emitted(type(self), encode_event(event, args))
        limit_s = self.options.ack_timeout_s if timeout_s is None else timeout_s
        return await self.socket.call(event, args, limit_s)

    def to(self, *rooms: str | Iterable[str]) -> SocketOperator:
        """Select everyone in these rooms but this socket."""
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: str | Iterable[str]) -> SocketOperator:
        """Select everyone in these rooms, this socket included."""
        return SocketOperator(self.namespace).in_(*rooms)

    def except_(self, *names: str | Iterable[str]) -> SocketOperator:
        """Select the namespace but this socket and these rooms or sockets."""
        return self.broadcast.except_(*names)

    @property
    def broadcast(self) -> SocketOperator:
        """Select everyone in the namespace but this socket."""
        return SocketOperator(self.namespace).except_(self.socket_id)

    async def join(self, room: str, *, hold: bool = False) -> None:
        """Put this socket into a room; joining again is a no-op.

        With ``hold`` nothing of the room reaches it until ``release``.
        """
        socket = self.socket
        await socket.process.adapter.join(socket.namespace, room, socket, hold=hold)

    def release(self, room: str, *, after: int | None = None) -> None:
        """Let held events flow; numbered ones up to ``after`` are left out, now and later."""
        socket = self.socket
        socket.process.adapter.release(socket.namespace, room, socket, after)

    async def leave(self, room: str) -> None:
        """Take this socket out of a room; leaving twice is a no-op."""
        self.leave_now(room)

    def leave_now(self, room: str) -> None:
        """Do what ``leave`` does; nothing of the room reaches the socket once this returns."""
        socket = self.socket
        socket.process.adapter.leave(socket.namespace, room, socket)

    def local_members(self, room: str) -> list["NamespaceConsumer"]:
        """Return the consumers of this process whose sockets are in a room."""
        socket = self.socket
        members = socket.process.adapter.members(socket.namespace, room)
        return [member.consumer for member in members if hasattr(member, "consumer")]

    async def disconnect(self, reason: str = "disconnected", *, close: bool = False) -> None:
        """End this socket; the client is told ``reason`` and does not come back by itself.

        With ``close`` every socket of its connection ends, and the connection.
        """
        if close:
            self.socket.end_connection()
        else:
            self.socket.end(reason)

    # What the engine calls.

    def bind(self, socket: "Socket") -> None:
        """Give the consumer its socket; once."""
        self._socket = socket

    @classmethod
    def event_label(cls, name: Any) -> str:
        """Return how an event is called in metrics: by its name if it is a declared one."""
        if isinstance(name, str) and name in cls.handlers:
            return name
        return CATCH_ALL if CATCH_ALL in cls.handlers else UNKNOWN_EVENT

    async def dispatch_event(self, name: Any, args: list[Any]) -> Any:
        """Find, decode and run; return what the handler does. Raises ``Refused`` and its errors."""
        handler = self.handlers.get(name) if isinstance(name, str) else None
        values: list[Any]
        if handler is not None:
            values = handler.decode(args)
        else:
            handler = self.handlers.get(CATCH_ALL)
            if handler is None or not isinstance(name, str):
                raise Refused(
                    UNKNOWN_EVENT,
                    _("There is no event “%(event)s” here.") % {"event": str(name)[:64]},
                )
            values = [name, *handler.decode(args)]
        if handler.is_join:
            self.socket.take_join_token()
        method = getattr(self, handler.attribute)
        if handler.is_async:
            return await method(*values)
        return await SyncToAsync(method, thread_sensitive=True)(*values)

    async def __call__(  # type: ignore[override]  # as above
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one plain WebSocket; mounted in a routing table, or in Channels' own router."""
        # The plain door stands above this class: it is the one that makes sockets for it.
        from realtime.namespaces.plain import serve_consumer  # noqa: PLC0415

        await serve_consumer(self, scope, receive, send)
