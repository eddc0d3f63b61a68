"""Every exception of the engine, one tree; any layer may import it."""

from typing import Any


class RealtimeError(Exception):
    """The root: whatever the engine raises on purpose is one of these."""


class ProtocolError(RealtimeError):
    """The peer broke the protocol: refuse the packet or close its session; log at info.

    ``limit`` names the option that it went beyond, if it is one.
    """

    def __init__(self, message: str, *, limit: str | None = None) -> None:
        super().__init__(message)
        self.limit = limit


class UsageError(RealtimeError):
    """Our own code used the engine wrongly: let it rise, it names what to do instead."""


class NotReady(RealtimeError):  # noqa: N818 - a state, not an error
    """What a process needs is not there yet; raised by ``started()``, which is tried again."""


class SessionClosed(RealtimeError):  # noqa: N818 - an event, not an error
    """The other side is gone, or has been sent away; ``reason`` is a Socket.IO reason."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class AckTimeout(RealtimeError):  # noqa: N818 - the name of the contract
    """A client did not acknowledge an event in time, or left before it did."""


class Refused(RealtimeError):  # noqa: N818 - the name of the contract
    """A handler or a rule says no; the client is told ``code``, ``message`` and ``data``.

    Raised in ``connect`` it refuses the socket; raised in an event's handler it is the ack
    ``{"ok": false, "code": …, "message": …, **data}``.
    """

    def __init__(self, code: str, message: str, /, **data: object) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        """Give what people read; without this it would be a pair."""
        return str(self.message)

    def answer(self) -> dict[str, Any]:
        """Return the ack's one argument."""
        return {"ok": False, "code": self.code, "message": str(self.message), **self.data}
