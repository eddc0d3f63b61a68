"""One link between two processes: frames arrive once and in order, or the link is broken. Pure.

The channel layer may lose messages, and a Redis that is restarted loses many. So each message has
a number, the receiver says up to which number it took them, and what it did not take is sent
again. Each end gives its half a random name and says both names in each message: what was recorded
of an earlier link, or comes from a process that forgot this one, means nothing here.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from realtime.adapters.link_frames import LayerLink

# What may be under way, and what one message carries: Redis cuts off who reads too slowly.
WINDOW_BYTES = 2 * 1_048_576
MESSAGE_BYTES = 524_288
# Words of receipt wait a moment for a message that can carry them.
RECEIPT_DELAY_S = 0.05
RECEIPT_MESSAGES = 16
RECEIPT_BYTES = 262_144
RESEND_S = 1.0
RESEND_MOST_S = 4.0
GREET_S = 0.5


class LinkBroken(Exception):  # noqa: N818 - a fact, not an error
    """The two ends no longer mean the same link."""


@dataclass(slots=True)
class _Sent:
    number: int
    frames: tuple[bytes, ...]
    size: int


class Link:
    """This process's end of a link. ``now`` is monotonic seconds."""

    def __init__(self, process_id: str, name: str) -> None:
        self.name = name
        self._process_id = process_id
        self._peer_name: str | None = None
        self._waiting: deque[bytes] = deque()
        self._sent: deque[_Sent] = deque()
        self._sent_bytes = 0
        # How many of ``_sent`` went out; fewer than all when they are to go out again.
        self._passed = 0
        self._last_number = 0
        self._taken = 0
        self._receipts_owed = 0
        self._bytes_owed = 0
        self._receipt_at: float | None = None
        self._asks_again = False
        self._resend_at: float | None = None
        self._resend_s = RESEND_S
        self._greet_at = 0.0
        self.spoke_at = 0.0
        self.resent = 0
        # Since when the other end owes us a word; None while it owes nothing.
        self.owed_since: float | None = None

    def push(self, frame: bytes, now: float) -> None:
        """Have a frame sent."""
        self._waiting.append(frame)
        if self.owed_since is None:
            self.owed_since = now

    @property
    def is_done(self) -> bool:
        """Whether all that was pushed has arrived."""
        return not self._waiting and not self._sent

    def take(self, message: LayerLink, now: float) -> tuple[bytes, ...]:
        """Take a message that is for this half or greets it; return the frames that it brings.

        Raises ``LinkBroken`` where the other end means another link.
        """
        self._meet(message.mine)
        if not message.yours:
            self._owe_receipt(0.0)
            return ()
        self._take_receipt(message, now)
        if not message.number:
            return ()
        if message.number != self._taken + 1:
            # It is known already, or one before it got lost.
            self._asks_again = message.number > self._taken
            self._owe_receipt(0.0)
            return ()
        self._taken += 1
        self._receipts_owed += 1
        self._bytes_owed += sum(map(len, message.frames))
        is_much = self._receipts_owed >= RECEIPT_MESSAGES or self._bytes_owed >= RECEIPT_BYTES
        self._owe_receipt(0.0 if is_much else now + RECEIPT_DELAY_S)
        return message.frames

    def next_message(self, now: float) -> LayerLink | None:
        """Return the message that is to be sent now, or None."""
        if self._peer_name is None:
            if not self._waiting or now < self._greet_at:
                return None
            self._greet_at = now + GREET_S
            return self._message(now, ())
        if self._resend_at is not None and now >= self._resend_at:
            self._resend_s = min(2 * self._resend_s, RESEND_MOST_S)
            self.resend()
        if self._passed < len(self._sent):
            return self._pass(self._sent[self._passed], now)
        if self._waiting and self._sent_bytes < WINDOW_BYTES:
            return self._pass(self._gather(), now)
        if self._receipt_at is not None and now >= self._receipt_at:
            return self._message(now, ())
        return None

    def due_at(self) -> float | None:
        """Return when ``next_message`` has something without anything new; None for never."""
        if self._peer_name is None:
            return self._greet_at if self._waiting else None
        due = [at for at in (self._resend_at, self._receipt_at) if at is not None]
        return min(due, default=None)

    def resend(self) -> None:
        """Have everything sent again that has not arrived, as far as we know."""
        self.resent += self._passed
        self._passed = 0
        self._resend_at = None

    def speak(self) -> None:
        """Say a word even if there is nothing to say: the other end may have forgotten us."""
        self._owe_receipt(0.0)

    def _meet(self, peer_name: str) -> None:
        if self._peer_name is None:
            self._peer_name = peer_name
        elif self._peer_name != peer_name:
            raise LinkBroken

    def _take_receipt(self, message: LayerLink, now: float) -> None:
        progressed = False
        while self._sent and self._sent[0].number <= message.taken:
            self._sent_bytes -= self._sent.popleft().size
            self._passed = max(self._passed - 1, 0)
            progressed = True
        if progressed:
            self._resend_s = RESEND_S
            self._resend_at = now + RESEND_S if self._sent else None
            self.owed_since = None if self.is_done else now
        if message.again and self._passed:
            self.resend()

    def _owe_receipt(self, at: float) -> None:
        self._receipt_at = at if self._receipt_at is None else min(at, self._receipt_at)

    def _gather(self) -> _Sent:
        frames: list[bytes] = []
        size = 0
        while self._waiting and (not frames or size + len(self._waiting[0]) <= MESSAGE_BYTES):
            frame = self._waiting.popleft()
            frames.append(frame)
            size += len(frame)
        self._last_number += 1
        sent = _Sent(self._last_number, tuple(frames), size)
        self._sent.append(sent)
        self._sent_bytes += size
        return sent

    def _pass(self, sent: _Sent, now: float) -> LayerLink:
        self._passed += 1
        self._resend_at = now + self._resend_s
        return self._message(now, sent.frames, sent.number)

    def _message(self, now: float, frames: Iterable[bytes], number: int = 0) -> LayerLink:
        again, self._asks_again = self._asks_again, False
        self._receipt_at = None
        self._receipts_owed = self._bytes_owed = 0
        self.spoke_at = now
        return LayerLink(
            origin=self._process_id,
            mine=self.name,
            yours=self._peer_name or "",
            number=number,
            frames=tuple(frames),
            taken=self._taken,
            again=again,
        )
