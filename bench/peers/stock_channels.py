"""Stock Channels: a JSON consumer and ``group_send``, on the in-memory layer; plain JSON only."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

from bench.peers.about import describe, websocket_implementation

settings.configure(
    SECRET_KEY="peer",  # noqa: S106 - nothing is signed here
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)


class Games(AsyncJsonWebsocketConsumer):
    """One socket, as Channels' tutorial writes it."""

    async def connect(self) -> None:
        """Let everyone in; the first frame is DESIGN section 4's."""
        self.joined: set[str] = set()
        await self.accept()
        await self.send_json({"connect": {"sid": self.channel_name, "namespace": "/games"}})

    async def disconnect(self, _code: int) -> None:
        """Leave the groups."""
        for room in self.joined:
            await self.channel_layer.group_discard(room, self.channel_name)

    async def receive_json(self, content: dict[str, Any], **_kwargs: object) -> None:
        """Answer one event."""
        name, args = content["event"], content.get("args", [])
        if name == "relay":
            await self.channel_layer.group_send(
                args[0]["room"], {"type": "news", "payload": args[0]}
            )
            return
        answer = args[0] if name == "echo" else {"ok": True}
        if name == "joinRoom":
            await self.channel_layer.group_add(args[0], self.channel_name)
            self.joined.add(args[0])
        elif name == "about":
            answer = describe(websocket_implementation(), "in-memory layer")
        await self.send_json({"ack": content["id"], "args": [answer]})

    async def news(self, message: dict[str, Any]) -> None:
        """One member's copy."""
        await self.send_json({"event": "news", "args": [message["payload"]]})


# Django's `path` and its stubs know only views.
_route = path("ws/games/", Games.as_asgi())  # type: ignore[arg-type]
application = ProtocolTypeRouter({"websocket": URLRouter([_route])})  # type: ignore[list-item]
