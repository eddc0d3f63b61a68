"""Time of an event loop that a test moves on instead of waiting."""

import asyncio


class MovedClock:
    """The running loop's time, ahead of the real one by what ``advance`` was given."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._real = self._loop.time
        self._ahead_s = 0.0
        # The loop asks this for every timer; it ends with the test's loop.
        self._loop.time = self.now  # type: ignore[method-assign]

    def now(self) -> float:
        """Return what the loop takes for the time."""
        return self._real() + self._ahead_s

    async def advance(self, seconds: float) -> None:
        """Move on; timers that are due by then have run when this returns."""
        self._ahead_s += seconds
        # One turn of the loop collects the timers, the next has run them.
        for _ in range(3):
            await asyncio.sleep(0)
