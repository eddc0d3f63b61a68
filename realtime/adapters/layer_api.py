"""The part of Channels' layer API that is used here, and how patient we are with it."""

from typing import Any, Protocol

LAYER_TIMEOUT_S = 5.0
RETRY_S = 1.0


class ChannelLayer(Protocol):
    """A channel layer: any of its calls may raise what its client raises, or never return."""

    async def new_channel(self, prefix: str = ...) -> str:
        """Return a new channel of this process."""

    async def receive(self, channel: str) -> dict[str, Any]:
        """Wait for a message."""

    async def group_add(self, group: str, channel: str) -> None:
        """Route a group's messages to a channel."""

    async def group_discard(self, group: str, channel: str) -> None:
        """Undo ``group_add``."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to all channels of a group."""
