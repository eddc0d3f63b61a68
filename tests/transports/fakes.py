"""Servers that a test holds in its hand."""

import asyncio
from collections.abc import Callable
from typing import Any

from realtime.transports.base import FRAMES_EXTENSION, Message

LOW_WATER_BYTES = 16_384


class FakeWriter:
    """A server of our own kind; the kernel takes nothing while ``is_blocked``."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.buffered = 0
        self.is_blocked = False
        self.is_paused = False
        self.closed: tuple[int, str] | None = None
        self._callbacks: list[Callable[[], None]] = []

    def write(self, frames: bytes) -> None:
        if self.closed is None:
            self.written.append(frames)
            if self.is_blocked:
                self.buffered += len(frames)

    def buffered_bytes(self) -> int:
        return self.buffered

    def on_writable(self, callback: Callable[[], None]) -> None:
        if self.buffered <= LOW_WATER_BYTES:
            asyncio.get_running_loop().call_soon(callback)
        else:
            self._callbacks.append(callback)

    def take_all(self) -> None:
        """Let the kernel take what is buffered."""
        self.buffered = 0
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            asyncio.get_running_loop().call_soon(callback)

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None
        self.closed = (code, reason)

    def abort(self) -> None:
        self.closed = (1006, "")


class FakeServer:
    """Both ends of ASGI; ``send`` waits while ``is_blocked``."""

    def __init__(self, writer: FakeWriter | None = None) -> None:
        self.scope: dict[str, Any] = {"type": "websocket", "extensions": {}, "headers": []}
        if writer is not None:
            self.scope["extensions"][FRAMES_EXTENSION] = writer
        self.sent: list[Message] = []
        self.fails_with: Exception | None = None
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._is_free = asyncio.Event()
        self._is_free.set()

    def block(self) -> None:
        self._is_free.clear()

    def unblock(self) -> None:
        self._is_free.set()

    async def send(self, message: Message) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        await self._is_free.wait()
        if self.fails_with is not None:
            raise self.fails_with
        self.sent.append(message)

    async def receive(self) -> Message:
        return await self.incoming.get()

    def say(self, data: str | bytes) -> None:
        """Have the client say something."""
        key = "text" if isinstance(data, str) else "bytes"
        self.incoming.put_nowait({"type": "websocket.receive", key: data})

    def connect(self) -> None:
        self.incoming.put_nowait({"type": "websocket.connect"})

    def disconnect(self, code: int = 1001) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": code})

    @property
    def data(self) -> list[str | bytes]:
        """What was sent as messages."""
        sent = [message for message in self.sent if message["type"] == "websocket.send"]
        return [message["text"] if "text" in message else message["bytes"] for message in sent]

    @property
    def close_code(self) -> int | None:
        codes = [m["code"] for m in self.sent if m["type"] == "websocket.close"]
        assert len(codes) <= 1
        return codes[0] if codes else None
