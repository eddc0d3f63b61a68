"""What a client needs of the door that it came through, and what a door tells a client."""

from typing import Any, Protocol

from realtime.exceptions import Refused
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.testing.heard import Heard


class Inbox(Protocol):
    """One socket's side: takes what the server says to it, in order."""

    def connected(self, greeting: dict[str, Any]) -> None:
        """The socket is in; ``greeting`` is what the server says with that."""

    def refused(self, refused: Refused) -> None:
        """The socket may not come in."""

    def heard(self, heard: Heard) -> None:
        """An event."""

    def answered(self, ack_id: int, args: tuple[Any, ...]) -> None:
        """The answer to an event of ours."""

    def ended(self, reason: str, code: int | None = None) -> None:
        """The socket is over; ``code`` is the WebSocket's close code, where one was sent."""


class Link(Protocol):
    """A connection to the server, and the sockets on it."""

    door: str

    @property
    def transport(self) -> str:
        """``websocket`` or ``polling``."""

    async def enter(self, namespace: str, auth: dict[str, Any], inbox: Inbox) -> None:
        """Ask to be let in; the answer comes to the inbox."""

    async def send_event(self, namespace: str, event: EncodedEvent, ack_id: int | None) -> None:
        """Send an event; ``ack_id`` asks for an answer."""

    async def send_ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> None:
        """Answer a server's event."""

    async def send_probe(self, namespace: str, ack_id: int) -> None:
        """Send what the server's engine answers, in turn, without asking the application."""

    async def leave(self, namespace: str) -> None:
        """End one socket."""

    async def close(self) -> None:
        """End the connection; raises what the server raised."""

    async def drop(self) -> None:
        """Lose the connection; raises what the server raised."""


def refused_by(message: str, data: dict[str, Any] | None) -> Refused:
    """Return the exception of a refused CONNECT; one without a code is an unknown namespace."""
    rest = dict(data or {})
    code = str(rest.pop("code", "unknown_namespace"))
    return Refused(code, message, **rest)
