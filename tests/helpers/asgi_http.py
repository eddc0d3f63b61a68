"""HTTP requests in the same process: the server's side of ASGI, with a deadline on each wait."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Self

from realtime.transports.base import AsgiApplication, Message
from tests.helpers.asgi_socket import OWN_HEADERS, Headers
from tests.helpers.waiting import DEADLINE_S


class HttpAnswer:
    """What a request was answered, whole."""

    def __init__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = [(name.decode(), value.decode("latin-1")) for name, value in headers]
        self.body = body

    def __repr__(self) -> str:
        return f"HttpAnswer({self.status}, {self.body!r})"

    def header(self, name: str) -> str | None:
        """Return the one value of a header; None if it is not there."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def packets(self) -> list[str]:
        """The engine packets of a poll that was answered."""
        assert self.status == 200, self
        return self.body.decode().split("\x1e")


class Exchange:
    """One request under way."""

    def __init__(self, application: AsgiApplication, scope: dict[str, Any]) -> None:
        self.scope = scope
        self._to_application: asyncio.Queue[Message] = asyncio.Queue()
        self._messages: list[Message] = []
        self.taken_bytes = 0
        self._task = asyncio.create_task(self._serve(application), name="application")

    def feed(self, body: bytes, *, more: bool = False) -> None:
        """Send a part of the body; the last one says that there is no more."""
        self._to_application.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def hang_up(self) -> None:
        """Close the connection without waiting for an answer."""
        self._to_application.put_nowait({"type": "http.disconnect"})

    @property
    def is_answered(self) -> bool:
        """Whether the application has returned."""
        return self._task.done()

    async def answer(self) -> HttpAnswer:
        """Return the answer; raises what the application raised."""
        await self.finished()
        assert self._messages, "the application returned without an answer"
        start, *bodies = self._messages
        body = b"".join(message.get("body", b"") for message in bodies)
        return HttpAnswer(start["status"], start["headers"], body)

    async def finished(self) -> None:
        """Wait until the application has returned; raises what it raised."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.shield(self._task)

    async def _serve(self, application: AsgiApplication) -> None:
        await application(self.scope, self._give, self._take)

    async def _give(self) -> Message:
        message = await self._to_application.get()
        self.taken_bytes += len(message.get("body", b""))
        return message

    async def _take(self, message: Message) -> None:
        self._messages.append(message)


class HttpClient:
    """Makes requests; use it with ``async with``: that hangs up what is still under way."""

    def __init__(
        self,
        application: AsgiApplication,
        *,
        path: str = "/socket.io/",
        headers: Headers = (),
        client: tuple[str, int] = ("127.0.0.1", 40_000),
    ) -> None:
        self.application = application
        self.path = path
        self.headers = headers
        self.client = client
        self._exchanges: list[Exchange] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for exchange in self._exchanges:
            exchange.hang_up()
        for exchange in self._exchanges:
            await exchange.finished()

    def begin(
        self,
        method: str,
        query: str = "",
        body: bytes | None = b"",
        *,
        path: str | None = None,
        headers: Headers = (),
    ) -> Exchange:
        """Send a request; a ``body`` of None is fed later."""
        whole_path = self.path if path is None else path
        given = {**dict(OWN_HEADERS), **dict(self.headers), **dict(headers)}
        exchange = Exchange(
            self.application,
            {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "scheme": "http",
                "method": method,
                "path": whole_path,
                "raw_path": whole_path.encode(),
                "root_path": "",
                "query_string": query.encode(),
                "headers": [(name.encode(), value.encode()) for name, value in given.items()],
                "client": self.client,
                "server": ("testserver", 80),
                "extensions": {},
            },
        )
        if body is not None:
            exchange.feed(body)
        self._exchanges.append(exchange)
        return exchange

    async def request(
        self, method: str, query: str = "", body: bytes = b"", **kwargs: Any
    ) -> HttpAnswer:
        """Send a request and return its answer."""
        return await self.begin(method, query, body, **kwargs).answer()
