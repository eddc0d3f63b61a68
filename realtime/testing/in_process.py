"""The network's place in a test: HTTP requests and WebSockets to an ASGI application, in process.

The application runs in a context of its own, as it does in a server: what a test has set for
itself (a language, a thread for its database work) does not reach it.
Source: ASGI specification 3.0, "HTTP & WebSocket".
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from realtime.exceptions import SessionClosed
from realtime.transports.base import AsgiApplication, Message, Scope

Result = TypeVar("Result")

LEAVE_TIMEOUT_S = 5.0
_CLIENT_PORT = 40_000
_LOST = 1006


def isolated(running: Coroutine[Any, Any, Result], *, name: str) -> "asyncio.Task[Result]":
    """Run something as a server would: knowing nothing of the test that asked for it."""
    return asyncio.get_running_loop().create_task(running, name=name, context=Context())


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a client's requests come from, and what each of them brings."""

    headers: tuple[tuple[str, str], ...] = ()
    address: str = "127.0.0.1"

    def scope(self, kind: str, path: str, query: Mapping[str, str]) -> Scope:
        """Return the scope of a request, as a server would make it."""
        own = () if any(name.lower() == "host" for name, _ in self.headers) else _HOST
        return {
            "type": kind,
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws" if kind == "websocket" else "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(query).encode(),
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in (*own, *self.headers)
            ],
            "client": (self.address, _CLIENT_PORT),
            "server": ("testserver", 80),
            "extensions": {"websocket.http.response": {}} if kind == "websocket" else {},
        }


_HOST = (("host", "testserver"),)


@dataclass(slots=True)
class Answer:
    """What a request was answered."""

    status: int = 0
    body: bytes = b""

    async def take(self, message: Message) -> None:
        """Be the ``send`` of the request."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


async def request(
    application: AsgiApplication,
    scope: Scope,
    method: str,
    body: bytes = b"",
    *,
    hangs_up: bool = False,
) -> Answer:
    """Make one HTTP request; raises what the server does.

    A caller that is cancelled hangs up. With ``hangs_up`` the client has gone before it is
    answered; a server that waits then gives no answer (status 0).
    """
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
    if hangs_up:
        incoming.put_nowait({"type": "http.disconnect"})
    answer = Answer()
    full_scope = {**scope, "method": method}
    running = isolated(_call(application, full_scope, incoming, answer), name="test request")
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        incoming.put_nowait({"type": "http.disconnect"})
        await asyncio.wait({running}, timeout=LEAVE_TIMEOUT_S)
        raise
    return answer


async def _call(
    application: AsgiApplication, scope: Scope, incoming: asyncio.Queue[Message], answer: Answer
) -> None:
    await application(scope, incoming.get, answer.take)


@dataclass(slots=True, eq=False)
class InProcessWebSocket:
    """One WebSocket to an application."""

    application: AsgiApplication
    scope: Scope
    _to_application: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)
    _from_application: "asyncio.Queue[Message | None]" = field(default_factory=asyncio.Queue)
    _has_left: bool = False
    _serving: "asyncio.Task[None] | None" = None

    async def open(self) -> Answer | None:
        """Shake hands; return the HTTP answer of a server that refuses, None when it accepts."""
        self._to_application.put_nowait({"type": "websocket.connect"})
        self._serving = isolated(self._serve(), name="test websocket")
        message = await self._next()
        if message["type"] == "websocket.accept":
            return None
        if message["type"] == "websocket.close":
            return Answer(403)
        body = await self._next()
        return Answer(message["status"], body.get("body", b""))

    async def receive(self) -> str | bytes:
        """Return the next message; raises ``SessionClosed`` with the close code at the end."""
        message = await self._next()
        if message["type"] == "websocket.close":
            raise SessionClosed("transport close", message.get("code", 1000))
        text = message.get("text")
        return text if text is not None else cast("bytes", message["bytes"])

    def send(self, data: str | bytes) -> None:
        """Send one message; after the end nothing happens, as on a network."""
        key = "text" if isinstance(data, str) else "bytes"
        if not self._has_left:
            self._to_application.put_nowait({"type": "websocket.receive", key: data})

    def leave(self, code: int = _LOST) -> None:
        """Go away; without a code the connection is just lost."""
        if not self._has_left:
            self._has_left = True
            self._to_application.put_nowait({"type": "websocket.disconnect", "code": code})

    async def left(self) -> None:
        """Wait, once one has left, until the application is done; raises what it raised."""
        if self._serving is None:
            return
        done, _pending = await asyncio.wait({self._serving}, timeout=LEAVE_TIMEOUT_S)
        for task in done:
            task.result()

    async def _next(self) -> Message:
        message = await self._from_application.get()
        if message is None:
            # For whoever asks next.
            self._from_application.put_nowait(None)
            await self.left()
            raise SessionClosed("transport close")
        return message

    async def _serve(self) -> None:
        try:
            await self.application(self.scope, self._to_application.get, self._take)
        finally:
            self._from_application.put_nowait(None)

    async def _take(self, message: Message) -> None:
        if self._has_left:
            raise OSError("the client is gone")
        self._from_application.put_nowait(message)
        if message["type"] in {"websocket.close", "websocket.http.response.body"}:
            # Servers tell so when the closing handshake is over.
            self.leave(message.get("code", _LOST))
