"""What the namespaces need of an adapter: membership, and delivery to a selection of sockets."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from realtime.adapters.links import Links
from realtime.protocol.encoded_event import EncodedEvent
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import Wire


class Member(Protocol):
    """A socket as an adapter sees it."""

    socket_id: str
    wire: Wire
    send: Callable[[WireMessage, bool], bool]

    def overflow(self) -> None:
        """Too much waits for this socket: it is sent away."""


@dataclass(frozen=True, slots=True)
class Number:
    """Where an event stands in its room: offsets count 1, 2, 3 … within one epoch."""

    epoch: str
    offset: int


@dataclass(frozen=True, slots=True)
class Target:
    """Sockets of one namespace.

    No rooms and no users: the whole namespace. ``rooms`` and ``excepted`` take names of rooms and
    ids of sockets alike.
    """

    namespace: str
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broadcast:
    """An event and the sockets that it is for, as in ``Target``.

    A numbered event is for exactly one room.
    """

    namespace: str
    event: EncodedEvent
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    volatile: bool = False
    local: bool = False
    number: Number | None = None
    # What it looks like on each wire, made when the first socket of that wire hears it.
    messages: dict[Wire, WireMessage] = field(default_factory=dict, compare=False, repr=False)

    @property
    def target(self) -> Target:
        """Whom it is for."""
        return Target(self.namespace, self.rooms, self.users, self.excepted)

    def message_for(self, wire: Wire) -> WireMessage:
        """Return the event in the form of a wire; encoded once for all sockets of it."""
        message = self.messages.get(wire)
        if message is None:
            if self.volatile:
                message = wire.event(self.namespace, self.event)
            else:
                message = wire.recoverable_event(self.namespace, self.event)
                message.rooms = self.rooms
            self.messages[wire] = message
        return message


@dataclass(frozen=True, slots=True)
class Replies:
    """What processes answered to a request; ``missing`` are those that did not in time."""

    answers: tuple[bytes, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbered:
    """One numbered event as its application stored it."""

    offset: int
    event: str
    args: tuple[Any, ...]


# A namespace and the name of a room in it.
RoomKey = tuple[str, str]


class Storage(Protocol):
    """What applications keep of their rooms' numbered events: how what gets lost is found."""

    async def read_numbered(
        self, namespace: str, room: str, epoch: str, after: int, upto: int
    ) -> list[Numbered]:
        """Read the events with ``after < offset <= upto``, in order; pruned ones are left out."""

    async def read_heads(self, rooms: Collection[RoomKey]) -> Mapping[RoomKey, Number]:
        """Read the last number of each of these rooms; one that is gone is left out."""

    def lost_event(
        self, namespace: str, room: str, first: int | None, last: int | None
    ) -> EncodedEvent | None:
        """Return what a room's sockets are told of events that are lost for good, if anything.

        ``first`` and ``last`` are their offsets, or None where nothing is numbered.
        """


class NothingStored:
    """The ``Storage`` of a process that serves no sockets."""

    async def read_numbered(
        self, namespace: str, room: str, epoch: str, after: int, upto: int
    ) -> list[Numbered]:
        """Read nothing."""
        del namespace, room, epoch, after, upto
        return []

    async def read_heads(self, rooms: Collection[RoomKey]) -> Mapping[RoomKey, Number]:
        """Read nothing."""
        del rooms
        return {}

    def lost_event(
        self, namespace: str, room: str, first: int | None, last: int | None
    ) -> EncodedEvent | None:
        """Tell nothing."""
        del namespace, room, first, last
        return None


# Hears of every broadcast that this process delivers.
Observe = Callable[[Broadcast], None]

# Does what a request asks on this process, and returns the answer: operation, target, content.
AnswerRequest = Callable[[str, Target, bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class AdapterFigures:
    """What an adapter has done, and what it holds now.

    ``rooms`` are those with sockets of this process, counted by namespace; ``dropped_in`` and
    ``dropped_out`` messages between processes that were not understood or could not be handed
    over; ``unsent`` those that wait. ``beat_s`` is how long its own last word took to come back.
    ``streams`` counts those to and from single processes by what became of them.
    """

    deliveries: int
    rooms: dict[str, int]
    dropped_in: int = 0
    dropped_out: int = 0
    unsent: int = 0
    peers: int = 0
    beat_s: float | None = None
    streams: Mapping[str, int] = field(default_factory=dict)


class Adapter(Protocol):
    """Who is in which room of which namespace on this process, and delivery to all processes.

    All methods are called on the process's event loop. Names of rooms may be any text.
    """

    async def start(self) -> None:
        """Begin to serve."""

    async def stop(self) -> None:
        """End what ``start`` began."""

    def add(self, namespace: str, member: Member, user_id: str | None) -> None:
        """Let a socket hear its namespace, its user and its own id."""

    def remove(self, namespace: str, member: Member) -> frozenset[str]:
        """Forget a socket; return the rooms that it was in. Twice is a no-op."""

    async def join(self, namespace: str, room: str, member: Member, *, hold: bool) -> None:
        """Put a socket into a room; a held one gets nothing of it until ``release``.

        When this returns, other processes' events for the room arrive here.
        """

    def leave(self, namespace: str, room: str, member: Member) -> None:
        """Take a socket out of a room; nothing of the room reaches it afterwards."""

    def release(self, namespace: str, room: str, member: Member, after: int | None) -> None:
        """Let held events flow; numbered ones up to ``after`` are left out, now and later."""

    def rooms(self, namespace: str, member: Member) -> frozenset[str]:
        """Return the rooms that a socket is in."""

    def members(self, namespace: str, room: str) -> list[Member]:
        """Return this process's sockets in a room."""

    def publish(self, broadcast: Broadcast) -> None:
        """Deliver to this process's sockets at once, and hand over for the other processes."""

    def select(self, target: Target) -> list[Member]:
        """Return this process's sockets of a target, those still joining left out."""

    async def request(
        self,
        operation: str,
        target: Target,
        content: bytes,
        *,
        timeout_s: float,
        include_self: bool = True,
        overtakes: bool = False,
    ) -> Replies:
        """Have every process do something for the target's sockets; return what they answer.

        Waits for all processes that are known to live, at most ``timeout_s``. A request that
        ``overtakes`` does not wait for events that were published before it.
        """

    def figures(self) -> AdapterFigures:
        """Return what operators want to know."""

    def deliver_until(self, deadline: float | None) -> None:
        """Deliver until then (``time.monotonic``), then hold back until told anew; None: always.

        For a process that may have been held for dead, and must first find out what it missed.
        """

    @property
    def is_shared(self) -> bool:
        """Whether other processes can be reached."""

    @property
    def links(self) -> Links | None:
        """Streams between this process and single others; None where there are no others."""

    @property
    def lost_at(self) -> float | None:
        """Since when other processes cannot be reached (loop time), or None while they can."""
