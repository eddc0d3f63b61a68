"""Granian as ``serve --server granian`` runs it: one process, one loop, a drain.

Its sockets are Rust's: no finished frames, no pings, no size limit of ours (the engine closes what
is too large). ``docs/reference/servers.md`` says what follows from that.
"""

import asyncio
import math
import socket
from collections.abc import Callable, Sequence
from typing import cast

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from realtime.conf import Options
from realtime.servers.lifecycle import ServerLife
from realtime.servers.listening import BACKLOG, listen
from realtime.transports.base import AsgiApplication, Receive, Scope, Send

_KEEP_ALIVE_PROBES = 3
# What a last request, or a close frame on its way, may take once the sockets were told to go.
_LAST_REQUESTS_S = 1.0


class RealtimeServer(Server):
    """Granian in the running event loop, on a socket that listens already."""

    def __init__(self, application: AsgiApplication, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(
            application,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            backlog=BACKLOG,
            # Below errors it greets, and warns that embedding is experimental.
            log_level=LogLevels.error,
            log_access=False,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # Granian's own would take SO_REUSEPORT, and silently share a port that is in use.
        descriptor = self._listener.detach()
        self._shd = SocketHolder(descriptor, False, BACKLOG)  # type: ignore[call-arg, assignment]


def serve(
    application: AsgiApplication,
    sockets: Sequence[socket.socket],
    options: Options,
    *,
    ready: Callable[[], None],
) -> None:
    """Serve until a signal; ``ready`` is called once connections are accepted."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(application, sockets, options, ready))


def keep_alive(listener: socket.socket, options: Options) -> None:
    """Have the kernel end connections whose peer is gone, within the bounds of the pings.

    Accepted connections inherit these from their listener. Granian sends no WebSocket pings.
    """
    probe_s = max(1, math.ceil(options.ping_timeout_s / _KEEP_ALIVE_PROBES))
    bound_ms = math.ceil((options.ping_interval_s + options.ping_timeout_s) * 1000)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Names differ by system; what one lacks stays at its default.
    for name, value in (
        ("TCP_KEEPIDLE", max(1, math.ceil(options.ping_interval_s))),
        ("TCP_KEEPALIVE", max(1, math.ceil(options.ping_interval_s))),
        ("TCP_KEEPINTVL", probe_s),
        ("TCP_KEEPCNT", _KEEP_ALIVE_PROBES),
        ("TCP_USER_TIMEOUT", bound_ms),
    ):
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _serve(
    application: AsgiApplication,
    sockets: Sequence[socket.socket],
    options: Options,
    ready: Callable[[], None],
) -> None:
    servers: list[RealtimeServer] = []
    connections: set[asyncio.Task[None]] = set()

    async def serve_one(scope: Scope, receive: Receive, send: Send) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        connections.add(task)
        try:
            await life.application(scope, receive, send)
        except asyncio.CancelledError:
            # Granian would log the cut of each connection with its traceback.
            if not life.is_ending:
                raise
        finally:
            connections.discard(task)

    async def finish() -> None:
        if connections:
            _, pending = await asyncio.wait(connections, timeout=_LAST_REQUESTS_S)
            # Granian would wait for them without a bound.
            for task in pending:
                task.cancel()
        for server in servers:
            server.stop()  # type: ignore[no-untyped-call]

    life = ServerLife(
        application,
        drain_s=options.drain_s,
        gc_threshold=options.gc_threshold,
        finish=finish,
    )
    life.handle_signals()
    await life.start()
    for each in sockets:
        keep_alive(each, options)
    listen(sockets)
    async with asyncio.TaskGroup() as tasks:
        for each in sockets:
            server = RealtimeServer(serve_one, each)
            servers.append(server)
            tasks.create_task(server.serve(), name="granian")
        # The kernel takes connections since `listen`; Granian follows within this turn.
        ready()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
