"""What the transports need of a server, and what a session needs of a transport."""

from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import Any, Protocol

from realtime.protocol.wire_message import WireMessage

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

# Hands over a message that may be volatile, without waiting; see ``Transport.send``.
SendMessage = Callable[[WireMessage, bool], bool]

# The key in scope["extensions"] under which our own server classes put their FrameWriter.
FRAMES_EXTENSION = "realtime.frames"

# The key there of a WebSocket whose messages another process brings: it holds the client back
# while we do not read, and closes with any code.
FORWARDED_EXTENSION = "realtime.forwarded"


class FrameWriter(Protocol):
    """What our own server classes offer beside ASGI's send: finished frames, written as they are.

    A write before the server accepted, after a close or on a lost connection does nothing.
    """

    def write(self, frames: bytes) -> None:
        """Write finished, unmasked server frames."""

    def buffered_bytes(self) -> int:
        """Return how many bytes the kernel has not taken yet."""

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Call back once, soon after the buffer is low again; at once if it is, or on a loss."""

    def pause_reading(self) -> None:
        """Stop taking bytes from the client until ``resume_reading``."""

    def resume_reading(self) -> None:
        """Take bytes again."""

    def close(self, code: int, reason: str) -> None:
        """Write a close frame with this very code behind what is buffered; end in bounded time."""

    def abort(self) -> None:
        """Drop the connection at once, buffer and all."""


class Ending(Enum):
    """How a session ends, as far as its client is to understand it."""

    FINAL = "final"
    """The server ends it for good."""

    BREACH = "breach"
    """The client broke the protocol; what still waits for it is dropped."""

    MAY_RETURN = "may return"
    """The server ends it, and the client is to come back by itself."""

    BY_CLIENT = "by client"
    """The client said so."""

    LOST = "lost"
    """The client is gone."""

    REPLACED = "replaced"
    """Another transport took over."""


class Transport(Protocol):
    """How messages reach one client. Everything to that client goes through one of these."""

    @property
    def name(self) -> str:
        """``websocket`` or ``polling``."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""

    def send(self, message: WireMessage, volatile: bool = False) -> bool:
        """Hand over a message without waiting; say whether it will be written.

        A volatile one is dropped when the client does not keep up. One too many for the outbox
        ends the transport: slow readers are sent away, not waited for.
        """

    async def send_patiently(self, message: WireMessage) -> bool:
        """Hand over a message, waiting while the outbox is full; False once closed or replaced."""

    def finish(self, ending: Ending, *, keep: bool = True) -> None:
        """Close, behind what was handed over or (without ``keep``) in place of it; once."""
