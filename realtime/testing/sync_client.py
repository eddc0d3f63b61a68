"""The client for tests without async: an event loop in another thread, and calls that wait for it.

The test's thread does the sockets' database work while it waits, so that this happens on the
test's connection and never beside the test's own queries.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any, Self, TypeVar

from realtime.exceptions import UsageError
from realtime.testing.database import OnTestConnection
from realtime.testing.heard import Argument, Heard

if TYPE_CHECKING:
    from realtime.testing.client import Client

Result = TypeVar("Result")


class SyncLoop:
    """An event loop in a thread of its own, for one test's thread; clients of a test share it."""

    def __init__(self) -> None:
        self.executor = OnTestConnection()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="test application", daemon=True
        )
        self._users = 0
        self._entered: set[asyncio.Task[None]] = set()

    @classmethod
    def of_this_thread(cls) -> "SyncLoop":
        """Return the calling thread's loop, which ends with its last user."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise UsageError("in a running event loop use: async with connect(…)")
        found = cls.find()
        if found is None:
            found = _of_threads.loop = cls()
        return found

    @classmethod
    def find(cls) -> "SyncLoop | None":
        """Return the calling thread's loop, or None while nobody uses one."""
        found: SyncLoop | None = getattr(_of_threads, "loop", None)
        return found

    def __enter__(self) -> Self:
        """Start, if nobody has."""
        if not self._users:
            self._thread.start()
        self._users += 1
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Stop, if nobody is left."""
        self._users -= 1
        if not self._users:
            self._stop()

    def run(self, running: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the loop, and do its database work until it is done."""
        future = Context().run(asyncio.run_coroutine_threadsafe, running, self._loop)
        return self.executor.wait(future)

    def leave_all(self) -> None:
        """Leave what a test has not left, and stop."""
        if self._entered:
            self.run(self._leave_entered())
        self._stop()

    async def _leave_entered(self) -> None:
        for task in self._entered:
            task.cancel()
        await asyncio.wait(self._entered)

    def _stop(self) -> None:
        del _of_threads.loop
        self.executor.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def entered(self, manager: AbstractAsyncContextManager[Result]) -> Iterator[Result]:
        """Be inside of an asynchronous context manager, which one task enters and leaves."""
        leaving = asyncio.Event()
        entered: asyncio.Future[Result] = self._loop.create_future()

        async def stay() -> None:
            try:
                async with manager as value:
                    entered.set_result(value)
                    await leaving.wait()
            except BaseException as error:
                if entered.done():
                    raise
                entered.set_exception(error)

        async def enter() -> "tuple[Result, asyncio.Task[None]]":
            task = asyncio.get_running_loop().create_task(stay(), name="test client")
            self._entered.add(task)
            task.add_done_callback(self._entered.discard)
            return await entered, task

        async def leave(task: "asyncio.Task[None]") -> None:
            leaving.set()
            await task

        value, task = self.run(enter())
        try:
            yield value
        finally:
            self.run(leave(task))


class _OfThreads(threading.local):
    loop: SyncLoop


_of_threads = _OfThreads()


class SyncClient:
    """A socket that a synchronous test speaks for: ``Client``'s methods, without ``await``."""

    def __init__(self, loop: SyncLoop, client: "Client") -> None:
        self._loop = loop
        self._client = client

    @property
    def namespace(self) -> str:
        """The namespace's path."""
        return self._client.namespace

    @property
    def socket_id(self) -> str:
        """The public id, which others may address and except."""
        return self._client.socket_id

    @property
    def greeting(self) -> dict[str, Any]:
        """What the server said when it let the socket in."""
        return self._client.greeting

    @property
    def door(self) -> str:
        """``socket.io`` or ``plain``."""
        return self._client.door

    @property
    def transport(self) -> str:
        """What carries the connection now: ``websocket`` or ``polling``."""
        return self._client.transport

    @property
    def close_code(self) -> int | None:
        """The WebSocket's close code, once the server has sent one."""
        return self._client.close_code

    def emit(self, event: str, *args: Argument) -> None:
        """See ``Client.emit``."""
        self._loop.run(self._client.emit(event, *args))

    def call(self, event: str, *args: Argument) -> Argument:
        """See ``Client.call``; raises ``Refused``."""
        return self._loop.run(self._client.call(event, *args))

    def on_call(self, event: str, answer: Callable[..., Argument]) -> None:
        """See ``Client.on_call``; ``answer`` runs in the application's thread."""
        self._client.on_call(event, answer)

    def answer(self, heard: Heard, *args: Argument) -> None:
        """See ``Client.answer``."""
        self._loop.run(self._client.answer(heard, *args))

    def receive(self, event: str) -> Argument:
        """See ``Client.receive``."""
        return self._loop.run(self._client.receive(event))

    def next(self) -> Heard:
        """See ``Client.next``."""
        return self._loop.run(self._client.next())

    def heard(self) -> list[Heard]:
        """See ``Client.heard``."""
        return self._loop.run(self._client.heard())

    def expect_nothing(self, *events: str) -> None:
        """See ``Client.expect_nothing``."""
        self._loop.run(self._client.expect_nothing(*events))

    def settle(self) -> None:
        """See ``Client.settle``."""
        self._loop.run(self._client.settle())

    @contextmanager
    def connect(self, namespace: str, auth: dict[str, Any] | None = None) -> Iterator["SyncClient"]:
        """See ``Client.connect``."""
        with self._loop.entered(self._client.connect(namespace, auth)) as client:
            yield SyncClient(self._loop, client)

    def disconnect(self) -> None:
        """See ``Client.disconnect``."""
        self._loop.run(self._client.disconnect())

    def drop(self) -> None:
        """See ``Client.drop``."""
        self._loop.run(self._client.drop())

    def disconnected(self) -> str:
        """See ``Client.disconnected``."""
        return self._loop.run(self._client.disconnected())
