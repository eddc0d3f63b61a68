"""Checking room passwords in a small pool of threads of its own.

A hash takes a good part of a second of a core by design, so it runs neither on the event loop
nor in the database's pool, never inside a transaction, and only two at a time. The throttle
stands before it (``rooms.throttle``). Source: FIELD section 0, fact 10; SAFETY section 2, row 9.
"""

import asyncio
import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from django.contrib.auth.hashers import check_password, make_password
from django.utils.translation import gettext as _

from realtime.exceptions import Refused

THREADS = 2
QUEUE = 32
NICENESS = 10
NICEST = 19


class PasswordPool:
    """Hashes at most ``threads`` passwords at once and lets at most ``queue`` more wait."""

    def __init__(self, threads: int = THREADS, queue: int = QUEUE) -> None:
        """Start no thread until the first check."""
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="room passwords", initializer=_give_way
        )
        self._places = BoundedSemaphore(threads + queue)

    async def check(self, password: str, encoded: str) -> bool:
        """Tell whether ``password`` is the one behind ``encoded``; nothing matches an empty one.

        Takes as long either way, so that no answer's time tells whether there is a password.
        Raises ``Refused("busy")`` when too many are waiting.
        """
        if not self._places.acquire(blocking=False):
            raise Refused("busy", _("Too many passwords are being checked: try again."))
        checking = self._executor.submit(is_right, password, encoded)
        # Not in a ``finally`` of this coroutine: the thread goes on when the socket that asked
        # is gone, and its place is free only then.
        checking.add_done_callback(lambda _done: self._places.release())
        return await asyncio.wrap_future(checking)


def _give_way() -> None:
    """Let the event loop run before this thread, and before those that Argon2 starts from it.

    On Linux, where each thread has a niceness of its own; elsewhere it would be the process's.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(own + NICENESS, NICEST))


def is_right(password: str, encoded: str) -> bool:
    """Compare in this thread; the work is the same when there is nothing to compare with."""
    if not encoded:
        make_password(password)
        return False
    return check_password(password, encoded)
