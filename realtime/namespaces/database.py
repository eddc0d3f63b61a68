"""Database work of sockets: a bounded pool of threads, and writes that pile up run together.

Every socket's task runs in a context that sends thread-sensitive calls here (sync handlers,
``database_sync_to_async``, async ORM calls), so that a slow query holds up its own socket and no
other. An idle thread closes its connection: an idle socket holds none.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.db import InterfaceError, OperationalError, close_old_connections, connections
from django.utils.translation import gettext as _

from realtime.counting import Times, count_limit
from realtime.exceptions import Refused, UsageError
from realtime.namespaces.running import find_process

logger = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Request = TypeVar("Request")

# What may wait for a thread; beyond it people are told that we are busy.
QUEUE_PER_THREAD = 64
# How long a thread without work keeps its connection. Less than the second after which a watch asks
# again: otherwise each process would hold one for good.
KEEP_CONNECTION_S = 0.5
# A database that is away fails every event: that is said once in so long.
FAILURE_LOGGED_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """What a pool does: threads there, of them idle, units that wait; and how long they took.

    ``waited`` is the time before a thread took a unit, ``worked`` the time within it.
    """

    threads: int
    idle: int
    waiting: int
    waited: Times
    worked: Times


def is_away(error: BaseException) -> bool:
    """Say whether the database is gone: what was under way may be committed, or not."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError) or isinstance(error.__cause__, sqlite3.Error):
        return False
    # Classes of PostgreSQL's: a broken connection, and a server that goes down or comes up.
    # Others, such as a deadlock, come from a server that is there and has rolled back.
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def log_failure(
    log: logging.Logger, what: str, error: BaseException, about: Mapping[str, Any] | None = None
) -> None:
    """Log that something failed: with its traceback, unless it is that the database is gone."""
    is_known = is_away(error)
    extra = {**(about or {}), **({"error": str(error).strip()} if is_known else {})}
    log.error(what, exc_info=None if is_known else error, extra=extra)


class LaneExecutor(Executor):
    """Runs the database work of sockets somewhere; ``submit`` is called on their event loop."""

    def wait(self, future: Future[Result]) -> Result:
        """Block the calling thread until a future is done; return its result."""
        return future.result()

    def figures(self) -> PoolFigures | None:
        """Return what operators want to know, where something is known."""
        return None


class DatabaseExecutor(LaneExecutor):
    """Threads with a database connection each, and one bounded queue before them.

    ``submit`` raises ``Refused("busy")`` when the queue is full. Threads start when needed.
    """

    def __init__(self, threads: int) -> None:
        self._max_threads = threads
        self._max_waiting = threads * QUEUE_PER_THREAD
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._is_shut = False
        self._waited = Times()
        self._worked = Times()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue a call; its exceptions come back in the future."""
        with self._lock:
            if self._is_shut:
                raise RuntimeError("the database pool is shut")
            if self._work.qsize() >= self._max_waiting:
                count_limit("database_threads")
                raise Refused("busy", _("The server is busy. Try again in a moment."))
            if self._work.qsize() >= self._idle and len(self._threads) < self._max_threads:
                self._start_thread()
            # Within the lock: behind shutdown()'s last word nobody would take it.
            work = _Work(Future(), fn, args, kwargs)
            self._work.put(work)
        return work.future

    def figures(self) -> PoolFigures:
        """Return what operators want to know."""
        with self._lock:
            waiting = self._work.qsize()
            return PoolFigures(
                len(self._threads), self._idle, waiting, self._waited.copy(), self._worked.copy()
            )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once what is queued is done (or cancelled)."""
        with self._lock:
            self._is_shut = True
            if cancel_futures:
                self._cancel_waiting()
            for _thread in self._threads:
                self._work.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _cancel_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                work = self._work.get_nowait()
                if work is not None:
                    work.future.cancel()

    def _start_thread(self) -> None:
        name = f"database-{len(self._threads)}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        while True:
            work = self._next()
            if work is None:
                connections.close_all()
                return
            began_at = time.perf_counter()
            work.run()
            worked_s = time.perf_counter() - began_at
            with self._lock:
                self._waited.add(began_at - work.queued_at)
                self._worked.add(worked_s)
            # The loop variable would keep the last call's arguments alive.
            del work

    def _next(self) -> "_Work | None":
        with self._lock:
            self._idle += 1
        try:
            try:
                return self._work.get(timeout=KEEP_CONNECTION_S)
            except queue.Empty:
                connections.close_all()
                return self._work.get()
        finally:
            with self._lock:
                self._idle -= 1


class _Work:
    def __init__(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.future = future
        self.queued_at = time.perf_counter()
        self._function = function
        self._args = args
        self._kwargs = kwargs

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        _close_broken_connections()
        try:
            result = self._function(*self._args, **self._kwargs)
        except BaseException as error:  # noqa: BLE001 - it is the caller's, and goes to it
            self.future.set_exception(error)
        else:
            self.future.set_result(result)
        finally:
            _close_broken_connections()


def _close_broken_connections() -> None:
    """Drop what an error broke; a sound connection stays with its thread while there is work."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close()


class DatabasePool:
    """One process's database threads, entered by each socket's task."""

    def __init__(self, executor: LaneExecutor) -> None:
        self._executor = executor
        self.wait = executor.wait
        self.failures = 0
        self._failure_logged_at = -FAILURE_LOGGED_EVERY_S
        self.figures = executor.figures

    @contextlib.asynccontextmanager
    async def lane(self) -> AsyncIterator[None]:
        """Send this task's thread-sensitive work to the pool.

        Tasks that were started inside may outlive the block: the context is not taken from them.
        """
        context = ThreadSensitiveContext()
        SyncToAsync.context_to_thread_executor[context] = self._executor
        token = SyncToAsync.thread_sensitive_context.set(context)
        try:
            yield
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)

    async def run(
        self,
        function: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run one synchronous unit of database work in a thread and return its result."""
        async with self.lane():
            return await SyncToAsync(function, thread_sensitive=True)(*args, **kwargs)

    def refuse(self, error: Exception) -> Refused:
        """Return what an event is answered that the database has failed; log it now and then."""
        self.failures += 1
        now = time.monotonic()
        if now - self._failure_logged_at >= FAILURE_LOGGED_EVERY_S:
            self._failure_logged_at = now
            log_failure(logger, "the database failed an event", error, {"so_far": self.failures})
        return Refused("busy", _("The database does not answer. Try again in a moment."))

    def shutdown(self) -> None:
        """End the threads without waiting for them; they close their connections."""
        self._executor.shutdown(wait=False)


class Batcher(Generic[Request, Result]):
    """Runs requests that pile up together: one call of ``run`` at a time, with all that wait.

    ``run`` takes a list of requests and returns as many results or exceptions, in order. When it
    raises, each of its requests is run alone, so that one bad request hurts no other.
    """

    def __init__(
        self, run: Callable[[list[Request]], list[Result | Exception]], *, most: int = 200
    ) -> None:
        self._run = run
        self._most = most
        self._waiting: list[tuple[Request, asyncio.Future[Result]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Result:
        """Return the request's own result, or raise its own exception.

        A caller that is cancelled stops waiting; its request is run all the same.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((request, future))
        if self._runner is None:
            self._runner = loop.create_task(self._run_all(), name="batch")
        return await asyncio.shield(future)

    async def _run_all(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._most]
                del self._waiting[: len(batch)]
                await self._run_batch(batch)
        finally:
            self._runner = None

    async def _run_batch(self, batch: list[tuple[Request, asyncio.Future[Result]]]) -> None:
        try:
            results = await in_database(self._run, [request for request, _future in batch])
            if len(results) != len(batch):
                raise UsageError(f"{len(batch)} requests got {len(results)} results")
        except Exception as error:
            if len(batch) == 1 or is_away(error):
                # Whether it was committed before the connection broke nobody knows: run once more,
                # it might be done twice.
                for _request, future in batch:
                    _settle(future, error)
                return
            logger.warning("batch failed, its parts are run alone", exc_info=True)
            for entry in batch:
                await self._run_batch([entry])
            return
        for (_request, future), result in zip(batch, results, strict=True):
            _settle(future, result)


def _settle(future: "asyncio.Future[Result]", result: "Result | Exception") -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        # A caller that stopped waiting must not make the loop complain.
        future.exception()
    else:
        future.set_result(result)


async def in_database(
    function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Run one synchronous unit of database work in this process's pool and return its result.

    Outside a running application it runs where Django's own async calls run. Raises
    ``Refused("busy")`` when too much waits.
    """
    process = find_process()
    if process is None:
        call = SyncToAsync(_closing_connections(function), thread_sensitive=True)
        return await call(*args, **kwargs)
    return await process.database.run(function, *args, **kwargs)


def _closing_connections(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return run
