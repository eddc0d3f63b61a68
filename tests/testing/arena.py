"""An application to be tested with the kit, and pages that emit."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import path

from realtime.exceptions import AckTimeout, Refused
from realtime.namespaces.broadcast import of
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.database import in_database
from realtime.namespaces.events import event
from realtime.server import realtime_application
from tests.helpers.serving import nothing_here


@dataclass
class Move:
    room: str
    to: str


class Lobby(NamespaceConsumer):
    """Moves, questions, and things that are in the database."""

    gone: ClassVar[list[str]] = []

    async def connect(self, auth: dict[str, Any]) -> None:
        # The plain door has no auth payload: there the query says it.
        asked = {**self.handshake["query"], **auth}
        if "refuse" in asked:
            raise Refused(asked["refuse"], "Not you.", hint="ask")
        await self.emit("welcome", f"Hello, {self.identity.name}!")

    async def disconnected(self, reason: str) -> None:
        await asyncio.sleep(0)
        self.gone.append(reason)

    @event("join")
    async def enter(self, room: str) -> None:
        await self.join(room)

    @event("move")
    async def move(self, move: Move) -> dict[str, bool]:
        await self.to(move.room).emit("moved", move, self.socket_id)
        return {"ok": True}

    @event("move slowly")
    async def move_slowly(self, move: Move) -> None:
        # Longer than a client could be silent by chance.
        await asyncio.sleep(0.05)
        await self.move(move)

    @event("refuse")
    async def refuse(self) -> None:
        raise Refused("forbidden", "Not here.", room="csgo")

    @event("echo")
    async def echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    @event("silence")
    async def silence(self) -> None:
        await asyncio.sleep(60)

    @event("ask me")
    async def ask_me(self, *question: Any) -> Any:
        try:
            return await self.call("question", *question, timeout_s=0.2)
        except AckTimeout:
            return "no answer"

    @event("end")
    async def end(self, reason: str) -> None:
        await self.disconnect(reason)

    @event("who")
    async def who(self) -> dict[str, Any]:
        user = self.identity.user_id
        return {"user": user, "name": self.identity.name, "by": self.transport_name}

    @event("groups")
    async def groups(self) -> list[str]:
        return [group.name async for group in Group.objects.order_by("name")]

    @event("groups in a thread")
    def groups_in_a_thread(self) -> list[str]:
        return list(Group.objects.order_by("name").values_list("name", flat=True))

    @event("add group")
    async def add_group(self, name: str) -> None:
        await in_database(add_group, name)

    @event("count us")
    def count_us(self) -> int:
        return len(of("/lobby").fetch_sockets())


class Quiet(NamespaceConsumer):
    """A second namespace."""

    @event("echo")
    async def echo(self, *args: Any) -> tuple[Any, ...]:
        return args


def add_group(name: str) -> None:
    """Store a group, and say so once it is stored."""
    with transaction.atomic():
        group = Group.objects.create(name=name)
        transaction.on_commit(lambda: of("/lobby").emit("group added", group.name))


application = realtime_application(
    [path("lobby", Lobby.as_asgi()), path("quiet", Quiet.as_asgi())], http=nothing_here
)
