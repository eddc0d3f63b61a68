"""A channel layer for several processes of one loop, which a test can take away."""

import asyncio
from typing import Any

from channels.layers import BaseChannelLayer


class SharedLayer(BaseChannelLayer):
    """Carries messages between processes that share this object; ``fault`` breaks it.

    ``raises`` and ``hangs`` hit the senders, ``loses`` nobody: messages are gone.
    """

    extensions = ("groups",)

    def __init__(self, **_config: Any) -> None:
        super().__init__()
        self.fault = ""
        self.sent = 0
        self._channels: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._groups: dict[str, set[str]] = {}

    async def new_channel(self, prefix: str = "specific") -> str:
        """Return a new channel."""
        name = f"{prefix}.{len(self._channels)}"
        self._channels[name] = asyncio.Queue()
        return name

    async def receive(self, channel: str) -> dict[str, Any]:
        """Wait for a message."""
        return await self._channels[channel].get()

    async def group_add(self, group: str, channel: str) -> None:
        """Route a group's messages to a channel."""
        self._groups.setdefault(group, set()).add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Undo ``group_add``."""
        self._groups.get(group, set()).discard(channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to all channels of a group."""
        if self.fault == "raises":
            raise ConnectionError("the layer is away")
        if self.fault == "hangs":
            await asyncio.get_running_loop().create_future()
        self.sent += 1
        # A real layer takes its time: nothing arrives within the turn in which it was sent.
        await asyncio.sleep(0)
        if self.fault != "loses":
            for channel in self._groups.get(group, ()):
                self._channels[channel].put_nowait(message)
