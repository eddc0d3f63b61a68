"""One WebSocket over ASGI: accept or refuse it, read its messages, write through its outbox."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import cast

from realtime.counting import count_limit
from realtime.exceptions import SessionClosed
from realtime.protocol.wire_message import WireMessage
from realtime.transports.base import (
    FORWARDED_EXTENSION,
    FRAMES_EXTENSION,
    Ending,
    FrameWriter,
    Message,
    Receive,
    Scope,
    Send,
)
from realtime.transports.outbox import SEND_FAILURES, Outbox

# How long a client may take to read what stands before its close frame.
CLOSE_TIMEOUT_S = 5.0
REFUSE_TIMEOUT_S = 1.0
NORMAL_CLOSE = 1000
BINARY_NOT_SPOKEN = 1003
TOO_BIG = 1009
_REPLACED_UNDER_STOCK_DAPHNE = {1003: 4003, 1009: 4009, 1012: 4012}
_MAX_UTF8_PER_CHARACTER = 4

Headers = Sequence[tuple[bytes, bytes]]


class WebSocketTransport:
    """A client's WebSocket. ``max_bytes`` bounds one message in; a longer one closes 1009.

    ``max_bytes_option`` is the option that says so, for whoever counts.
    """

    name = "websocket"

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        max_bytes: int,
        max_bytes_option: str = "max_payload_bytes",
        outbox_bytes: int,
        outbox_messages: int,
        on_overflow: Callable[[], None],
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._max_bytes_option = max_bytes_option
        extensions = scope.get("extensions") or {}
        self._writer = cast("FrameWriter | None", extensions.get(FRAMES_EXTENSION))
        self._is_forwarded = FORWARDED_EXTENSION in extensions
        self._outbox = Outbox(
            send,
            self._writer,
            max_bytes=outbox_bytes,
            max_messages=outbox_messages,
            on_overflow=on_overflow,
        )
        self._is_reading_paused = False
        self._closing: asyncio.Task[None] | None = None
        self._is_closed = False
        self.send = self._outbox.put
        self.send_patiently = self._outbox.put_patiently

    @property
    def can_stop_reading(self) -> bool:
        """Whether not reading holds the client back; stock Daphne reads on regardless."""
        return self._writer is not None or not self._is_under_stock_daphne()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""
        return self._outbox.waiting_bytes

    async def accept(self, headers: Headers = ()) -> None:
        """Take the ``websocket.connect`` message and accept it."""
        await self._expect_connect()
        await self._answer({"type": "websocket.accept", "headers": list(headers)})

    async def refuse(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Answer the handshake with an HTTP error, with a body where the server can send one."""
        await self._expect_connect()
        self._is_closed = True
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._answer({"type": "websocket.close", "code": 4403})
            return
        start = {"type": "websocket.http.response.start", "status": status}
        await self._answer({**start, "headers": list(headers)})
        await self._answer({"type": "websocket.http.response.body", "body": body})
        # Uvicorn calls the handshake incomplete if we return before the connection is down.
        try:
            async with asyncio.timeout(REFUSE_TIMEOUT_S):
                await self._receive()
        except TimeoutError:
            return
        await asyncio.sleep(0)

    async def receive(self) -> str | bytes:
        """Return the next message; raises ``SessionClosed`` at the end, with the close code."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._lose()
            raise SessionClosed("transport close", message.get("code"))
        text = message.get("text")
        data: str | bytes = text if text is not None else message.get("bytes") or b""
        if self._is_too_big(data):
            count_limit(self._max_bytes_option)
            self.close(TOO_BIG, "message too big")
            raise SessionClosed("transport error", TOO_BIG)
        return data

    def pause_reading(self) -> None:
        """Hold the client back where the server would read on by itself."""
        if self._writer is not None and not self._is_reading_paused:
            self._is_reading_paused = True
            self._writer.pause_reading()

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""
        if self._writer is not None and self._is_reading_paused:
            self._is_reading_paused = False
            self._writer.resume_reading()

    def close(
        self,
        code: int,
        reason: str = "",
        *,
        keep: bool = True,
        last: WireMessage | None = None,
    ) -> None:
        """Close with a code, after what waits (``keep``) or in place of it, and after ``last``."""
        if self._is_closed:
            return
        self._is_closed = True
        # A paused client's answer to the close frame must still be read.
        self.resume_reading()
        is_flushed = self._outbox.close(keep=keep, last=last)
        if self._writer is not None:
            self._writer.close(code, reason)
            return
        loop = asyncio.get_running_loop()
        self._closing = loop.create_task(
            self._close_by_asgi(code, reason, wait=not is_flushed), name="websocket close"
        )

    def finish(self, ending: Ending, *, keep: bool = True) -> None:
        """End the session that this carries; Socket.IO clients do not look at codes."""
        del ending
        self.close(NORMAL_CLOSE, keep=keep)

    async def closed(self) -> None:
        """Wait, in bounded time, until the close has been handed to the server."""
        if self._closing is not None:
            await asyncio.wait({self._closing})

    def _lose(self) -> None:
        self._is_closed = True
        self._outbox.abandon()

    async def _expect_connect(self) -> None:
        message = await self._receive()
        if message["type"] != "websocket.connect":
            self._lose()
            raise SessionClosed("transport close", message.get("code"))

    async def _answer(self, message: Message) -> None:
        try:
            await self._send(message)
        except SEND_FAILURES as error:
            self._lose()
            raise SessionClosed("transport close") from error

    async def _close_by_asgi(self, code: int, reason: str, *, wait: bool) -> None:
        if wait:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._outbox.drained()
            except TimeoutError:
                self._outbox.abandon()
        if self._is_under_stock_daphne():
            code = _REPLACED_UNDER_STOCK_DAPHNE.get(code, code)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (TimeoutError, *SEND_FAILURES):
            # The client was quicker, or never reads: the server ends the connection.
            self._outbox.abandon()

    def _is_under_stock_daphne(self) -> bool:
        return not self._is_forwarded and _runs_under_daphne()

    def _is_too_big(self, data: str | bytes) -> bool:
        if len(data) > self._max_bytes:
            return True
        if isinstance(data, bytes) or len(data) * _MAX_UTF8_PER_CHARACTER <= self._max_bytes:
            return False
        return len(data.encode("utf-8", "surrogatepass")) > self._max_bytes


def _runs_under_daphne() -> bool:
    """Say whether this process is a Daphne server, which has no way to say so in the scope."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return "daphne.server" in sys.modules and bool(getattr(reactor, "running", False))
