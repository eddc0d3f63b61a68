"""Consumers whose events are typed in every way that there is."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy

from realtime.exceptions import AckTimeout, Refused, UsageError
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.declared import Refusal
from realtime.namespaces.events import NO_ACK, event
from realtime.server import realtime_application
from tests.helpers.serving import nothing_here


@dataclass
class Square:
    """A square of the board."""

    x: int
    y: int = 0


class Piece(msgspec.Struct):
    """A piece; ``*/`` is no end of this comment."""

    name: Literal["rook", "king"]
    at: Square
    marks: dict[str, int] = {}
    next: "Piece | None" = None


class Move(msgspec.Struct, rename="camel"):
    """Where a piece goes."""

    room: str
    piece: Piece
    passed_squares: list[Square] = []


class Draw(msgspec.Struct, tag="draw"):
    """An offer."""

    text: str = ""


class Resign(msgspec.Struct, tag="resign"):
    """The end."""


class Clock(TypedDict):
    """Seconds left."""

    white_s: float
    black_s: NotRequired[float]


class Moved(TypedDict):
    """A move that was made."""

    ok: Literal[True]
    number: int


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=5)]


class Table(NamespaceConsumer):
    """A table to play at.

    This paragraph is for those who read the code.
    """

    emits = {
        "moved": Move,
        "clock": Clock,
        "two": (str, int),
        "over": None,
        "picture": bytes,
        "any thing": Any,
        "maybe": int | None,
    }

    @event("move", codes=("not_your_turn", "forbidden"))
    async def move(self, move: Move) -> Moved | Refusal:
        """Move a piece."""
        if move.room == "closed":
            raise Refused("forbidden", "It is over.", room=move.room)
        return {"ok": True, "number": len(move.passed_squares)}

    @event("name")
    async def take_name(self, name: Name, number: int = 1, *rest: Square) -> tuple[str, int]:
        return name, number + sum(square.x for square in rest)

    @event("either")
    async def either(self, request: str | Square | None = None) -> str | None:
        return None if request is None else type(request).__name__

    @event("offer")
    async def offer(self, offer: Draw | Resign) -> str:
        return type(offer).__name__

    @event("clock")
    async def set_clock(self, clock: Clock) -> float:
        return clock["white_s"]

    @event("maybe never")
    async def maybe_never(self, function: bytes) -> None:
        del function
        return NO_ACK  # type: ignore[return-value]  # stands for no ack at all

    @event("untyped")
    async def untyped(self, this, *ack):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN201
        return this

    @event("tell")
    async def tell(self, how: str, name: str, args: list[Any]) -> str:
        """Emit what is asked for, in each way that there is; say what came of it."""
        try:
            await self._tell(how, name, args)
        except UsageError as error:
            return str(error)
        except AckTimeout:
            return "not answered"
        return "told"

    async def _tell(self, how: str, name: str, args: list[Any]) -> None:
        match how:
            case "emit":
                await self.emit(name, *args)
            case "volatile":
                await self.emit(name, *args, volatile=True)
            case "call":
                await self.call(name, *args, timeout_s=0.01)
            case "room":
                await self.in_(self.socket_id).emit(name, *args)
            case "room call":
                await self.in_(self.socket_id).call(name, *args, timeout_s=0.2)
            case "others":
                await self.broadcast.emit(name, *args)

    @event("tell objects")
    async def tell_objects(self) -> None:
        await self.emit("moved", Move("csgo", Piece("rook", Square(1))))
        await self.emit("two", gettext_lazy("Cancel"), 2)
        await self.emit("picture", b"\x00")

    @event("*")
    async def anything(self, name: str, *args: Any) -> int:
        del name
        return len(args)


class SideTable(Table):
    """Says something of its own."""

    emits = {"shout": str, "two": (int, int)}


class QuietTable(Table):
    """Inherits everything."""


class OpenTable(Table):
    emits = {"*": Any, "note": str}


class Undeclared(NamespaceConsumer):
    """Declares nothing."""

    tell = Table.tell
    _tell = Table._tell


ROUTES: list[URLPattern] = [
    path("", Undeclared.as_asgi()),
    path("table", Table.as_asgi()),
    path("side", SideTable.as_asgi()),
    path("quiet", QuietTable.as_asgi()),
    path("open", OpenTable.as_asgi()),
    path("tables/<int:number>/<slug:name>", Table.as_asgi()),
    path("late/<name>", Table.as_asgi()),
]

application = realtime_application(ROUTES, http=nothing_here)
