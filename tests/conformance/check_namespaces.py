"""A namespace for each feature that a client can look at from outside."""

import asyncio
from typing import Any

from django.urls import path, re_path

from realtime.exceptions import AckTimeout, Refused
from realtime.namespaces.authenticators import query_of
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import NO_ACK, event
from tests.conformance.suite_namespaces import Custom, Main

WATCHERS = "watchers"


class Dynamic(NamespaceConsumer):
    """Any ``/dyn-<digits>``."""

    async def connect(self, auth: dict[str, Any]) -> None:
        """Say which one it is."""
        await self.emit("hello", self.namespace)


class Check(NamespaceConsumer):
    """Everything else."""

    async def connect(self, auth: dict[str, Any]) -> None:
        """Refuse who asks for it; greet the others."""
        if "deny" in auth:
            # Clients look for this very code, a number as the official servers' examples have it.
            raise Refused("denied", "denied", code=4001, why=auth["deny"])
        self.data["name"] = auth.get("name")
        await self.emit(
            "hello",
            {
                "sid": self.socket_id,
                "auth": auth,
                "query": query_of(self.scope),
                "recovered": self.recovered,
            },
        )

    async def disconnected(self, reason: str) -> None:
        """Tell the watchers twice: who goes, from where; and who is gone."""
        name = self.data.get("name")
        others = sorted(self.rooms)
        await self.to(WATCHERS).emit("going", name, reason, others)
        await self.to(WATCHERS).emit("gone", name, reason)

    @event("echo")
    async def echo(self, *args: Any) -> tuple[Any, ...]:
        """Answer with what came."""
        return args

    @event("size")
    async def size(self, value: Any) -> int:
        """Answer with the length."""
        return len(value)

    @event("blob")
    async def blob(self, count: int) -> bytes:
        """Answer with so many bytes."""
        return bytes(count)

    @event("bin")
    async def binary(self) -> None:
        """Send bytes, some of them nested."""
        await self.emit("bin", {"a": b"\x01\x02\x03", "l": [b"\x04", "x", None]}, b"")

    @event("burst")
    async def burst(self, count: int) -> None:
        """Send many events."""
        for number in range(count):
            await self.emit("n", number)

    @event("mixed")
    async def mixed(self, count: int) -> None:
        """Send text and binary events in turn."""
        for number in range(count):
            data = () if number % 2 else (bytes([number & 255, 7]),)
            await self.emit("m", number, *data)

    @event("transport")
    async def transport(self) -> str:
        """Answer with what carries the connection."""
        return self.transport_name

    @event("rooms")
    async def list_rooms(self) -> list[str]:
        """Answer with the socket's rooms; its own id is one, as on the official server."""
        return sorted({*self.rooms, self.socket_id})

    @event("join")
    async def join_room(self, room: str) -> list[str]:
        """Join a room."""
        await self.join(room)
        return await self.list_rooms()

    @event("leave")
    async def leave_room(self, room: str) -> list[str]:
        """Leave a room."""
        await self.leave(room)
        return await self.list_rooms()

    @event("say")
    async def say(self, rooms: str | list[str], value: Any) -> None:
        """Send to rooms, less the sender."""
        await self.to(*_listed(rooms)).emit("said", value)

    @event("say-in")
    async def say_in(self, rooms: str | list[str], value: Any) -> None:
        """Send to rooms, the sender included."""
        await self.in_(*_listed(rooms)).emit("said", value)

    @event("say-but")
    async def say_but(self, rooms: str | list[str], but: str | list[str], value: Any) -> None:
        """Send to rooms except some."""
        await self.in_(*_listed(rooms)).except_(*_listed(but)).emit("said", value)

    @event("shout")
    async def shout(self, value: Any) -> None:
        """Send to everybody else."""
        await self.broadcast.emit("said", value)

    @event("ask-me")
    async def ask_me(self, value: Any) -> tuple[Any, ...]:
        """Ask the same client back."""
        try:
            return "ok", await self.call("question", value, timeout_s=5)
        except AckTimeout:
            return ("timeout",)

    @event("ask-room")
    async def ask_room(self, room: str, timeout_ms: int) -> tuple[str, list[Any]]:
        """Ask everybody in a room."""
        answers = await self.in_(room).call("question", room, timeout_s=timeout_ms / 1000)
        return ("all" if answers.is_complete else "partial"), answers.responses

    @event("count")
    async def count(self, room: str) -> int:
        """Answer with the number of sockets in a room."""
        return len(await self.in_(room).fetch_sockets())

    @event("names")
    async def names(self, room: str) -> list[str]:
        """Answer with the names in a room."""
        return sorted(each.data["name"] for each in await self.in_(room).fetch_sockets())

    @event("pull")
    async def pull(self, source: str, target: str) -> None:
        """Have everybody of a room join another one."""
        await self.in_(source).sockets_join(target)

    @event("push-out")
    async def push_out(self, room: str) -> None:
        """Have everybody leave a room."""
        await self.in_(room).sockets_leave(room)

    @event("kick-room")
    async def kick_room(self, room: str) -> None:
        """End everybody in a room."""
        await self.in_(room).disconnect_sockets()

    @event("kick")
    async def kick(self) -> object:
        """End this socket."""
        await self.disconnect()
        return NO_ACK

    @event("kick-hard")
    async def kick_hard(self) -> object:
        """End this socket's connection."""
        await self.disconnect(close=True)
        return NO_ACK

    @event("drop")
    async def drop(self) -> object:
        """Cut the connection below, so that the client comes back."""
        self.socket.drop_connection()
        await asyncio.sleep(0)
        return NO_ACK


def _listed(rooms: str | list[str]) -> list[str]:
    return [rooms] if isinstance(rooms, str) else rooms


namespaces = [
    path("", Main.as_asgi()),
    path("custom", Custom.as_asgi()),
    re_path(r"^dyn-[0-9]+$", Dynamic.as_asgi()),
    path("check", Check.as_asgi()),
]
