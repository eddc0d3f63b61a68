"""The product's namespace class, and the few events by which the benchmark compares servers."""

import time
from typing import Any

from channels.layers import get_channel_layer
from django.db import connection

from bench.peers.about import describe
from realtime.exceptions import Refused
from realtime.namespaces.events import event
from rooms.consumers import RoomNamespace


class Games(RoomNamespace):
    """Rooms with their permissions, limits and counting, all on."""

    @event("relay")
    async def relay(self, payload: dict[str, Any]) -> None:
        """Hand a payload to everyone in its room, the sender included; nothing is stored."""
        room = payload.get("room")
        if room not in self.rooms:
            raise Refused("not_joined", f"You are not in {room}.")
        await self.in_(room).emit("news", payload)

    @event("echo")
    async def echo(self, value: dict[str, Any]) -> dict[str, Any]:
        """The ack is what came."""
        return value

    @event("about")
    async def about(self) -> str:
        """What this process runs on."""
        frames = self.scope.get("extensions", {}).get("realtime.frames")
        writer = "stock frames" if frames is None else f"{type(frames).__module__} frames"
        return describe(writer, type(get_channel_layer()).__name__)

    @event("slowQuery")
    def slow_query(self, seconds: float) -> dict[str, bool]:
        """Keep a thread of the database pool, and its connection, busy for so long."""
        with connection.cursor() as cursor:
            connection.connection.create_function("bench_sleep", 1, time.sleep)
            cursor.execute("SELECT bench_sleep(%s)", [seconds])
        return {"ok": True}
