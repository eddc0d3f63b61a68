"""A session's handler that sends each message back."""

from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.process import Process
from realtime.protocol.wire_message import WireMessage
from realtime.transports.session import Session


class Echo:
    """Bare Engine.IO, for the Engine.IO suite."""

    is_ready = True

    def __init__(self, process: Process, session: ClientSession, engine: Session) -> None:
        self._process = process
        self._session = session
        self._engine = engine

    def receive(self, message: str | bytes) -> None:
        """Send it back."""
        self._engine.send(
            WireMessage(message if isinstance(message, bytes) else "4" + message), False
        )

    async def ready(self) -> None:
        """There is always room."""

    def moved(self) -> None:
        """Nothing was taken from the session."""

    def closed(self, reason: str) -> None:
        """Stop counting the session."""
        del reason
        self._process.close_session(self._session)

    def overflow(self) -> None:
        """Send a slow client away."""
        self._engine.close("forced close", keep=False)
