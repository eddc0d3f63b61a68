"""What the Socket.IO suite expects: an ``auth`` event on connection, echoes on ``/``."""

from typing import Any

from django.urls import path

from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event


class Custom(NamespaceConsumer):
    """Say what was given for authentication."""

    async def connect(self, auth: dict[str, Any]) -> None:
        """Send it back."""
        await self.emit("auth", auth)


class Main(Custom):
    """And send messages back, as an event or as an ack."""

    @event("message")
    async def message(self, *args: Any) -> None:
        """Answer by an event."""
        await self.emit("message-back", *args)

    @event("message-with-ack")
    async def message_with_ack(self, *args: Any) -> tuple[Any, ...]:
        """Answer by the ack."""
        return args


namespaces = [path("", Main.as_asgi()), path("custom", Custom.as_asgi())]
