"""Connection state recovery: what a socket was and missed, kept a while for its client's return.

Within one process. A socket remembers what it was sent lately; when its connection breaks, a ghost
goes on collecting in its place. Whoever comes back with the ghost's secret is asked again who they
are and whether they may, before they get anything of it.
Source: Socket.IO documentation, "Connection state recovery"; wire form as the official server's.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from realtime.adapters.base import Broadcast
from realtime.conf import Options
from realtime.counting import count_limit
from realtime.protocol.msgpack_packets import MsgpackWire
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import SocketIoWire, Wire

# What a returning client adds to the auth payload of its CONNECT.
RECOVERY_KEYS = frozenset({"pid", "offset"})
_PID_BYTES = 18
_OFFSET_DIGITS = 12
# Each costs a look at every broadcast; the oldest make room.
MAX_GHOSTS = 10_000
# Why a connection may have broken without anybody wanting it to.
RECOVERABLE_REASONS = frozenset(
    {
        "transport error",
        "transport close",
        "forced close",
        "ping timeout",
        "server shutting down",
        "forced server close",
    }
)


class Offsets:
    """Rising texts, one for each event that can be recovered; unique to the process."""

    def __init__(self, process_id: str) -> None:
        self._prefix = process_id
        self._count = 0

    def next(self) -> str:
        """Return the next one; later ones sort behind earlier ones."""
        self._count += 1
        return f"{self._prefix}{self._count:0{_OFFSET_DIGITS}d}"


class Sent:
    """The latest recoverable messages of one socket, bounded in number and bytes."""

    def __init__(self, *, max_packets: int, max_bytes: int) -> None:
        self._max_packets = max_packets
        self._max_bytes = max_bytes
        self._messages: deque[WireMessage] = deque()
        self._bytes = 0
        self._last_dropped: str | None = None
        # The option that made the latest of them make room.
        self.dropped_for = ""

    def add(self, message: WireMessage) -> None:
        """Remember a message that has an offset; the oldest make room."""
        self._messages.append(message)
        self._bytes += message.size
        while len(self._messages) > self._max_packets or self._bytes > self._max_bytes:
            is_many = len(self._messages) > self._max_packets
            self.dropped_for = "recovery_packets" if is_many else "recovery_bytes"
            oldest = self._messages.popleft()
            self._bytes -= oldest.size
            self._last_dropped = oldest.offset

    def after(self, offset: str) -> list[WireMessage] | None:
        """Return what was sent after the message of that offset, or None.

        None stands for an offset that this socket was never sent, and for one so old that some
        of what followed is remembered no more.
        """
        # By position: what was held back during a join is sent behind later offsets.
        if offset == self._last_dropped:
            return list(self._messages)
        for index, message in enumerate(self._messages):
            if message.offset == offset:
                return list(islice(self._messages, index + 1, None))
        return None


@dataclass(eq=False, slots=True)
class Ghost:
    """What is kept of a socket whose connection broke."""

    pid: str
    socket_id: str
    namespace: str
    person_id: str
    rooms: frozenset[str]
    data: dict[str, Any]
    sent: Sent
    user_id: str | None
    guest_id: str | None
    # Whether a client that came back is being asked who it is: there is only one heir.
    is_claimed: bool = False
    # Until then handlers of the old socket may run, which has the same id.
    is_finished: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Return:
    """A client that came back: its ghost, and the offset of the last event that it has."""

    ghost: Ghost
    offset: str


class RecoveryStore:
    """The ghosts of one process, by pid. Nothing is kept while recovery is off.

    ``wire`` is how this process speaks Socket.IO: with recovery on, events carry offsets.
    """

    def __init__(self, options: Options, process_id: str) -> None:
        self._options = options
        self._offsets = Offsets(process_id)
        next_offset = self._offsets.next if self.is_on else None
        self.wire: Wire = (
            MsgpackWire(next_offset) if options.parser == "msgpack" else SocketIoWire(next_offset)
        )
        self._ghosts: dict[str, Ghost] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return bool(self._options.recovery_s)

    def new_pid(self) -> str:
        """Return a secret by which a client finds its ghost."""
        return secrets.token_urlsafe(_PID_BYTES)

    def new_sent(self) -> Sent:
        """Return an empty memory for a socket."""
        options = self._options
        return Sent(max_packets=options.recovery_packets, max_bytes=options.recovery_bytes)

    def keep(self, ghost: Ghost) -> None:
        """Keep a ghost for ``RECOVERY_S``."""
        if len(self._ghosts) >= MAX_GHOSTS:
            self.forget(next(iter(self._ghosts)))
        self._ghosts[ghost.pid] = ghost
        loop = asyncio.get_running_loop()
        self._timers[ghost.pid] = loop.call_later(self._options.recovery_s, self._expire, ghost.pid)

    def find(self, namespace: str, auth: dict[str, Any]) -> Return | None:
        """Return the ghost that a CONNECT's payload asks for, if it can still be recovered."""
        pid, offset = auth.get("pid"), auth.get("offset")
        if not isinstance(pid, str) or not isinstance(offset, str):
            return None
        ghost = self._ghosts.get(pid)
        if ghost is None or ghost.namespace != namespace or ghost.is_claimed:
            return None
        if ghost.sent.after(offset) is not None:
            return Return(ghost, offset)
        if ghost.sent.dropped_for:
            count_limit(ghost.sent.dropped_for)
        return None

    def _expire(self, pid: str) -> None:
        count_limit("recovery_s")
        self.forget(pid)

    def forget(self, pid: str) -> None:
        """Forget a ghost."""
        self._ghosts.pop(pid, None)
        timer = self._timers.pop(pid, None)
        if timer is not None:
            timer.cancel()

    def observe(self, broadcast: Broadcast) -> None:
        """Let the ghosts have a broadcast that is for them."""
        if broadcast.volatile:
            return
        for ghost in self._ghosts.values():
            if ghost.namespace == broadcast.namespace and _is_for(broadcast, ghost):
                ghost.sent.add(broadcast.message_for(self.wire))


def _is_for(broadcast: Broadcast, ghost: Ghost) -> bool:
    own = {ghost.socket_id, *ghost.rooms}
    if own.intersection(broadcast.excepted):
        return False
    if not broadcast.rooms and not broadcast.users:
        return True
    return bool(own.intersection(broadcast.rooms)) or ghost.user_id in broadcast.users


def only_of(messages: Iterable[WireMessage], rooms: frozenset[str], own: str) -> list[WireMessage]:
    """Return the messages that somebody may have who is in these rooms; others are left out."""
    admitted = {own, *rooms}
    return [
        message for message in messages if not message.rooms or admitted.intersection(message.rooms)
    ]
