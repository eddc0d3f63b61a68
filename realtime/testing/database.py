"""Database work of sockets on the test's own connection, which alone sees its transaction.

It runs one unit at a time where the test's own queries run: in a synchronous test in the test's
thread while that waits, in an asynchronous one where asgiref runs the test's queries. Where that
is another thread than the one that holds the test's connection, it is lent the connection.
What a unit leaves to the commit runs behind it, as if the test's transaction were not there.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from realtime.namespaces.database import LaneExecutor

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Work = Callable[[], None]


class OnTestConnection(LaneExecutor):
    """Runs units of database work one by one in whichever thread calls ``run_next``.

    ``hand_over`` has that called there; None where the thread does it by itself while it waits.
    """

    def __init__(self, hand_over: Callable[[Work], None] | None = None) -> None:
        self._hand_over = hand_over
        # A test's own thread is known from the start, asgiref's from the first unit.
        self._thread_id = threading.get_ident() if hand_over is None else None
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._is_closed = False

    def submit(
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,  # noqa: ANN401 - any call's
        **kwargs: Any,  # noqa: ANN401
    ) -> Future[Any]:
        """Queue a call; its exceptions come back in the future."""
        if self._is_closed:
            raise RuntimeError("the application of this test has stopped")
        future: Future[Any] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                _settle(future, lambda: committing(lambda: fn(*args, **kwargs)))

        self._waiting.put(work)
        if self._hand_over is not None:
            self._hand_over(self.run_next)
        return future

    def run_next(self) -> None:
        """Run one unit, if one is left."""
        self._thread_id = threading.get_ident()
        try:
            work = self._waiting.get_nowait()
        except queue.Empty:
            return
        if work is not None:
            work()

    def wait(self, future: Future[Result]) -> Result:
        """Block until a future is done; the thread of the database works on meanwhile."""
        if threading.get_ident() == self._thread_id:
            future.add_done_callback(lambda _done: self._waiting.put(None))
            while not future.done():
                work = self._waiting.get()
                if work is not None:
                    work()
        return future.result()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: there is no thread to end, and another application may use this one."""
        del wait, cancel_futures

    def close(self) -> None:
        """Take nothing more: the test's connection may be given back."""
        self._is_closed = True


class AsgirefThread:
    """Has work run where the queries of the test run that is running now."""

    def __init__(self) -> None:
        self._context: Context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Work) -> None:
        """Hand work over, from the loop's own thread."""
        # A context can carry one such call at a time.
        task = self._loop.create_task(
            sync_to_async(work, thread_sensitive=True)(),
            name="test database",
            context=self._context.copy(),
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait until everything handed over has run."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def committing(unit: Callable[[], Result]) -> Result:
    """Run a unit, and what it leaves to the commit if the test's transaction hides that."""
    before = {
        connection: len(connection.run_on_commit)
        for connection in connections.all(initialized_only=True)
    }
    result = unit()
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            run_commit_hooks(connection, before.get(connection, 0))
    return result


def run_commit_hooks(connection: BaseDatabaseWrapper, since: int) -> None:
    """Run and forget what waits for a commit, but for the first ``since``."""
    while len(connection.run_on_commit) > since:
        # The stubs know two of its three parts.
        entry: Any = connection.run_on_commit.pop(since)
        _savepoints, hook, is_robust = entry
        try:
            hook()
        except Exception:
            if not is_robust:
                raise
            logger.exception("a robust on_commit hook failed")


class Loan:
    """The connections of a test's thread, while another thread uses them."""

    def __init__(self, lent: Iterable[BaseDatabaseWrapper]) -> None:
        self._lent = {connection.alias: connection for connection in lent}
        self._own: dict[str, BaseDatabaseWrapper | None] = {}

    def take(self) -> None:
        """Use them in the calling thread, unless it is in the test's transaction itself."""
        own = _connections_here()
        for alias, connection in self._lent.items():
            mine = own.get(alias)
            if mine is not None and mine.in_atomic_block:
                continue
            self._own[alias] = mine
            connection.inc_thread_sharing()
            connections[alias] = connection

    def give_back(self) -> None:
        """Have what was there before, in the same thread."""
        for alias, mine in self._own.items():
            self._lent[alias].dec_thread_sharing()
            if mine is None:
                del connections[alias]
            else:
                connections[alias] = mine
        self._own.clear()


def loan_of_this_thread() -> Loan:
    """Return a loan of what the calling thread has connected, also beneath a running loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return Loan(_connections_here().values())
    # Django keeps a thread's connections out of sight of the coroutines that run in it. Fixtures
    # opened the test's transaction in this very thread, before there was a loop.
    asyncio._set_running_loop(None)  # noqa: SLF001 - public to those who drive loops
    try:
        return Loan(_connections_here().values())
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001


@contextmanager
def lent_to_asgiref() -> Iterator[None]:
    """Have asynchronous queries use this thread's connections, beginning before there is a loop."""
    # All of them: a fixture that is set up later may be the one that opens the transaction.
    loan = Loan(connections.all())
    thread = SyncToAsync.single_thread_executor
    thread.submit(loan.take).result()
    try:
        yield
    finally:
        thread.submit(loan.give_back).result()


def _connections_here() -> Mapping[str, BaseDatabaseWrapper]:
    return {connection.alias: connection for connection in connections.all(initialized_only=True)}


def _settle(future: Future[Result], call: Callable[[], Result]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is the caller's, and goes to it
        future.set_exception(error)
    else:
        future.set_result(result)
