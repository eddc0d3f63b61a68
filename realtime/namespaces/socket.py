"""One client in one namespace: its life, its inbox, its acks and its limits.

A socket's events are handled in order by one task of its own, so that a slow handler holds up
nobody else; acks and the end of the socket do not wait in that line.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from django.db import InterfaceError, OperationalError
from django.dispatch import Signal
from django.utils.translation import gettext as _

from realtime.conf import Options
from realtime.counting import count_limit, current_counts
from realtime.exceptions import AckTimeout, Refused, SessionClosed, UsageError
from realtime.namespaces.authenticators import SHARED_GUEST
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.encoding import encode_arguments, encode_event
from realtime.namespaces.events import NO_ACK
from realtime.namespaces.identity import Identity
from realtime.namespaces.rates import Patience, TokenBucket
from realtime.namespaces.recovery import (
    RECOVERABLE_REASONS,
    Ghost,
    Return,
    Sent,
    only_of,
)
from realtime.namespaces.signals import socket_connected, socket_disconnected
from realtime.protocol.encoded_event import EncodedEvent
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import Wire
from realtime.transports.base import SendMessage

if TYPE_CHECKING:
    from realtime.namespaces.consumer import NamespaceConsumer
    from realtime.namespaces.process import Process
    from realtime.namespaces.tapping import SocketTaps

logger = logging.getLogger(__name__)

# How long a flood may go on before its socket is closed.
FLOOD_PATIENCE_S = 3.0
# What a socket's handlers may leave untaken where the server cannot stop reading.
INBOX_MAX_EVENTS = 1_000
INBOX_MAX_BYTES = 262_144
# How long a handler may go on after its client has left.
LEAVE_GRACE_S = 10.0
OK = "ok"
UNKNOWN_NAMESPACE = "unknown_namespace"
_INTERNAL = "internal"


class SocketState(Enum):
    """Where a socket is in its life."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class EndReason(Enum):
    """Why the server ends a socket, as the plain door words it."""

    GOING_AWAY = "going_away"
    SIGNED_OUT = "signed_out"
    OUTBOX = "outbox"
    RATE_LIMITED = "rate_limited"
    DISCONNECTED = "disconnected"


class Link(Protocol):
    """The way from a socket to its client, through whichever door that came."""

    wire: Wire
    session: ClientSession
    # Hands a message over without waiting; another one after ``Socket.moved``.
    send: SendMessage

    @property
    def transport_name(self) -> str:
        """What carries the connection now: ``websocket`` or ``polling``."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""

    @property
    def answered_at(self) -> float | None:
        """When the client last answered a ping, on the loop's clock; None before the first."""

    async def send_patiently(self, message: WireMessage) -> bool:
        """Hand a message over, waiting while the client does not keep up; False once it left."""

    def accepted(self, socket: "Socket") -> None:
        """Tell the client that the socket is in."""

    def refused(self, socket: "Socket", refused: Refused) -> None:
        """Tell the client that the socket may not come in."""

    def ended(self, socket: "Socket", reason: str) -> None:
        """Tell the client that the server ends the socket, for an ``EndReason`` or a code."""

    def end_connection(self) -> None:
        """End every socket of the connection for good, then the connection."""

    def drop(self) -> None:
        """Cut the connection so that the client comes back."""

    def taken(self) -> None:
        """A socket's inbox has room again."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a connection stands, for staff.

    ``waiting_bytes`` wait for the client, ``waiting_events`` of the client's for their handler.
    ``answered_s`` seconds ago it answered a ping (Socket.IO) or sent a frame (plain door).
    """

    transport: str
    waiting_bytes: int
    waiting_events: int
    answered_s: float | None


@dataclass(frozen=True, slots=True)
class _Event:
    name: Any
    args: list[Any]
    ack_id: int | None
    size: int


class Socket:
    """The engine's side of a consumer. All methods are called on the process's event loop."""

    def __init__(
        self,
        *,
        socket_id: str,
        namespace: str,
        consumer: "NamespaceConsumer",
        link: Link,
        process: "Process",
        options: Options,
    ) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.socket_id = socket_id
        self.namespace = namespace
        self.consumer = consumer
        self.process = process
        self.options = options
        self.wire = link.wire
        self.session = link.session
        self.state = SocketState.CONNECTING
        self.reason: str | None = None
        self._link = link
        self._loop = loop
        self._began_at = now
        self._counts = current_counts()
        # Where this socket is counted: its namespace, or a common label of many.
        self.label = UNKNOWN_NAMESPACE
        # Who looks on, if anybody does.
        self.taps: SocketTaps | None = None
        # Until the client knows that it is in, nothing else may reach it.
        self._unsent: list[tuple[WireMessage, bool]] = []
        self.send: SendMessage = self._send_later
        self._inbox: deque[_Event] = deque()
        self._inbox_bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._acks: dict[int, asyncio.Future[list[Any]]] = {}
        self._next_ack_id = 0
        self._events = TokenBucket(per_s=options.events_per_s, burst=options.events_burst, now=now)
        self._joins = TokenBucket(per_s=options.joins_per_s, burst=options.joins_burst, now=now)
        self._patience = Patience(limit_s=FLOOD_PATIENCE_S)
        self._expiry: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None
        self.left_rooms: frozenset[str] = frozenset()
        # Only where the state of connections is recovered: its secret id, and what it was sent.
        store = process.recovery
        is_recoverable = store.is_on and link.wire is store.wire
        self.pid: str | None = store.new_pid() if is_recoverable else None
        self._sent: Sent | None = store.new_sent() if is_recoverable else None
        self._return: Return | None = None
        self._ghost: Ghost | None = None

    # What the door calls.

    def start(self, auth: dict[str, Any]) -> None:
        """Ask for admission, then serve; the task ends when the socket does."""
        self._task = self.process.spawn(self._run(auth), name="socket")

    @property
    def transport_name(self) -> str:
        """What carries the connection now: ``websocket`` or ``polling``."""
        return self._link.transport_name

    def about(self, **more: object) -> dict[str, object]:
        """Return what a log line says of this socket: no secret is among it."""
        identity = getattr(self.consumer, "identity", None)
        return {
            "namespace": self.namespace,
            "socket_id": self.socket_id,
            "process_id": self.process.id,
            "user": identity.id if identity is not None else None,
            **more,
        }

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._link.waiting_bytes

    @property
    def inbox_bytes(self) -> int:
        """Bytes of events, roughly, that the handlers have not taken yet."""
        return self._inbox_bytes

    @property
    def link_state(self) -> LinkState:
        """How the connection stands at this instant."""
        answered_at = self._link.answered_at
        return LinkState(
            transport=self._link.transport_name,
            waiting_bytes=self._link.waiting_bytes,
            waiting_events=len(self._inbox),
            answered_s=self._loop.time() - answered_at if answered_at is not None else None,
        )

    @property
    def is_open(self) -> bool:
        """Whether the client knows that it is in, and can be reached."""
        return self.state is SocketState.CONNECTED

    @property
    def is_ready(self) -> bool:
        """Whether the inbox has room."""
        return len(self._inbox) < self.options.inbox_messages

    def receive_event(self, name: Any, args: list[Any], ack_id: int | None, size: int) -> None:
        """Take an event from the client; ``size`` is what it had in bytes, roughly."""
        if self.state is SocketState.CLOSED:
            return
        if self.taps is not None:
            self.taps.came("event", name, args)
        if not self.take_event_token(ack_id):
            return
        is_full = len(self._inbox) >= INBOX_MAX_EVENTS
        # One large event passes into an empty inbox: its size has a limit of its own.
        if is_full or (self._inbox and self._inbox_bytes + size > INBOX_MAX_BYTES):
            count_limit("inbox_messages")
            self.end(EndReason.RATE_LIMITED.value)
            return
        self._inbox.append(_Event(name, args, ack_id, size))
        self._inbox_bytes += size
        self._wake_up()

    def take_event_token(self, ack_id: int | None = None) -> bool:
        """Count something that the client sent; answer it and say False if it is too much."""
        now = self._loop.time()
        wait_s = self._events.take(now)
        if not wait_s:
            return True
        count_limit("events_per_s")
        if self._patience.is_over(now):
            self.end(EndReason.RATE_LIMITED.value)
        else:
            self._refuse(ack_id, _rate_limited(wait_s))
        return False

    def receive_ack(self, ack_id: int, args: list[Any]) -> None:
        """Take the client's answer; one that nobody waits for is ignored."""
        if self.taps is not None:
            self.taps.came("ack", None, args)
        future = self._acks.pop(ack_id, None)
        if future is not None and not future.done():
            future.set_result(args)

    def closed(self, reason: str) -> None:
        """The client is gone: what it sent before is handled, then the socket ends."""
        if self.state is SocketState.CLOSED:
            return
        self._close(reason)

    def moved(self) -> None:
        """Take the link's way to the client, which an upgrade changes."""
        if self.state is SocketState.CONNECTED:
            send = self._link.send if self._sent is None else self._send_and_remember
            self.send = send if self.taps is None else self.taps.wrap(send)

    def tap(self, taps: "SocketTaps | None") -> None:
        """Have somebody look on, or nobody any more."""
        self.taps = taps
        self.moved()

    def note(self, what: str, **about: Any) -> None:
        """Tell those who look on of a decision."""
        if self.taps is not None:
            self.taps.noted(what, about)

    def recover(self, found: Return | None) -> None:
        """Try to be the socket again whose connection broke; before ``start``."""
        self._return = found
        if found is not None and found.ghost.guest_id is not None:
            # Whoever knows the ghost's secret is its guest, also without a token or a cookie.
            self.session.shared.setdefault(SHARED_GUEST, found.ghost.guest_id)

    def identify(self, identity: Identity) -> None:
        """Learn who it is. Only the same person is given back what a socket was."""
        if self._return is None:
            return
        ghost = self._return.ghost
        if ghost.person_id != identity.id or ghost.is_claimed:
            self._return = None
            return
        ghost.is_claimed = True
        self.socket_id, self.pid = ghost.socket_id, ghost.pid
        self.consumer.data.update(ghost.data)

    @property
    def is_recovered(self) -> bool:
        """Whether this socket is one again whose connection broke."""
        return self._return is not None

    # What the consumer calls.

    async def emit(self, event: str, args: tuple[Any, ...], *, volatile: bool) -> None:
        """Send an event to the client; waits while the client does not keep up."""
        encoded = encode_event(event, args)
        if volatile:
            self.send(self.wire.event(self.namespace, encoded), True)
            return
        message = self.wire.recoverable_event(self.namespace, encoded)
        if self.state is SocketState.CONNECTED:
            await self._link.send_patiently(message)
            if self.taps is not None:
                self.taps.went(message)
            # Only now: while it waited, others may have gone before it.
            if self._sent is not None:
                self._sent.add(message)
        else:
            self.send(message, False)

    async def call(self, event: str, args: tuple[Any, ...], timeout_s: float) -> Any:
        """Send an event and return the client's answer; raises ``AckTimeout``."""
        if self.state is SocketState.CONNECTING:
            raise UsageError("call() in connect() waits for a client that is not in yet")
        if self.state is SocketState.CLOSED:
            raise AckTimeout(f"the client left before it answered {event!r}")
        _ack_id, future = self.ask(encode_event(event, args))
        try:
            async with asyncio.timeout(timeout_s):
                answer = await future
        except TimeoutError:
            count_limit("ack_timeout_s")
            raise AckTimeout(f"no answer to {event!r} within {timeout_s:g} s") from None
        return answer[0] if len(answer) == 1 else tuple(answer) or None

    def ask(self, event: EncodedEvent) -> "tuple[int, asyncio.Future[list[Any]]]":
        """Send an event that asks for an answer, without waiting; return where that comes."""
        ack_id = self._next_ack_id
        self._next_ack_id += 1
        most = self.options.max_pending_acks
        while most and len(self._acks) >= most:
            count_limit("max_pending_acks")
            oldest = next(iter(self._acks))
            _fail(self._acks.pop(oldest), "too many events wait for an answer")
        future = self._acks[ack_id] = self._loop.create_future()
        # Whoever stops waiting need not be asked for more.
        future.add_done_callback(lambda _done: self._acks.pop(ack_id, None))
        if self.state is SocketState.CLOSED:
            _fail(future, "the client left before it answered")
        self.send(self.wire.event(self.namespace, event, ack_id), False)
        return ack_id, future

    def drop_connection(self) -> None:
        """Cut the connection below without a word; its client comes back by itself."""
        self._link.drop()

    def end_connection(self) -> None:
        """End this socket and every other one of its connection, then the connection itself."""
        self._link.end_connection()

    def end(self, reason: str) -> None:
        """End the socket from the server's side; the client is told why. Twice is a no-op."""
        if self.state is SocketState.CLOSED:
            return
        was_connecting = self.state is SocketState.CONNECTING
        # Whoever is sent away has nothing more to say.
        self._inbox.clear()
        self._close(_socket_io_reason(reason))
        self._leave()
        if was_connecting:
            self._link.refused(self, Refused(reason, _("The connection was ended.")))
        else:
            self._link.ended(self, reason)

    def overflow(self) -> None:
        """Too much waits for the client: send it away."""
        self.end(EndReason.OUTBOX.value)

    # The socket's own task.

    async def _run(self, auth: dict[str, Any]) -> None:
        try:
            async with self.process.database.lane():
                if not await self._admit(auth):
                    return
                try:
                    await self._signal(socket_connected)
                    await self._serve()
                finally:
                    await self._finish()
        finally:
            if self._grace is not None:
                self._grace.cancel()
            self.process.forget(self)
            if self._ghost is not None:
                self._ghost.is_finished.set()

    async def _admit(self, auth: dict[str, Any]) -> bool:
        try:
            await self._await_former()
            await self.process.admit(self, auth)
            await self.consumer.connect(auth)
            admitted = await self._rejoin()
        except Refused as refused:
            self._refuse_connect(refused)
        except SessionClosed:
            self._abandon()
        except (OperationalError, InterfaceError) as error:
            self._refuse_connect(self.process.database.refuse(error))
        except Exception:
            logger.exception("connect failed", extra=self.about())
            self._refuse_connect(_internal_error())
        else:
            if self.state is not SocketState.CLOSED and self._is_intact():
                self._counts.connects.add(self.label, OK)
                transport = self._link.transport_name
                self.note("connected", door=self.session.door, transport=transport)
                logger.info(
                    "socket connected",
                    extra=self.about(door=self.session.door, transport=transport),
                )
                self._accept(admitted)
                return True
            # The client left while we made up our mind: nobody ever knew of this socket.
            self._abandon()
        return False

    async def _await_former(self) -> None:
        """Let the socket that we are to be again come to its end: both have one id."""
        if self._return is None:
            return
        try:
            async with asyncio.timeout(LEAVE_GRACE_S):
                await self._return.ghost.is_finished.wait()
        except TimeoutError:
            self._return = None

    def _is_intact(self) -> bool:
        """Say whether all that was missed is still there; if not, the client has to begin anew."""
        found = self._return
        if found is None or found.ghost.sent.after(found.offset) is not None:
            return True
        self.process.recovery.forget(found.ghost.pid)
        self._link.drop()
        return False

    async def _rejoin(self) -> frozenset[str]:
        if self._return is None:
            return frozenset()
        rooms = sorted(self._return.ghost.rooms)
        return frozenset([room for room in rooms if await self.consumer.rejoin(room)])

    def _accept(self, admitted: frozenset[str]) -> None:
        self.state = SocketState.CONNECTED
        # What was missed comes first: clients keep it until they are connected.
        sent = self._send_missed(self._return, admitted) if self._return is not None else set()
        self._link.accepted(self)
        self.moved()
        unsent, self._unsent = self._unsent, []
        for message, volatile in unsent:
            if message.offset is None or message.offset not in sent:
                self.send(message, volatile)
        self._arm_expiry()

    def _send_missed(self, found: Return, admitted: frozenset[str]) -> set[str | None]:
        ghost = found.ghost
        missed = ghost.sent.after(found.offset) or []
        self.process.recovery.forget(ghost.pid)
        self._sent = ghost.sent
        for message in only_of(missed, admitted, self.socket_id):
            self._link.send(message, False)
        # What came while rooms were asked for, the ghost has had as well.
        return {message.offset for message in missed}

    def _send_and_remember(self, message: WireMessage, volatile: bool = False) -> bool:
        if message.offset is not None and self._sent is not None:
            self._sent.add(message)
        return self._link.send(message, volatile)

    def _refuse_connect(self, refused: Refused) -> None:
        self._counts.connects.add(self.label, refused.code)
        self.note("refused", code=refused.code)
        logger.info("socket refused", extra=self.about(code=refused.code, door=self.session.door))
        was_open = self.state is not SocketState.CLOSED
        if self._return is not None:
            # Who is not admitted gets nothing of it back, now or later.
            self.process.recovery.forget(self._return.ghost.pid)
        self._abandon()
        if was_open:
            self._link.refused(self, refused)

    def _abandon(self) -> None:
        self.state = SocketState.CLOSED
        if self._return is not None:
            self._return.ghost.is_claimed = False
        self._leave()
        self._fail_acks()

    async def _signal(self, signal: Signal, **about: Any) -> None:
        consumer_class = type(self.consumer)
        if not signal.has_listeners(consumer_class):
            return
        for _receiver, error in await signal.asend_robust(
            consumer_class, consumer=self.consumer, **about
        ):
            if isinstance(error, Exception):
                logger.error("signal receiver failed", exc_info=error, extra=self.about())

    async def _serve(self) -> None:
        while True:
            while self._inbox:
                event = self._inbox.popleft()
                self._inbox_bytes -= event.size
                if len(self._inbox) == self.options.inbox_messages - 1:
                    self._link.taken()
                await self._handle(event)
            if self.state is SocketState.CLOSED:
                return
            self._wake = self._loop.create_future()
            await self._wake
            self._wake = None

    async def _finish(self) -> None:
        self._leave()
        self._fail_acks()
        if self._grace is not None:
            self._grace.cancel()
        if self._expiry is not None:
            self._expiry.cancel()
        reason = self.reason or "transport close"
        self._counts.disconnects.add(self.label, reason)
        seconds = round(self._loop.time() - self._began_at, 3)
        self.note("disconnected", reason=reason, seconds=seconds)
        logger.info("socket disconnected", extra=self.about(reason=reason, seconds=seconds))
        try:
            await self.consumer.disconnected(reason)
        except Exception:
            logger.exception("disconnected() failed", extra=self.about())
        await self._signal(socket_disconnected, reason=reason)

    async def _handle(self, event: _Event) -> None:
        began_at = self._loop.time()
        code = OK
        try:
            result = await self.consumer.dispatch_event(event.name, event.args)
        except Refused as refused:
            code = refused.code
            self._refuse(event.ack_id, refused)
        except SessionClosed:
            pass
        except (OperationalError, InterfaceError) as error:
            busy = self.process.database.refuse(error)
            code = busy.code
            self._refuse(event.ack_id, busy)
        except Exception:
            code = _INTERNAL
            logger.exception("event failed", extra=self.about(event=str(event.name)[:128]))
            self._refuse(event.ack_id, _internal_error())
        else:
            if type(result) is dict and result.get("ok") is False:
                # A refusal that the handler has worded itself.
                code = str(result.get("code"))
            if event.ack_id is not None and result is not NO_ACK:
                self._answer(event.ack_id, _values(result))
        name = event.name
        if not isinstance(name, str) or name not in self.consumer.handlers:
            name = self.consumer.event_label(name)
        self._counts.events.add(self.label, name, code, self._loop.time() - began_at)

    def take_join_token(self) -> None:
        """Count a request to join; raises ``Refused("rate_limited")`` if it is too much."""
        wait_s = self._joins.take(self._loop.time())
        if wait_s:
            count_limit("joins_per_s")
            raise _rate_limited(wait_s)

    # Sending.

    def _send_later(self, message: WireMessage, volatile: bool = False) -> bool:
        if self.state is SocketState.CLOSED:
            return False
        most = self.options.outbox_messages
        if most and len(self._unsent) >= most:
            count_limit("outbox_messages")
            self.overflow()
            return False
        self._unsent.append((message, volatile))
        return True

    def _answer(self, ack_id: int, values: tuple[Any, ...]) -> None:
        try:
            args = encode_arguments(values)
        except UsageError:
            logger.exception("ack cannot be encoded", extra=self.about())
            args = encode_arguments([_internal_error().answer()])
        self.send(self.wire.ack(self.namespace, ack_id, args), False)

    def _refuse(self, ack_id: int | None, refused: Refused) -> None:
        answer = refused.answer()
        if ack_id is not None:
            self._answer(ack_id, (answer,))
            return
        event = encode_event("err", (answer["message"], answer))
        self.send(self.wire.event(self.namespace, event), False)

    # The end.

    def _close(self, reason: str) -> None:
        if self.state is SocketState.CONNECTED and reason in RECOVERABLE_REASONS:
            self._leave_ghost()
        self.state = SocketState.CLOSED
        self.reason = reason
        self.send = _send_nothing
        # The client was told of the end, or is gone: nothing follows.
        self.send = self._send_later
        self._fail_acks()
        self._wake_up()
        if self._task is not None:
            self._grace = self._loop.call_later(LEAVE_GRACE_S, self._task.cancel)

    def _leave_ghost(self) -> None:
        if self._sent is None or self.pid is None:
            return
        consumer = self.consumer
        self._leave()
        self._ghost = Ghost(
            pid=self.pid,
            socket_id=self.socket_id,
            namespace=self.namespace,
            person_id=consumer.identity.id,
            user_id=consumer.identity.user_id,
            guest_id=consumer.identity.guest_id,
            rooms=self.left_rooms,
            data=consumer.data,
            sent=self._sent,
        )
        self.process.recovery.keep(self._ghost)

    def _leave(self) -> None:
        rooms = self.process.adapter.remove(self.namespace, self)
        self.left_rooms = self.left_rooms or rooms

    def _fail_acks(self) -> None:
        for future in self._acks.values():
            _fail(future, "the client left before it answered")
        self._acks.clear()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _arm_expiry(self) -> None:
        expires_at = self.consumer.identity.expires_at
        if expires_at is not None:
            delay_s = (expires_at - datetime.now(UTC)).total_seconds()
            # A timer that is too far away overflows; a socket does not live that long either.
            delay_s = min(max(delay_s, 0.0), 30 * 24 * 3600.0)
            self._expiry = self._loop.call_later(delay_s, self.end, EndReason.SIGNED_OUT.value)


def _send_nothing(message: WireMessage, volatile: bool = False) -> bool:
    """Stand for the way to a client that is gone."""
    del message, volatile
    return False


def _values(result: Any) -> tuple[Any, ...]:
    if result is None:
        return ()
    return result if isinstance(result, tuple) else (result,)


def _fail(future: "asyncio.Future[list[Any]]", why: str) -> None:
    if not future.done():
        future.set_exception(AckTimeout(why))
        # Nobody may be waiting any more; that is no fault.
        future.exception()


def _rate_limited(wait_s: float) -> Refused:
    retry_after = max(round(wait_s, 3), 0.001)
    return Refused(
        "rate_limited",
        _("Slow down: try again in %(seconds)s s.") % {"seconds": f"{retry_after:.1f}"},
        retry_after=retry_after,
    )


def _internal_error() -> Refused:
    return Refused(_INTERNAL, _("Something went wrong on the server."))


def _socket_io_reason(reason: str) -> str:
    """Return Socket.IO's word for a server's own reason."""
    if reason == EndReason.GOING_AWAY.value:
        return "server shutting down"
    if reason in {EndReason.OUTBOX.value, EndReason.RATE_LIMITED.value}:
        return "forced server close"
    return "server namespace disconnect"
