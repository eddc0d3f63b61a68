"""A WebSocket in the same process: the server's side of ASGI, with a deadline on each wait."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Self

from realtime.transports.base import AsgiApplication, Message
from tests.helpers.waiting import DEADLINE_S

Headers = Sequence[tuple[str, str]]
OWN_HEADERS: Headers = (("host", "testserver"),)
_RETURNED = "test.returned"


class AsgiSocket:
    """One WebSocket to an application. Use it with ``async with``: that ends it in bounded time.

    While ``pause()`` is in force the client reads nothing, and the application's ``send`` waits.
    """

    def __init__(
        self,
        application: AsgiApplication,
        path: str,
        *,
        query: str = "",
        headers: Headers = (),
        client: tuple[str, int] | None = ("127.0.0.1", 40_000),
        scheme: str = "ws",
        extensions: dict[str, Any] | None = None,
    ) -> None:
        names = {key for key, _value in headers}
        own = [header for header in OWN_HEADERS if header[0] not in names]
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "scheme": scheme,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (name.encode(), value.encode("latin-1")) for name, value in [*own, *headers]
            ],
            "client": client,
            "server": ("testserver", 80),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}} if extensions is None else extensions,
        }
        self._application = application
        self._to_application: asyncio.Queue[Message] = asyncio.Queue()
        self._from_application: asyncio.Queue[Message] = asyncio.Queue()
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._has_left = False
        self.sent = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._to_application.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._serve(), name="application")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.leave()

    @property
    def untaken(self) -> int:
        """How many messages the application has not taken yet."""
        return self._to_application.qsize()

    @property
    def is_served(self) -> bool:
        """Whether the application has not returned yet."""
        return self._task is not None and not self._task.done()

    def send(self, data: str | bytes | dict[str, Any]) -> None:
        """Send a text, bytes, or an object as JSON."""
        if isinstance(data, bytes):
            self._to_application.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        text = data if isinstance(data, str) else json.dumps(data)
        self._to_application.put_nowait({"type": "websocket.receive", "text": text})

    async def message(self) -> Message:
        """Return what the application sent next, as ASGI has it."""
        async with asyncio.timeout(DEADLINE_S):
            message = await self._from_application.get()
        if message["type"] == _RETURNED:
            self._from_application.put_nowait(message)
            raise AssertionError("the application returned without another word")
        return message

    async def accepted(self) -> Self:
        """Take the acceptance of the handshake."""
        message = await self.message()
        assert message["type"] == "websocket.accept", message
        return self

    async def data(self) -> str | bytes:
        """Return the next text or bytes."""
        message = await self.message()
        assert message["type"] == "websocket.send", message
        text = message.get("text")
        data: str | bytes = message["bytes"] if text is None else text
        return data

    async def json(self) -> Any:
        """Return the next text as JSON."""
        return json.loads(await self.data())

    async def closed(self) -> int:
        """Return the code of the close that comes next."""
        message = await self.message()
        assert message["type"] == "websocket.close", message
        code: int = message["code"]
        return code

    async def refused(self) -> tuple[int, bytes]:
        """Return status and body of the HTTP answer that refuses the handshake."""
        start = await self.message()
        assert start["type"] == "websocket.http.response.start", start
        body = await self.message()
        return start["status"], body["body"]

    def pause(self) -> None:
        """Stop reading."""
        self._may_send.clear()

    def resume(self) -> None:
        """Read again."""
        self._may_send.set()

    def drop(self, code: int = 1006) -> None:
        """Go away without waiting for the application."""
        if not self._has_left:
            self._has_left = True
            self._may_send.set()
            self._to_application.put_nowait({"type": "websocket.disconnect", "code": code})

    async def leave(self, code: int = 1005) -> None:
        """Go away, and wait until the application has returned; raises what it raised."""
        self.drop(code)
        if self._task is None:
            return
        async with asyncio.timeout(DEADLINE_S):
            await self._task

    async def _serve(self) -> None:
        try:
            await self._application(self.scope, self._to_application.get, self._take)
        finally:
            self._from_application.put_nowait({"type": _RETURNED})

    async def _take(self, message: Message) -> None:
        await self._may_send.wait()
        if self._has_left:
            raise OSError("the client is gone")
        self.sent += 1
        self._from_application.put_nowait(message)
        if message["type"] in {"websocket.close", "websocket.http.response.body"}:
            # Servers say so too once the closing handshake is over.
            self._has_left = True
            self._to_application.put_nowait(
                {"type": "websocket.disconnect", "code": message.get("code", 1005)}
            )
