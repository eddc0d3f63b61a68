"""When the interpreter looks for garbage in cycles: seldom, and not among what the start has left.

A full collection stops the event loop for as long as it takes to walk all objects: 70 ms for what
a site imports, and 11 ms more for each hundred sockets, several times a minute at the
interpreter's own threshold. It is a process-wide setting, so only the servers that we start set
it. Source: https://docs.python.org/3/library/gc.html
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Young collections before those that survived them are looked at, and such looks before a full
# one. A connection leaves some 140 objects in cycles, the server's own included: at 20,000 a full
# collection comes after about 4,000 connections, and 60 MiB.
_YOUNG_MOST: Final = 10
_SURVIVORS_MOST: Final = 2


def collect_seldom(threshold: int) -> None:
    """Set what is alive now aside for good, and collect when so many more objects have come.

    0 leaves the interpreter's own ways. Call it once, before the first connection.
    """
    if threshold <= 0:
        return
    # What is garbage already must not be kept for good.
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold, _YOUNG_MOST, _SURVIVORS_MOST)


@contextmanager
def collecting_later() -> Iterator[None]:
    """Put a search off until what is within is done: short work that others wait for.

    One at a time in a process. What the program itself has turned off stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
