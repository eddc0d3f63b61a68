"""Answers that a hidden room must not give sooner or later than a missing one does.

Both take the same statements; what is left is some tenths of a millisecond of our own, which
thousands of tries would show. So whoever is told that there is no such room is told so ``EVEN_S``
after they asked, unless the work took longer. Hashing a password comes on top.
"""

import asyncio
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from realtime.exceptions import Refused
from realtime.namespaces.database import in_database
from rooms.denials import Code

# Twice and more what a denied join takes, nothing that a person notices, and little enough that
# the rate of joins is still what bounds who asks one after the other.
EVEN_S = 0.012
_HIDING = frozenset({Code.UNKNOWN_ROOM, Code.NOT_JOINED})

_Asked = ParamSpec("_Asked")
_Found = TypeVar("_Found")


async def even_out(begun_at: float) -> None:
    """Wait until ``EVEN_S`` have passed since ``begun_at``, in monotonic seconds."""
    await asyncio.sleep(max(0.0, begun_at + EVEN_S - time.monotonic()))


async def in_even_time(
    work: Callable[_Asked, _Found], *asked: _Asked.args, **details: _Asked.kwargs
) -> _Found:
    """Run work in the database; a ``Refused`` that hides a room comes evenly."""
    begun_at = time.monotonic()
    try:
        return await in_database(work, *asked, **details)
    except Refused as refused:
        if refused.code in _HIDING:
            await even_out(begun_at)
        raise
