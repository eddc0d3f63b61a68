"""Waiting for a client, until somebody says that the waiting is over."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Reading:
    """One loop that reads from a client and that ``stop`` ends, wherever it waits.

    It costs no second task: the reading task itself is woken.
    """

    def __init__(self) -> None:
        self._timeout: asyncio.Timeout | None = None
        self._is_stopped = False

    async def run(self, reading: Coroutine[Any, Any, None]) -> None:
        """Run the loop to its end, or until ``stop``; what it raises passes through."""
        if self._is_stopped:
            reading.close()
            return
        try:
            async with asyncio.timeout(None) as timeout:
                self._timeout = timeout
                try:
                    await reading
                finally:
                    self._timeout = None
        except TimeoutError:
            if not self._is_stopped:
                raise

    def stop(self) -> None:
        """End the loop at its next wait, now and for good."""
        self._is_stopped = True
        if self._timeout is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time())
            self._timeout = None
