"""Holding back what would be delivered by a process that may have been held for dead.

Whoever did not renew its lease in time may have missed who was sent away meanwhile. Knows no
leases: it is told until when to deliver.
"""

import asyncio
import time
from collections import deque

from realtime.adapters.base import Broadcast

# So many events wait. Beyond, those that are numbered are read again, and others are lost.
MAX_HELD_BACK = 10_000


class Gate:
    """Open until a deadline of ``time.monotonic``; the loop's own clock may lag behind it."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._held: deque[Broadcast] = deque()
        self._has_lost = False
        self._opened = asyncio.Event()

    def is_open(self) -> bool:
        """Say whether events may be delivered now."""
        return self._until is None or time.monotonic() <= self._until

    def hold(self, broadcast: Broadcast) -> None:
        """Keep an event until the gate is opened; a volatile one is dropped."""
        if broadcast.volatile:
            return
        if len(self._held) < MAX_HELD_BACK:
            self._held.append(broadcast)
        elif broadcast.number is None:
            self._has_lost = True

    def open_until(self, deadline: float | None) -> tuple[list[Broadcast], bool]:
        """Open; give what was held back, in order, and whether anything was lost."""
        self._until = deadline
        held, self._held = list(self._held), deque()
        has_lost, self._has_lost = self._has_lost, False
        self._opened.set()
        return held, has_lost

    async def opened(self) -> None:
        """Wait until events may be delivered."""
        while not self.is_open():
            self._opened.clear()
            await self._opened.wait()
