"""Joining what is sent within one turn of the event loop into one write per client."""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary


class Flushable(Protocol):
    """Somebody who has collected something to write."""

    def flush(self) -> None:
        """Write it; never raises and never waits."""


class Turn:
    """Collects who has something to write, and has them write at the end of the loop's turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[Flushable] = []

    def schedule(self, flushable: Flushable) -> None:
        """Have ``flush`` called soon; a caller schedules itself once per turn."""
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due.append(flushable)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for flushable in due:
            flushable.flush()


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turn] = WeakKeyDictionary()


def current_turn() -> Turn:
    """Return the running loop's collector; there is one per loop."""
    loop = asyncio.get_running_loop()
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = Turn(loop)
    return turn
