"""Consumers to experiment with, and the routes that serve them."""

import asyncio
import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from django.urls import URLPattern, path

from realtime.conf import Limits
from realtime.exceptions import AckTimeout, Refused
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event


@dataclass
class Point:
    x: int
    y: int = 0


class Piece(msgspec.Struct):
    name: str
    at: Point


@dataclass
class Move:
    room: str
    piece: Piece
    path: list[Point] | None = None


class Lab(NamespaceConsumer):
    """Does what it is told. ``ended`` collects who has gone: reason and rooms at that time."""

    ended: ClassVar[list[tuple[str, frozenset[str]]]] = []
    live: ClassVar[dict[str, "Lab"]] = {}
    gates: ClassVar[dict[str, asyncio.Event]] = {}
    started_handlers: ClassVar[list[str]] = []

    async def connect(self, auth: dict[str, Any]) -> None:
        if "refuse" in auth:
            raise Refused(auth["refuse"], "You may not.", hint="ask")
        if "fail" in auth:
            raise ValueError("connect fails")
        if "gate" in auth:
            await self.gates[auth["gate"]].wait()
        if "greet" in auth:
            await self.emit("hello", auth["greet"])
            await self.emit("hello again")
        if "join" in auth:
            await self.join(auth["join"])
        self.live[self.socket_id] = self

    async def disconnected(self, reason: str) -> None:
        self.live.pop(self.socket_id, None)
        self.ended.append((reason, self.rooms))

    @event("echo")
    async def echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    @event("back")
    async def back(self, *args: Any) -> None:
        await self.emit("back", *args)

    @event("nothing")
    async def nothing(self) -> None:
        pass

    @event("one")
    async def one(self) -> dict[str, bool]:
        return {"ok": True}

    @event("unsayable")
    async def unsayable(self) -> object:
        return object()

    @event("whoami")
    async def whoami(self) -> dict[str, Any]:
        return {
            "person": self.identity.person,
            "guest": self.identity.guest_token,
            "namespace": self.namespace,
            "kwargs": self.scope["url_route"]["kwargs"],
            "auth": self.auth,
            "user": str(self.scope["user"]),
        }

    @event("point")
    async def point(self, point: Point) -> int:
        return point.x + point.y

    @event("move")
    async def move(self, move: Move) -> str:
        return f"{move.piece.name} to {move.piece.at.x}"

    @event("typed")
    async def typed(self, text: str, number: int, rest: dict[str, Any] | None = None) -> list[Any]:
        return [text, number, rest]

    @event("refuse")
    async def refuse(self, code: str) -> None:
        raise Refused(code, "No.", room="csgo", retry_after=1.5)

    @event("fail")
    async def fail(self) -> None:
        raise ValueError("a fault of ours")

    @event("thread")
    def thread(self) -> str:
        return threading.current_thread().name

    @event("thread refuse")
    def thread_refuse(self) -> None:
        raise Refused("forbidden", "Not from here.")

    @event("wait")
    async def wait(self, gate: str) -> str:
        self.started_handlers.append(gate)
        await self.gates.setdefault(gate, asyncio.Event()).wait()
        return gate

    @event("join")
    async def join_room(self, room: str) -> list[str]:
        await self.join(room)
        return sorted(self.rooms)

    @event("leave")
    async def leave_room(self, room: str) -> list[str]:
        await self.leave(room)
        return sorted(self.rooms)

    @event("say")
    async def say(self, how: dict[str, Any]) -> None:
        """Emit ``said``: ``to`` or ``in`` rooms, ``except``, ``volatile``, or to everyone else."""
        to = self.broadcast
        if "to" in how:
            to = self.to(how["to"])
        if "in" in how:
            to = self.in_(how["in"])
        if "except" in how:
            to = to.except_(how["except"])
        if how.get("volatile"):
            to = to.volatile
        await to.emit("said", how.get("text"))

    @event("ask me")
    async def ask_me(self, timeout_s: float) -> list[Any]:
        try:
            return ["answer", await self.call("question", 1, timeout_s=timeout_s)]
        except AckTimeout as error:
            return ["timeout", str(error)]

    @event("go")
    async def go(self, reason: str | None = None) -> None:
        if reason is None:
            await self.disconnect()
        else:
            await self.disconnect(reason)

    @event("limited join", is_join=True)
    async def limited_join(self) -> str:
        return "in"


class CatchAll(Lab):
    """Takes every other event too."""

    @event("*")
    async def any_event(self, name: str, *args: Any) -> list[Any]:
        return [name, *args]


class Unlimited(Lab):
    """A namespace whose class raises a limit."""

    limits = Limits(events_per_s=0, inbox_messages=2, max_pending_acks=2)


ROUTES: list[URLPattern] = [
    path("", Lab.as_asgi()),
    path("lab", Lab.as_asgi()),
    path("all", CatchAll.as_asgi()),
    path("free", Unlimited.as_asgi()),
    path("team/<int:number>/<slug:name>", Lab.as_asgi()),
]


def reset() -> None:
    """Forget what an earlier test left."""
    Lab.ended.clear()
    Lab.live.clear()
    Lab.gates.clear()
    Lab.started_handlers.clear()
