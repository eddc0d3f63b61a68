"""The answers of `/healthz` and `/readyz`: is the process there, and may people be sent here.

They stand before Django: a probe needs no allowed host, and no thread that a slow database may
hold. No probe asks the database itself: a watch does, one question at a time, and a probe says
when it was last seen, so that probes neither wait nor pile up.
"""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection

from realtime.doors.http_answers import JSON, NO_STORE, respond
from realtime.doors.metrics import start_nothing
from realtime.namespaces.process import ProcessState
from realtime.namespaces.running import find_process
from realtime.transports.base import AsgiApplication, Receive, Scope, Send

DATABASE_EVERY_S = 1.0
DATABASE_NOTICE_S = 3.0
DATABASE_GRACE_S = 10.0
LAYER_GRACE_S = 15.0
# How long the first probe waits for the watches that it starts.
FIRST_PROBE_S = 1.0

logger = logging.getLogger(__name__)


def readiness(
    state: ProcessState, *, database_unseen_s: float | None, layer_lost_s: float
) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of `/readyz`.

    ``database_unseen_s`` are the seconds since the database last answered, None if it never has;
    ``layer_lost_s`` those since the layer was lost, 0 while it is there. The body is
    ``{"status", "degraded": [part…]}``, and with 503 for a part ``"missing": [part…]``.
    """
    if state is not ProcessState.READY:
        return 503, {"status": state.value, "degraded": []}
    if database_unseen_s is None:
        return 503, {"status": ProcessState.STARTING.value, "degraded": []}
    unseen = [
        ("database", database_unseen_s, DATABASE_NOTICE_S, DATABASE_GRACE_S),
        ("layer", layer_lost_s, 0.0, LAYER_GRACE_S),
    ]
    degraded = [part for part, seconds, notice_s, _ in unseen if seconds > notice_s]
    # The last question before the outage may have been answered a whole interval before it.
    missing = [part for part, seconds, _, grace_s in unseen if seconds > grace_s]
    if missing:
        return 503, {"status": "unavailable", "degraded": degraded, "missing": missing}
    return 200, {"status": "ready", "degraded": degraded}


@dataclass(slots=True)
class Sighting:
    """When one part last answered, in monotonic seconds."""

    at: float | None = None

    def see(self) -> None:
        """Note that it answers now."""
        self.at = time.monotonic()

    def unseen_s(self) -> float | None:
        """Return the seconds since; None if it never answered."""
        return None if self.at is None else time.monotonic() - self.at


class DatabaseWatch:
    """Asks the database once a second, from a thread of its own that may hang with it."""

    def __init__(self) -> None:
        self.sighting = Sighting()
        self._ended = threading.Event()
        # A daemon: a query that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="database watch", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _run(self) -> None:
        was_seen = True
        while not self._ended.is_set():
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
            except Error as error:
                connection.close()
                if was_seen:
                    logger.warning("the database does not answer", extra={"error": str(error)})
                was_seen = False
            else:
                self.sighting.see()
                was_seen = True
            self._ended.wait(DATABASE_EVERY_S)
        connection.close()


def process_state() -> ProcessState:
    """Return where this process is in its life."""
    process = find_process()
    return ProcessState.STARTING if process is None else process.state


def process_layer_lost_s() -> float:
    """Return for how many seconds other processes could not be reached; 0 while they can.

    The adapter knows it, which needs the layer for its work.
    """
    process = find_process()
    lost_at = process.adapter.lost_at if process is not None else None
    return 0.0 if lost_at is None else asyncio.get_running_loop().time() - lost_at


class HealthDoor:
    """Answer the two health paths, and hand everything else to the application.

    The watch starts with the first `/readyz`: where nobody asks, nothing is watched. So does
    what serves sockets, by ``start``, under a server's own command that has not started it.
    """

    def __init__(
        self,
        application: AsgiApplication,
        *,
        start: Callable[[], Awaitable[None]] = start_nothing,
        state: Callable[[], ProcessState] = process_state,
        layer_lost_s: Callable[[], float] = process_layer_lost_s,
    ) -> None:
        self._application = application
        self._start_serving = start
        self._state = state
        self._layer_lost_s = layer_lost_s
        self._database = DatabaseWatch()
        self._is_started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        path = scope.get("path") if scope["type"] == "http" else None
        if path == "/healthz":
            await _answer(scope, send, 200, {"status": "ok"})
        elif path == "/readyz":
            await self._start()
            status, body = readiness(
                self._state(),
                database_unseen_s=self._database.sighting.unseen_s(),
                layer_lost_s=self._layer_lost_s(),
            )
            await _answer(scope, send, status, body)
        else:
            await self._application(scope, receive, send)

    def close(self) -> None:
        """End the watch; it does not start again."""
        self._database.stop()

    async def _start(self) -> None:
        if self._is_started:
            return
        self._is_started = True
        self._database.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PROBE_S):
                await self._start_serving()
                # Seen from a thread: an asyncio.Event is not for that.
                while self._database.sighting.at is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


async def _answer(scope: Scope, send: Send, status: int, body: dict[str, Any]) -> None:
    is_head = scope.get("method") == "HEAD"
    await respond(send, status, [*JSON, *NO_STORE], json.dumps(body).encode(), is_head=is_head)
