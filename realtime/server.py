"""Adding the doors to a project: one call in ``asgi.py``.

A path that is not ours reaches the existing application.
"""

import asyncio
import logging
from collections.abc import Sequence
from weakref import WeakKeyDictionary, WeakSet

from django.urls import URLPattern

from realtime.conf import options
from realtime.doors.forwarded import attend
from realtime.doors.polling import PollingDoor
from realtime.doors.socketio_websocket import serve_websocket
from realtime.namespaces.database import LaneExecutor
from realtime.namespaces.plain import serve_plain
from realtime.namespaces.process import Process
from realtime.namespaces.routing import RoutingTable
from realtime.transports.base import AsgiApplication, Receive, Scope, Send
from realtime.transports.session_table import SessionTable

logger = logging.getLogger(__name__)


class Lifecycle:
    """Starting and ending what serves the running loop's sockets, for our launchers.

    Servers that speak ASGI's lifespan need none of this.
    """

    def __init__(self, routing: RoutingTable, sessions: SessionTable) -> None:
        self.routing = routing
        self._sessions = sessions
        self._starting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Process]] = (
            WeakKeyDictionary()
        )
        self._stopped: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    @property
    def is_started(self) -> bool:
        """Whether this loop has a process that is not stopped, or is about to."""
        loop = asyncio.get_running_loop()
        return loop in self._starting and loop not in self._stopped

    async def process(self, executor: LaneExecutor | None = None) -> Process:
        """Return this loop's process, started if it was not; tests say where its queries run."""
        loop = asyncio.get_running_loop()
        if not self.is_started:
            self._stopped.discard(loop)
            self._starting[loop] = loop.create_task(self._start(executor), name="start")
        return await self.serving()

    async def serving(self) -> Process:
        """Return the process for a request: also one that is stopped, which refuses it.

        A server may take requests for a moment longer.
        """
        starting = self._starting.get(asyncio.get_running_loop())
        if starting is None:
            return await self.process()
        # The first request may be given up while others wait for the same start.
        return await asyncio.shield(starting)

    async def start(self) -> None:
        """Begin to serve."""
        await self.process()

    async def drain(self, seconds: float) -> None:
        """Send every client away within so many seconds; they come back elsewhere."""
        await (await self.process()).drain(seconds)

    async def stop(self) -> None:
        """End; what still comes is refused until ``start``."""
        loop = asyncio.get_running_loop()
        starting = self._starting.get(loop)
        if starting is not None and self.is_started:
            self._stopped.add(loop)
            await (await asyncio.shield(starting)).stop()

    async def _start(self, executor: LaneExecutor | None) -> Process:
        process = Process(options(), self.routing, executor)
        attend(process, self._sessions)
        await process.start()
        return process


class RealtimeApplication:
    """An ASGI application: our doors, and behind them the project's own applications."""

    def __init__(
        self,
        routing: RoutingTable,
        http: AsgiApplication,
        websocket: AsgiApplication | None,
    ) -> None:
        self._sessions = SessionTable()
        self.lifecycle = Lifecycle(routing, self._sessions)
        self._http = http
        self._websocket = websocket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        match scope["type"]:
            case "lifespan":
                await self._serve_lifespan(receive, send)
            case "websocket":
                await self._serve_websocket(scope, receive, send)
            case "http":
                await self._serve_http(scope, receive, send)
            case other:
                raise ValueError(f"unknown ASGI scope {other!r}")

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path(scope)
        prefix = options().socketio_path
        if path.startswith(prefix):
            process = await self.lifecycle.serving()
            door = PollingDoor(process, self._sessions)
            await door.serve(scope, receive, send, rest=path.removeprefix(prefix))
            return
        await self._http(scope, receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path(scope)
        if path == options().socketio_path:
            process = await self.lifecycle.serving()
            await serve_websocket(process, self._sessions, scope, receive, send)
            return
        prefix = options().ws_prefix
        if path.startswith(prefix) or path == prefix.removesuffix("/"):
            namespace = "/" + path[len(prefix) :].removesuffix("/")
            process = await self.lifecycle.serving()
            await serve_plain(process, namespace, scope, receive, send)
            return
        if self._websocket is not None:
            await self._websocket(scope, receive, send)
            return
        # Without an answer Daphne would let the client hang.
        await receive()
        await send({"type": "websocket.close", "code": 4404})

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.lifecycle.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.lifecycle.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def realtime_application(
    namespaces: Sequence[URLPattern],
    *,
    http: AsgiApplication,
    websocket: AsgiApplication | None = None,
) -> RealtimeApplication:
    """Return an application that serves ``namespaces`` on both doors, and the rest as before.

    ``namespaces`` are ``path("games", Games.as_asgi())``; ``""`` is the namespace ``/``. ``http``
    and ``websocket`` get every path that is not a door's.
    """
    return RealtimeApplication(RoutingTable(namespaces), http, websocket)


def _path(scope: Scope) -> str:
    path = str(scope["path"])
    root_path = str(scope.get("root_path") or "")
    return path.removeprefix(root_path) if root_path else path
