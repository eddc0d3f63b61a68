"""Waiting for a condition, under a deadline."""

import asyncio
from collections.abc import Callable

DEADLINE_S = 20.0


async def until(condition: Callable[[], object], *, within_s: float = DEADLINE_S) -> None:
    """Return once ``condition()`` holds; raises ``TimeoutError`` if it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.001)


async def turns(count: int = 100) -> None:
    """Let the loop turn: what was scheduled by now, and what that scheduled, has run."""
    for _ in range(count):
        await asyncio.sleep(0)
