"""One running server: its adapter, its database threads, its sockets, and their coming and going.

There is one ``Process`` for each event loop that serves sockets.
"""

import asyncio
import inspect
import logging
import os
import secrets
import string
from collections.abc import Coroutine
from concurrent.futures import Future
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings

from realtime.adapters.base import Adapter, Broadcast
from realtime.adapters.channel_layer import ChannelLayerAdapter
from realtime.adapters.envelope import EnvelopeCodec
from realtime.adapters.groups import PROCESS_ID_CHARACTERS
from realtime.adapters.layer_api import ChannelLayer
from realtime.adapters.memory import MemoryAdapter
from realtime.conf import Options
from realtime.exceptions import NotReady, Refused, UsageError
from realtime.namespaces.authenticators import authenticate, session_of
from realtime.namespaces.client_session import ClientSession, SessionCounts
from realtime.namespaces.consumer import NamespaceConsumer, ProcessInfo
from realtime.namespaces.database import (
    DatabaseExecutor,
    DatabasePool,
    LaneExecutor,
    log_failure,
)
from realtime.namespaces.operations import Operations
from realtime.namespaces.recovery import RecoveryStore
from realtime.namespaces.routing import Route, RoutingTable
from realtime.namespaces.running import find_process, set_running, unset_running
from realtime.namespaces.socket import UNKNOWN_NAMESPACE, Link, Socket
from realtime.namespaces.storage import RoutedStorage
from realtime.namespaces.tapping import Taps

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

START_RETRY_S = 1.0
# Twice this and the application's own end fit into what a server gives us after the drain.
STOP_TIMEOUT_S = 1.0
_SOCKET_ID_BYTES = 12
# Socket.IO clients know an unknown namespace by these words.
INVALID_NAMESPACE = "Invalid namespace"
# What consumers that Channels' own router serves are called in metrics.
MOUNTED_ELSEWHERE = "routed elsewhere"


class ProcessState(Enum):
    """Where a process is in its life; ``/readyz`` tells it."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"


class Closable(Protocol):
    """A client's connection, as far as a process that goes away cares."""

    def go_away(self) -> None:
        """Close so that the client comes back, to another process."""


class Process:
    """What serves one loop's sockets. All methods but two are called on that loop.

    Database work runs in ``executor``, or in ``DATABASE_THREADS`` threads of its own.
    """

    def __init__(
        self, options: Options, routing: RoutingTable, executor: LaneExecutor | None = None
    ) -> None:
        self.id = new_process_id()
        self.options = options
        self.routing = routing
        self.state = ProcessState.STARTING
        self.database = DatabasePool(executor or DatabaseExecutor(options.database_threads))
        self.sessions = SessionCounts(options)
        self.connections: set[Closable] = set()
        self.sockets: dict[str, Socket] = {}
        self.taps = Taps(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._drain: asyncio.Task[None] | None = None
        self._unstarted: list[type[NamespaceConsumer]] = []
        self._starter: asyncio.Task[None] | None = None
        self._last_failure = ""
        self._loop = asyncio.get_running_loop()
        self.recovery = RecoveryStore(options, self.id)
        operations = Operations(lambda: self.adapter, routing)
        observe = self.recovery.observe if self.recovery.is_on else None
        local = MemoryAdapter(RoutedStorage(routing), operations.answer, observe)
        layer = get_channel_layer()
        self.adapter: Adapter = local
        if layer is not None and not isinstance(layer, InMemoryChannelLayer):
            keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
            codec = EnvelopeCodec(keys)
            self.adapter = ChannelLayerAdapter(local, cast("ChannelLayer", layer), codec, self.id)

    @property
    def info(self) -> ProcessInfo:
        """What consumer classes are told of the process."""
        return ProcessInfo(self.id, is_only=not self.adapter.is_shared)

    @property
    def is_draining(self) -> bool:
        """Whether this process goes away."""
        return self.state is ProcessState.DRAINING

    @property
    def is_serving(self) -> bool:
        """Whether there are sockets to reach here."""
        return self.state is not ProcessState.STOPPED and self._loop.is_running()

    async def start(self) -> None:
        """Begin to serve. What the classes' ``started`` needs may be away: they are tried again."""
        set_running(self._loop, self)
        logger.info("process started", extra={"process_id": self.id, "pid": os.getpid()})
        await self.adapter.start()
        self._unstarted = list(self.routing.consumer_classes)
        await self._start_classes()
        if self._unstarted:
            self._starter = self._loop.create_task(self._keep_starting(), name="process start")

    def begin_drain(self, seconds: float) -> None:
        """Do what ``drain`` does without being waited for; the process goes on, not ready."""
        if self._drain is None:
            self._drain = self._loop.create_task(self.drain(seconds), name="drain")

    async def drain(self, seconds: float) -> None:
        """Send every client away within so many seconds, spread over them."""
        if self.state in {ProcessState.DRAINING, ProcessState.STOPPED}:
            return
        self.state = ProcessState.DRAINING
        leaving = list(self.connections)
        about = {"process_id": self.id, "connections": len(leaving), "seconds": seconds}
        logger.info("process drains", extra=about)
        began_at = self._loop.time()
        for index, connection in enumerate(leaving):
            wait_s = began_at + seconds * index / len(leaving) - self._loop.time()
            # Sleeping for each of thousands would take longer than is allowed.
            if wait_s >= _DRAIN_PAUSE_S:
                await asyncio.sleep(wait_s)
            connection.go_away()
        await self._finish_tasks()

    async def stop(self) -> None:
        """Stop serving: end what still runs, release what is held."""
        if self.state is ProcessState.STOPPED:
            return
        for connection in tuple(self.connections):
            connection.go_away()
        await self._finish_tasks()
        for task in (self._starter, self._drain):
            if task is not None:
                task.cancel()
        self.taps.stop()
        for consumer_class in _most_derived(self.routing.consumer_classes):
            try:
                await consumer_class.stopped(self.info)
            except Exception:
                logger.exception("stopped() failed", extra={"class": consumer_class.__name__})
        self.state = ProcessState.STOPPED
        await self.adapter.stop()
        self.database.shutdown()
        unset_running(self._loop)
        logger.info("process stopped", extra={"process_id": self.id})

    def spawn(self, running: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run something that this process owns; ``stop`` waits for it."""
        task = self._loop.create_task(running, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def make_socket(self, route: Route, link: Link) -> Socket:
        """Return a new socket of a namespace, with a consumer of its own; not yet started."""
        consumer = route.make_consumer()
        return self.bind_socket(consumer, route.namespace, route.url_route, link)

    def bind_socket(
        self,
        consumer: NamespaceConsumer,
        namespace: str,
        url_route: dict[str, Any],
        link: Link,
    ) -> Socket:
        """Return a new socket for a consumer that exists already."""
        limits = consumer.limits
        socket = Socket(
            # A public id begins with its process's id: one socket is addressed without a group.
            socket_id=self.id + secrets.token_urlsafe(_SOCKET_ID_BYTES),
            namespace=namespace,
            consumer=consumer,
            link=link,
            process=self,
            options=limits.applied_to(self.options) if limits else self.options,
        )
        consumer.scope = link.session.socket_scope(url_route)
        consumer.bind(socket)
        return socket

    async def admit(self, socket: Socket, auth: dict[str, Any]) -> None:
        """Find out who it is and let them hear their namespace; raises ``Refused``."""
        consumer = socket.consumer
        kwargs = consumer.scope["url_route"]["kwargs"]
        socket.label = UNKNOWN_NAMESPACE
        if not await type(consumer).admits(socket.namespace, kwargs):
            raise Refused(UNKNOWN_NAMESPACE, INVALID_NAMESPACE)
        socket.label = self.label_of(socket)
        identity = await authenticate(consumer.scope, auth)
        if identity.user_id is not None:
            self.sessions.sign_in(socket.session, identity.user_id)
        consumer.identity = identity
        consumer.auth = auth
        socket.identify(identity)
        consumer.scope["user"] = identity.user
        # A project's own middleware may have put one there.
        consumer.scope.setdefault("session", session_of(consumer.scope))
        self.sockets[socket.socket_id] = socket
        if self.taps:
            self.taps.see(socket)
        if socket.reason is None:
            self.adapter.add(socket.namespace, socket, identity.user_id)

    def label_of(self, socket: Socket) -> str:
        """Return how an admitted socket's namespace is called in metrics."""
        route = self.routing.match(socket.namespace)
        # Channels' own router may have found the class instead.
        pattern = route.pattern if route is not None else MOUNTED_ELSEWHERE
        if pattern == socket.namespace:
            return pattern
        return type(socket.consumer).namespace_label(socket.namespace, pattern)

    def forget(self, socket: Socket) -> None:
        """A socket has ended."""
        self.sockets.pop(socket.socket_id, None)

    def open_session(self, session: ClientSession) -> bool:
        """Count a new session; False if its address has too many."""
        return self.sessions.open(session)

    def close_session(self, session: ClientSession) -> None:
        """Stop counting a session."""
        self.sessions.close(session)

    def run_threadsafe(self, running: Coroutine[Any, Any, Result]) -> Result:
        """Run something on this process's loop, from another thread, and wait for it."""
        return self.database.wait(self.schedule(running))

    def schedule(self, running: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Begin something on this process's loop, from another thread or loop."""
        return asyncio.run_coroutine_threadsafe(running, self._loop)

    def publish_threadsafe(self, broadcast: Broadcast) -> None:
        """Publish from another thread, or another loop."""
        self._loop.call_soon_threadsafe(self.adapter.publish, broadcast)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("task failed", exc_info=error, extra={"task": task.get_name()})

    async def _start_classes(self) -> None:
        for consumer_class in _most_derived(self._unstarted):
            try:
                await consumer_class.started(self.info)
            except Exception as error:  # noqa: BLE001 - logged there
                self._note_failed_start(consumer_class, error)
                return
        self._unstarted = []
        if self.state is ProcessState.STARTING:
            self.state = ProcessState.READY
            logger.info("process ready", extra={"process_id": self.id})

    def _note_failed_start(self, consumer_class: type[NamespaceConsumer], error: Exception) -> None:
        # Tried again each second: one line says all that the next ones would.
        if repr(error) == self._last_failure:
            return
        self._last_failure = repr(error)
        about = {"class": consumer_class.__name__, "process_id": self.id}
        if isinstance(error, NotReady):
            logger.error("not ready yet, trying again", extra={**about, "error": str(error)})
        else:
            log_failure(logger, "started() failed, trying again", error, about)

    async def _keep_starting(self) -> None:
        while self._unstarted:
            await asyncio.sleep(START_RETRY_S)
            await self._start_classes()

    async def _finish_tasks(self) -> None:
        if self._tasks:
            _done, pending = await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_S)
            for task in pending:
                task.cancel()


_PROCESS_ID_ALPHABET = string.ascii_letters + string.digits

# Clients are sent away in groups, with a pause of at least so long between them.
_DRAIN_PAUSE_S = 0.01


def new_process_id() -> str:
    """Return a random id; the first characters of all its sockets' ids.

    Letters and digits: people hand both to commands, which take a leading dash for an option.
    """
    return "".join(secrets.choice(_PROCESS_ID_ALPHABET) for _ in range(PROCESS_ID_CHARACTERS))


def current_process_id() -> str:
    """Return the id of the process that serves the running loop; raises ``UsageError`` if none."""
    process = find_process()
    if process is None:
        raise UsageError("this event loop serves no sockets")
    return process.id


def _most_derived(classes: list[type[NamespaceConsumer]]) -> list[type[NamespaceConsumer]]:
    """Return one class for each implementation of ``started``: bases share what they inherit."""
    seen: dict[Any, type[NamespaceConsumer]] = {}
    for consumer_class in classes:
        started = inspect.getattr_static(consumer_class, "started")
        seen.setdefault(started, consumer_class)
    return list(seen.values())
