"""One server process from start to end: start, serve, drain at a signal, stop; in bounded time.

The same for every server. Knows no server: each hands over how it finishes.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from realtime.collecting import collect_seldom
from realtime.transports.base import AsgiApplication, Receive, Scope, Send

logger = logging.getLogger(__name__)

# What stopping may take beyond the drain: the engine's clean-up, then the server's own.
STOP_S: Final = 3.0
EXIT_S: Final = 5.0


class Lifecycle(Protocol):
    """What an application may offer as its attribute ``lifecycle``, so that it ends gracefully."""

    async def start(self) -> None:
        """Get ready; called once, before the first connection is accepted."""

    async def drain(self, seconds: float) -> None:
        """Say that this process is not ready, and end its sockets spread over ``seconds``."""

    async def stop(self) -> None:
        """Release what the process holds; called once, after the drain."""


class ServerLife:
    """Runs an application's lifecycle around a server's.

    ``finish`` stops the server itself, in at most a second or two. While draining, plain HTTP is
    still answered (a balancer reads /readyz), and new WebSockets are refused with 503.
    """

    def __init__(
        self,
        application: AsgiApplication,
        *,
        drain_s: float,
        interrupt_drain_s: float | None = None,
        gc_threshold: int = 0,
        lifecycle_of: AsgiApplication | None = None,
        finish: Callable[[], Awaitable[None]],
    ) -> None:
        self._application = application
        # Static files in front of the application hide its lifecycle.
        owner = application if lifecycle_of is None else lifecycle_of
        self._lifecycle: Lifecycle | None = getattr(owner, "lifecycle", None)
        self._drain_s = drain_s
        # Who presses Ctrl-C sits there and waits.
        self._interrupt_drain_s = drain_s if interrupt_drain_s is None else interrupt_drain_s
        self._gc_threshold = gc_threshold
        self._finish = finish
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def is_ending(self) -> bool:
        """Whether a signal came."""
        return self._ending is not None

    def application(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection: the ASGI application that the server is given."""
        if self._ending is not None and scope["type"] == "websocket":
            return _refuse(scope, receive, send)
        return self._application(scope, receive, send)

    async def start(self) -> None:
        """Start the application; the caller listens afterwards. Errors rise: no half start."""
        self._loop = asyncio.get_running_loop()
        if self._lifecycle is not None:
            await self._lifecycle.start()
        collect_seldom(self._gc_threshold)

    def handle_signals(self) -> None:
        """Drain at SIGTERM and SIGINT; a second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def end_from_thread(self, *, timeout_s: float) -> None:
        """End without spreading, from another thread than the server's; wait for it."""
        if self._loop is None or not self._loop.is_running():
            return
        done = threading.Event()

        def begin() -> None:
            self._begin(0.0).add_done_callback(lambda _: done.set())

        self._loop.call_soon_threadsafe(begin)
        done.wait(timeout_s)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._ending is not None:
            logger.warning("second signal: ending at once")
            _exit(1)
        drain_s = self._interrupt_drain_s if number == signal.SIGINT else self._drain_s
        logger.info("draining", extra={"seconds": drain_s})
        _exit_later(drain_s + EXIT_S)
        self._begin(drain_s)

    def _begin(self, drain_s: float) -> asyncio.Task[None]:
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(
                self._end(drain_s), name="server end"
            )
        return self._ending

    async def _end(self, drain_s: float) -> None:
        try:
            if self._lifecycle is not None:
                async with asyncio.timeout(drain_s + STOP_S):
                    await self._lifecycle.drain(drain_s)
                    await self._lifecycle.stop()
        except TimeoutError:
            logger.error("the drain took too long", extra={"seconds": drain_s + STOP_S})
        except Exception:
            # The server must end all the same.
            logger.exception("the drain failed")
        finally:
            await self._finish()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1012})
        return
    await send(
        {
            "type": "websocket.http.response.start",
            "status": 503,
            "headers": [(b"content-type", b"text/plain"), (b"retry-after", b"1")],
        }
    )
    await send({"type": "websocket.http.response.body", "body": b"This server is going away.\n"})


def _exit_later(seconds: float) -> None:
    """End the process in any case: a thread that hangs would keep the interpreter for ever."""
    timer = threading.Timer(seconds, _exit, (1,))
    timer.daemon = True
    timer.start()


def _exit(code: int) -> None:
    logging.shutdown()
    os._exit(code)
