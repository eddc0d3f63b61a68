"""The application while a test's clients are connected: started with the first, stopped after.

One application has one process on an event loop; clients that a test opens there share it, as
they share a server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from channels.routing import get_default_application

from realtime.exceptions import UsageError
from realtime.namespaces.database import LaneExecutor
from realtime.namespaces.process import Process
from realtime.server import Lifecycle
from realtime.testing.database import AsgirefThread, OnTestConnection, loan_of_this_thread
from realtime.testing.in_process import isolated
from realtime.testing.links import Link
from realtime.transports.base import Receive, Scope, Send

if TYPE_CHECKING:
    from realtime.testing.client import Client

_LOOK_AGAIN_S = 0.001


class Application(Protocol):
    """What ``realtime_application`` returns; a wrapper around it hands its ``lifecycle`` on."""

    lifecycle: Lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""


class Running:
    """A started application, and the clients that are connected to it."""

    def __init__(self, application: Application, process: Process) -> None:
        self.application = application
        self.process = process
        self.clients: set[Client] = set()
        self._auth: WeakKeyDictionary[Link, dict[str, Any]] = WeakKeyDictionary()

    def enqueue(self, socket_id: str, name: int, ack_id: int) -> None:
        """Put an event that no handler takes behind those that a socket has not handled."""
        socket = self.process.sockets.get(socket_id)
        if socket is not None:
            socket.receive_event(name, [], ack_id, 0)

    async def forgotten(self, socket_id: str, deadline_s: float) -> None:
        """Wait until a socket's ``disconnected`` has run; at the deadline go on all the same."""
        try:
            async with asyncio.timeout(deadline_s):
                while socket_id in self.process.sockets:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            raise AssertionError(
                f"the server has not let go of a socket {deadline_s:g} s after its end"
            ) from None

    def remember_auth(self, link: Link, auth: dict[str, Any]) -> None:
        """Keep what a session's first socket came in with, for its further ones."""
        self._auth[link] = auth

    def auth_of(self, link: Link) -> dict[str, Any]:
        """Return what a session's first socket came in with."""
        return self._auth.get(link, {})


class _Shared:
    """One application on one loop: the first who needs it starts it, the last one stops it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.users = 0
        self._changing = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._running: Running | None = None

    async def enter(self, executor: LaneExecutor | None) -> Running:
        self.users += 1
        try:
            async with self._changing:
                if self._running is None:
                    self._running = await self._start(executor)
                return self._running
        except BaseException:
            self.users -= 1
            raise

    async def leave(self) -> None:
        self.users -= 1
        async with self._changing:
            if not self.users:
                self._running = None
                await self._stack.aclose()

    async def _start(self, executor: LaneExecutor | None) -> Running:
        lifecycle = self.application.lifecycle
        if not lifecycle.is_started:
            if executor is None:
                executor = await self._stack.enter_async_context(_where_queries_run())
            # Whoever started it before us also stops it.
            self._stack.push_async_callback(lambda: isolated(lifecycle.stop(), name="test stop"))
        process = await isolated(lifecycle.process(executor), name="test start")
        return Running(self.application, process)


class _Registry:
    def __init__(self) -> None:
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Shared]] = (
            WeakKeyDictionary()
        )

    def find(self, application: Application) -> _Shared:
        """Return what the running loop's users of an application share."""
        entries = self.by_loop.setdefault(asyncio.get_running_loop(), [])
        for shared in entries:
            if shared.application is application:
                return shared
        entries.append(_Shared(application))
        return entries[-1]

    def forget(self) -> bool:
        """Forget all applications; say whether one was still used."""
        shared = [each for entries in self.by_loop.values() for each in entries]
        self.by_loop.clear()
        return any(each.users for each in shared)


_registry = _Registry()


@asynccontextmanager
async def running_application(
    application: object = None, executor: LaneExecutor | None = None
) -> AsyncIterator[Running]:
    """Give an application that serves on this loop, by default that of ``ASGI_APPLICATION``.

    It is started if nobody has, and stopped by the last one that leaves. ``executor`` runs its
    database work; by default that is done where the test's own asynchronous queries run.
    """
    wanted = get_default_application() if application is None else application
    shared = _registry.find(_checked(wanted))
    running = await shared.enter(executor)
    try:
        yield running
    finally:
        await shared.leave()


def forget_applications() -> bool:
    """Forget what a test ran; say whether somebody had not left it."""
    return _registry.forget()


@asynccontextmanager
async def _where_queries_run() -> AsyncIterator[OnTestConnection]:
    loan = loan_of_this_thread()
    await sync_to_async(loan.take, thread_sensitive=True)()
    thread = AsgirefThread()
    executor = OnTestConnection(thread)
    try:
        yield executor
    finally:
        executor.close()
        await thread.finish()
        await sync_to_async(loan.give_back, thread_sensitive=True)()


def _checked(application: object) -> Application:
    if not isinstance(getattr(application, "lifecycle", None), Lifecycle):
        raise UsageError(
            "an application that is tested here is what realtime_application() returned, "
            "or has its attribute `lifecycle`"
        )
    return cast("Application", application)
