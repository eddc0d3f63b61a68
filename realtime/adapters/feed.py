"""The order of a room's numbered events on one process: each once, in offset order.

Pure: says what may be delivered now and what is missing; reading the missing is others' work.
"""

from dataclasses import dataclass

from realtime.adapters.base import Broadcast, Number

# Early events that are kept; beyond, they are read again like missing ones.
MAX_EARLY = 256


@dataclass(frozen=True, slots=True)
class Lost:
    """Offsets that are gone for good, ``first`` and ``last`` included."""

    first: int
    last: int


class Feed:
    """The numbered events of one room.

    Unpositioned it keeps everything back until somebody says which offset was the last.
    """

    def __init__(self) -> None:
        self._epoch: str | None = None
        self._early: dict[int, Broadcast] = {}
        self.position: int | None = None
        self.highest = 0

    @property
    def epoch(self) -> str:
        """The epoch of the events seen last."""
        return self._epoch or ""

    def has_gap(self) -> bool:
        """Whether something came early and waits for its predecessors."""
        return self.position is not None and self.highest > self.position

    def place(self, position: int) -> list[Broadcast]:
        """Say which offset was the last, if that is not known; return what may follow it."""
        if self.position is not None:
            return []
        self.position = position
        return self._ready()

    def take(self, broadcast: Broadcast) -> list[Broadcast]:
        """Take a numbered event; return what is to be delivered now, in order."""
        number = broadcast.number
        if number is None:
            return [broadcast]
        self._enter(number.epoch)
        if self.position is not None and number.offset <= self.position:
            return []
        self.highest = max(self.highest, number.offset)
        if len(self._early) < MAX_EARLY or number.offset == (self.position or 0) + 1:
            self._early[number.offset] = broadcast
        return self._ready()

    def learn(self, head: Number) -> None:
        """Learn a room's last offset from where its events are stored."""
        if self.position is None:
            return
        self._enter(head.epoch)
        self.highest = max(self.highest, head.offset)

    def fill(self, upto: int, found: list[Broadcast]) -> list[Broadcast | Lost]:
        """Take what was read up to ``upto``; offsets still missing are lost, each range once."""
        # What came early and was pruned since is here all the same.
        known = dict(self._early)
        known.update((item.number.offset, item) for item in found if item.number is not None)
        filled: list[Broadcast | Lost] = []
        for offset in sorted(known):
            if self.position is not None and self.position < offset <= upto:
                filled += self._skip_to(offset - 1)
                self.position = offset
                filled.append(known[offset])
        return [*filled, *self._skip_to(upto), *self._ready()]

    def _enter(self, epoch: str) -> None:
        if self._epoch is None:
            self._epoch = epoch
        elif self._epoch != epoch:
            # The room was deleted and made anew: its offsets begin again.
            self._epoch, self.position, self.highest = epoch, 0, 0
            self._early.clear()

    def _skip_to(self, offset: int) -> list[Lost]:
        if self.position is None or self.position >= offset:
            return []
        lost = Lost(self.position + 1, offset)
        self.position = offset
        return [lost]

    def _ready(self) -> list[Broadcast]:
        if self.position is None:
            return []
        ready: list[Broadcast] = []
        while (broadcast := self._early.pop(self.position + 1, None)) is not None:
            self.position += 1
            ready.append(broadcast)
        if self._early and min(self._early) <= self.position:
            self._early = {at: kept for at, kept in self._early.items() if at > self.position}
        return ready
