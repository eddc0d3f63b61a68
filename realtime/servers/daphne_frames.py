"""Finished frames on a Twisted connection, and the count of what the kernel has not taken.

Knows Twisted's books, and of the WebSocket only whether it is open.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

_LOW_WATER_BYTES = 16_384


class TcpTransport(Protocol):
    """What we use of ``twisted.internet.tcp.Connection``, its own books included."""

    socket: socket.socket
    connected: int
    producer: object | None
    # What waits to be sent: a list of newer pieces, and an older one of which `offset` is sent.
    dataBuffer: bytes  # noqa: N815
    offset: int
    _tempDataBuffer: list[bytes]  # noqa: N815
    _tempDataLen: int  # noqa: N815

    def write(self, data: bytes) -> None:
        """Send when the event loop says that the socket takes bytes."""

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: N802
        """Have a producer asked for more when nothing waits."""

    def unregisterProducer(self) -> None:  # noqa: N802
        """Ask nobody."""

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop reading."""

    def resumeProducing(self) -> None:  # noqa: N802
        """Go on reading."""

    def loseWriteConnection(self) -> None:  # noqa: N802
        """Shut our half behind what waits."""

    def abortConnection(self) -> None:  # noqa: N802
        """Reset the connection, in a turn of its own."""


class FramedProtocol(Protocol):
    """What a writer asks of its WebSocket."""

    state: int
    STATE_OPEN: int

    def hold_reading(self, is_held: bool) -> None:
        """Stop reading, or go on."""

    def end(self, code: int, reason: str) -> None:
        """Close behind what waits."""


class DaphneFrames:
    """The ``FrameWriter`` of one connection.

    Twisted sends nothing at once: it registers for writability, goes round its loop, sends, and
    unregisters again. Trying the socket first, where nothing waits before, costs a quarter of it.
    """

    __slots__ = ("_callbacks", "_protocol", "_send", "_transport")

    def __init__(self, protocol: FramedProtocol, transport: TcpTransport) -> None:
        self._protocol = protocol
        self._transport = transport
        self._send = transport.socket.send
        self._callbacks: list[Callable[[], None]] = []

    def write(self, frames: bytes) -> None:
        """Write finished frames while the socket is open; else nothing happens."""
        protocol = self._protocol
        if protocol.state == protocol.STATE_OPEN:
            self.push(frames)

    def push(self, data: bytes) -> None:
        """Write bytes in any state, behind those that wait."""
        transport = self._transport
        if transport.dataBuffer or transport._tempDataBuffer:  # noqa: SLF001
            transport.write(data)
            return
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            # The peer is gone. Said here, since a reader that is paused would never notice.
            transport.abortConnection()
            return
        if sent < len(data):
            transport.write(data[sent:])

    def buffered_bytes(self) -> int:
        """Return how many bytes the kernel has not taken yet."""
        transport = self._transport
        if not transport.connected:
            return 0
        waiting = transport._tempDataLen  # noqa: SLF001 - Twisted counts, but tells nobody
        return waiting + len(transport.dataBuffer) - transport.offset

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Call back once, when the buffer is low; at once if it is, or if all is lost."""
        transport = self._transport
        if self.buffered_bytes() < _LOW_WATER_BYTES:
            asyncio.get_running_loop().call_soon(callback)
            return
        self._callbacks.append(callback)
        if transport.producer is None:
            # A pull producer is asked for more when the buffer is empty. The first question comes
            # within this very call and is answered with silence.
            transport.registerProducer(self, False)

    def pause_reading(self) -> None:
        """Stop taking bytes from the client."""
        self._protocol.hold_reading(True)

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._protocol.hold_reading(False)

    def close(self, code: int, reason: str) -> None:
        """Write a close frame with this code behind what waits, and end in bounded time."""
        self._protocol.end(code, reason)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abortConnection()

    def call_back(self) -> None:
        """Tell those who wait for room; they write in a turn of their own."""
        callbacks, self._callbacks = self._callbacks, []
        loop = asyncio.get_running_loop()
        for callback in callbacks:
            loop.call_soon(callback)

    # Twisted's IPullProducer.

    def resumeProducing(self) -> None:  # noqa: N802
        """Twisted's buffer is empty."""
        if self.buffered_bytes() == 0:
            self._transport.unregisterProducer()
            self.call_back()

    def stopProducing(self) -> None:  # noqa: N802
        """Twisted lost the connection."""
        self.call_back()
