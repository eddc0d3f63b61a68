"""What the official client's own suite expects of its server."""

from datetime import UTC, datetime
from typing import Any

from django.urls import path

from realtime.exceptions import AckTimeout, Refused
from realtime.namespaces.authenticators import query_of
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import CATCH_ALL, NO_ACK, event

# Parameters of the engine's own, which applications of the official server see as well.
Handshake = dict[str, Any]


class Silent(NamespaceConsumer):
    """Let everybody in."""


class Foo(NamespaceConsumer):
    """Tell the client its id."""

    @event("getId")
    async def get_id(self) -> str:
        """Answer with the id."""
        return self.socket_id


class Abc(NamespaceConsumer):
    """Tell the client its handshake."""

    async def connect(self, auth: dict[str, Any]) -> None:
        """Send it at once."""
        await self.emit("handshake", _handshake(self))


class No(NamespaceConsumer):
    """Let nobody in."""

    async def connect(self, auth: dict[str, Any]) -> None:
        """Refuse."""
        raise Refused("refused", "Auth failed (custom namespace)")


class Main(NamespaceConsumer):
    """The namespace ``/``."""

    async def connect(self, auth: dict[str, Any]) -> None:
        """Refuse who asks for it."""
        if "fail" in query_of(self.scope):
            raise Refused("refused", "Auth failed (main namespace)")

    @event("hi")
    async def hi(self) -> None:
        """Say it back."""
        await self.emit("hi")

    @event("echo")
    async def echo(self, value: Any = None) -> tuple[Any, ...]:
        """Answer with what came."""
        return (value,)

    @event("ack")
    async def ack(self) -> object:
        """Ask back, and say when the right answer came. The event itself is not answered."""
        self.socket.process.spawn(self._ask_back(), name="ask back")
        return NO_ACK

    async def _ask_back(self) -> None:
        try:
            answer = await self.call("ack")
        except AckTimeout:
            return
        if answer == (5, {"test": True}):
            await self.emit("got it")

    @event("getAckDate")
    async def get_ack_date(self, _data: Any = None) -> str:
        """Answer with a date."""
        return _now()

    @event("getDate")
    async def get_date(self) -> None:
        """Send a date."""
        await self.emit("takeDate", _now())

    @event("getDateObj")
    async def get_date_object(self) -> None:
        """Send a date in an object."""
        await self.emit("takeDateObj", {"date": _now()})

    @event("getUtf8")
    async def get_utf8(self) -> None:
        """Send texts of many scripts, in order."""
        for text in ("てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"):
            await self.emit("takeUtf8", text)

    @event("false")
    async def send_false(self) -> None:
        """Send what is falsy."""
        await self.emit("false", False)

    @event("doge")
    async def doge(self) -> None:
        """Send bytes."""
        await self.emit("doge", b"asdfasdf")

    @event("buffa")
    async def take_bytes(self, data: Any) -> None:
        """Say that bytes came."""
        if isinstance(data, bytes):
            await self.emit("buffack")

    @event("jsonbuff")
    async def take_bytes_in_object(self, data: Any) -> None:
        """Say that bytes came within an object."""
        if data.get("hello") == "lol" and isinstance(data.get("message"), bytes):
            await self.emit("jsonbuff-ack")

    @event("abuff1")
    async def take_first(self, data: Any) -> None:
        """Note that the first bytes came."""
        self.data["first"] = isinstance(data, bytes)

    @event("abuff2")
    async def take_second(self, data: Any = None) -> None:
        """Say that both came, in order."""
        if self.data.get("first"):
            await self.emit("abuff2-ack")

    @event("getHandshake")
    async def get_handshake(self) -> Handshake:
        """Answer with the handshake."""
        return _handshake(self)

    @event("getId")
    async def get_id(self) -> str:
        """Answer with the id."""
        return self.socket_id

    @event(CATCH_ALL)
    async def anything(self, name: str, *args: Any) -> object:
        """Say nothing to what has no handler, as the official server does."""
        del name, args
        return NO_ACK


def _handshake(consumer: NamespaceConsumer) -> Handshake:
    return {"query": query_of(consumer.scope), "auth": consumer.auth, "time": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


namespaces = [
    path("", Main.as_asgi()),
    path("foo", Foo.as_asgi()),
    path("timeout_socket", Silent.as_asgi()),
    path("valid", Silent.as_asgi()),
    path("asd", Silent.as_asgi()),
    path("abc", Abc.as_asgi()),
    path("no", No.as_asgi()),
]
