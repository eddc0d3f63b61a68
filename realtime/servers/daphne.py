"""Daphne as ``runserver`` and ``serve --server daphne`` run it: our WebSocket class, a drain.

Stock Daphne cuts its sockets at a signal; this one ends them first.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from twisted.internet import reactor as installed_reactor
from twisted.logger import globalLogBeginner

from realtime.conf import Options
from realtime.servers.daphne_websocket import RealtimeWebSocket, RealtimeWebSocketFactory
from realtime.servers.doors import largest_message_bytes
from realtime.servers.lifecycle import ServerLife
from realtime.servers.listening import listen
from realtime.transports.base import FRAMES_EXTENSION, AsgiApplication, Message, Scope

# The one that Daphne installed on import: an AsyncioSelectorReactor, typed as an interface.
reactor: Any = installed_reactor

# What a last request may take once the sockets are gone, and then to hear that it is cancelled.
_LAST_REQUESTS_S = 1.0
_LAST_CANCELS_S = 0.5


class RealtimeServer(Server):
    """Daphne's server on sockets that are bound already, with our WebSockets and our end.

    ``lifecycle_of`` is the application whose ``lifecycle`` counts, where ``application`` wraps it.
    """

    def __init__(
        self,
        application: AsgiApplication,
        sockets: Sequence[socket.socket],
        options: Options,
        *,
        ready: Callable[[], None] = lambda: None,
        lifecycle_of: AsgiApplication | None = None,
        interrupt_drain_s: float | None = None,
        signal_handlers: bool = True,
        action_logger: Callable[[str, str, dict[str, Any]], None] | None = None,
        http_timeout: float | None = None,
        root_path: str = "",
    ) -> None:
        self.life = ServerLife(
            application,
            lifecycle_of=lifecycle_of,
            drain_s=options.drain_s,
            interrupt_drain_s=interrupt_drain_s,
            gc_threshold=options.gc_threshold,
            finish=self._finish,
        )
        self._sockets = sockets
        self._options = options
        self._ready = ready
        self._ports: list[Any] = []
        super().__init__(
            self.life.application,
            endpoints=["bound already"],
            websocket_connect_timeout=options.connect_timeout_s,
            websocket_max_message_size=largest_message_bytes(options),
            websocket_max_frame_size=largest_message_bytes(options),
            signal_handlers=signal_handlers,
            action_logger=action_logger,
            http_timeout=http_timeout,
            root_path=root_path,
            server_name="",
        )

    def run(self) -> None:
        """Serve until a signal, or ``life.end_from_thread``, ended it; errors of the start rise."""
        loop = _event_loop()
        asyncio.set_event_loop(loop)
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = HTTPFactory(self)
        self.ws_factory = RealtimeWebSocketFactory(self, self._options)
        # Twisted's own log tells of peers that vanish, as errors.
        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
        # Within the one run of the loop: between two runs uvloop would lose a signal.
        start = loop.create_task(self._start(), name="server start")
        start.add_done_callback(_stop_if_failed)
        reactor.run(installSignalHandlers=False)
        if start.done():
            start.result()

    async def _start(self) -> None:
        if self.signal_handlers:
            self.life.handle_signals()
        await self.life.start()
        listen(self._sockets)
        for each in self._sockets:
            port = reactor.adoptStreamPort(each.fileno(), each.family, self.http_factory)
            self._ports.append(port)
            # Twisted has a descriptor of its own.
            each.close()
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        self._ready()

    async def _finish(self) -> None:
        for port in self._ports:
            port.stopListening()
        for protocol in list(self.connections):
            # Sockets of an existing application: ours are gone.
            if isinstance(protocol, RealtimeWebSocket):
                protocol.refuse(503)
                protocol.end(1012, "going away")
        tasks = {
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        }
        if tasks:
            # A task that is cut by the reactor's end takes the interpreter with it on some
            # versions (3.11.7, in-memory layer), so none is left to it.
            _, pending = await asyncio.wait(tasks, timeout=_LAST_REQUESTS_S)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=_LAST_CANCELS_S)
        reactor.stop()

    def create_application(
        self, protocol: WebRequest | RealtimeWebSocket, scope: Scope
    ) -> asyncio.Queue[Message] | None:
        """Start the application of one connection; return the queue of what it receives."""
        if not isinstance(protocol, RealtimeWebSocket):
            queue: asyncio.Queue[Message] | None = super().create_application(protocol, scope)
            return queue
        scope["headers"] += [(b"origin", value) for value in protocol.origins]
        scope.update(
            asgi={"version": "3.0", "spec_version": "2.4"},
            http_version="1.1",
            scheme="ws",
            extensions={FRAMES_EXTENSION: protocol.frames, "websocket.http.response": {}},
        )
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        receive = partial(protocol.receive, inbox)
        task = asyncio.ensure_future(self.application(scope, receive, protocol.send))
        task.add_done_callback(partial(_on_ended, protocol))
        self.connections[protocol]["application_instance"] = task
        return inbox

    def protocol_disconnected(self, protocol: WebRequest | RealtimeWebSocket) -> None:
        """Note the end of a connection; one that was forgotten already may end again."""
        if protocol in self.connections:
            super().protocol_disconnected(protocol)


def serve(
    application: AsgiApplication,
    sockets: Sequence[socket.socket],
    options: Options,
    *,
    ready: Callable[[], None],
) -> None:
    """Serve until a signal; ``ready`` is called once connections are accepted."""
    use_uvloop()
    RealtimeServer(application, sockets, options, ready=ready).run()


def use_uvloop() -> None:
    """Put uvloop under Twisted's reactor where it is installed; call it before the reactor runs.

    Daphne installs its reactor when Django loads the apps, so a loop's policy would come too late,
    or bind every other command too. The reactor has only its waker registered until it runs.
    """
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return
    if reactor.getDelayedCalls() or reactor.getWriters():
        return
    readers = reactor.getReaders()
    for reader in readers:
        reactor.removeReader(reader)
    _event_loop().close()
    reactor._asyncioEventloop = uvloop.new_event_loop()  # noqa: SLF001 - Daphne reads it too
    for reader in readers:
        reactor.addReader(reader)


def _event_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop  # noqa: SLF001
    return loop


def _stop_if_failed(start: asyncio.Task[None]) -> None:
    if not start.cancelled() and start.exception() is not None:
        reactor.stop()


def _on_ended(protocol: RealtimeWebSocket, task: asyncio.Task[None]) -> None:
    # A failure is logged and answered by Daphne's own check, once a second.
    if task.cancelled() or task.exception() is None:
        protocol.application_ended()
