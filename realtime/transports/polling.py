"""Long-polling: packets wait here until the client asks for them.

Knows no HTTP: a GET is ``poll``, its answer a payload's text; the door speaks ASGI.
Source: Engine.IO protocol v4, "HTTP long-polling".
"""

import asyncio
from collections import deque
from collections.abc import Callable

from realtime.counting import count_limit, current_counts
from realtime.exceptions import SessionClosed
from realtime.protocol.engine_packets import (
    RECORD_SEPARATOR,
    EnginePacket,
    EngineType,
    encode_packet,
)
from realtime.protocol.wire_message import WireMessage
from realtime.transports.base import Ending
from realtime.transports.turn import Turn, current_turn

# Stock Python clients refuse more in one answer; the rest follows in the next.
MAX_PACKETS_OUT = 16
# How long the last packets of a session that we closed are kept for a GET.
LINGER_S = 30.0
CLOSE = WireMessage(encode_packet(EnginePacket(EngineType.CLOSE)))
NOOP = WireMessage(encode_packet(EnginePacket(EngineType.NOOP)))
# What a GET is told that waits when the session ends. One whose client is to come back is refused
# instead: stock Python clients take a close packet as final.
_LAST_PACKETS = {Ending.FINAL: CLOSE, Ending.BREACH: CLOSE, Ending.BY_CLIENT: NOOP}
# When what was sent before still leaves: nobody else fetches it.
_KEEPS_WAITING = {Ending.FINAL, Ending.MAY_RETURN}


class PollRefused(Exception):  # noqa: N818 - an answer, not an error
    """This GET gets no payload; ``is_overlap`` says that another one was waiting."""

    def __init__(self, *, is_overlap: bool) -> None:
        super().__init__()
        self.is_overlap = is_overlap


class PollingTransport:
    """What waits for one client's next GET, bounded; and that GET while it waits.

    ``on_overflow`` is called once, when a packet does not fit even after the volatile ones that
    wait were dropped.
    """

    name = "polling"

    def __init__(
        self, *, max_bytes: int, max_messages: int, on_overflow: Callable[[], None]
    ) -> None:
        self._max_bytes = max_bytes
        self._max_messages = max_messages
        self._on_overflow = on_overflow
        self._turn: Turn = current_turn()
        self._waiting: deque[tuple[WireMessage, bool]] = deque()
        self._waiting_bytes = 0
        self._poll: asyncio.Future[None] | None = None
        self._is_hung_up = False
        self._room: asyncio.Future[None] | None = None
        self._is_scheduled = False
        self._ending: Ending | None = None

    @property
    def has_packets(self) -> bool:
        """Whether a GET would be answered at once."""
        return bool(self._waiting)

    @property
    def is_polled(self) -> bool:
        """Whether a GET waits."""
        return self._poll is not None

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left that a GET could still fetch."""
        return self._ending is not None and not self._waiting and self._poll is None

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._waiting_bytes

    def send(self, message: WireMessage, volatile: bool = False) -> bool:
        """Keep a message for the client; see ``Transport.send``."""
        if self._ending is not None:
            return False
        # Writable means that a GET waits with nothing to answer it yet.
        if volatile and (self._poll is None or self._waiting):
            current_counts().volatile_dropped += 1
            return False
        if self._is_full() and not self._drop_volatile():
            # A volatile one only comes this far with nothing before it.
            self._overflow()
            return False
        self._put(message, volatile)
        self._schedule()
        return True

    async def send_patiently(self, message: WireMessage) -> bool:
        """Keep a message as soon as there is room for it; see ``Transport.send_patiently``."""
        while self._is_full() and self._ending is None:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)
        return self.send(message)

    async def poll(self) -> str:
        """Wait for packets and return a payload of them; raises ``PollRefused``.

        Raises ``SessionClosed`` after ``hang_up``, also where packets came in the same moment.
        A second GET while one waits ends that one with a close packet; so the caller must close
        the session.
        """
        if self._poll is not None:
            raise PollRefused(is_overlap=True)
        while not self._waiting:
            if self._ending is not None:
                raise PollRefused(is_overlap=False)
            self._poll = asyncio.get_running_loop().create_future()
            try:
                await self._poll
            finally:
                self._poll = None
            if self._is_hung_up:
                raise SessionClosed("transport error")
        return self._take()

    def hang_up(self) -> None:
        """Give up the waiting GET, whose client is gone; nothing can be sent on it any more."""
        self._is_hung_up = True
        self._answer()

    def poke(self) -> None:
        """Answer a waiting GET with a packet that means nothing, so that the client goes on."""
        if self._poll is not None and not self._waiting:
            self.send(NOOP)

    def finish(self, ending: Ending, *, keep: bool = True) -> None:
        """Take nothing more. A waiting GET is answered; what it is told depends on the ending."""
        if self._ending is not None:
            return
        if not keep or ending not in _KEEPS_WAITING:
            self._waiting.clear()
            self._waiting_bytes = 0
        last = _LAST_PACKETS.get(ending)
        if last is not None and (self._poll is not None or ending is Ending.FINAL):
            self._put(last)
        self._ending = ending
        self._wake_room()
        self._answer()

    def hand_over(self) -> list[WireMessage]:
        """End this transport for another one; return what that has to send first."""
        rest = [message for message, _volatile in self._waiting]
        self._waiting.clear()
        self._waiting_bytes = 0
        self._ending = Ending.REPLACED
        self._wake_room()
        if self._poll is not None:
            self._put(NOOP)
            self._answer()
        return rest

    def flush(self) -> None:
        """Answer the waiting GET with what this turn of the loop collected."""
        self._is_scheduled = False
        self._answer()

    def _schedule(self) -> None:
        if self._poll is not None and not self._is_scheduled:
            self._is_scheduled = True
            self._turn.schedule(self)

    def _answer(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def _put(self, message: WireMessage, volatile: bool = False) -> None:
        self._waiting.append((message, volatile))
        self._waiting_bytes += message.size

    def _take(self) -> str:
        taken: list[str] = []
        # A packet and its attachments are one message, and at least one message leaves.
        while self._waiting and (
            not taken or len(taken) + len(self._waiting[0][0].packets) <= MAX_PACKETS_OUT
        ):
            message, _volatile = self._waiting.popleft()
            self._waiting_bytes -= message.size
            taken.extend(message.packets)
        if not self._is_full():
            self._wake_room()
        return RECORD_SEPARATOR.join(taken)

    def _is_full(self) -> bool:
        if self._max_messages and len(self._waiting) >= self._max_messages:
            return True
        return bool(self._max_bytes) and self._waiting_bytes >= self._max_bytes

    def _drop_volatile(self) -> bool:
        kept = [entry for entry in self._waiting if not entry[1]]
        current_counts().volatile_dropped += len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        self._waiting_bytes = sum(message.size for message, _volatile in kept)
        return not self._is_full()

    def _overflow(self) -> None:
        is_many = bool(self._max_messages) and len(self._waiting) >= self._max_messages
        count_limit("outbox_messages" if is_many else "outbox_bytes")
        # This message, and those that nobody fetches any more.
        current_counts().outbox_dropped += 1 + len(self._waiting)
        self._on_overflow()

    def _wake_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)
