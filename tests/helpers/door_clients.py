"""Clients of both doors with one face, over an in-process WebSocket."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from realtime.transports.base import AsgiApplication
from tests.helpers.asgi_socket import AsgiSocket, Headers

DOORS = ("plain", "socket.io")
_PACKET = re.compile(r"4(\d)(?:(\d+)-)?(?:(/[^,]*),?)?(\d+)?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Heard:
    """An event from the server; ``ack_id`` asks for an answer."""

    event: str
    args: list[Any]
    ack_id: int | None = None


@dataclass(frozen=True)
class Answered:
    """An ack from the server."""

    ack_id: int
    args: list[Any]


@dataclass(frozen=True)
class Said:
    """Any other packet or frame: ``connect``, ``connect_error``, ``disconnect``, ``error``."""

    kind: str
    data: Any = None
    namespace: str = "/"


@dataclass(frozen=True)
class Refusal:
    """A refused CONNECT; ``code`` is the close code where the door closes."""

    message: str
    data: dict[str, Any] | None
    code: int | None = None


Incoming = Heard | Answered | Said


class DoorClient(Protocol):
    """One socket of one namespace."""

    socket: AsgiSocket
    namespace: str
    sid: str

    def emit(self, event: str, *args: Any) -> None:
        """Send an event."""

    def ask(self, event: str, *args: Any) -> int:
        """Send an event that wants an ack; return its id."""

    def answer(self, ack_id: int, *args: Any) -> None:
        """Acknowledge a server's event."""

    def leave_namespace(self) -> None:
        """Go away as a client does that means to."""

    async def next(self) -> Incoming:
        """Return what comes next, pings aside."""

    async def heard(self) -> Heard:
        """Return what comes next, which must be an event."""

    async def call(self, event: str, *args: Any) -> list[Any]:
        """Send an event and return the ack's arguments; events meanwhile are kept for ``next``."""

    async def ended(self) -> tuple[str | None, int | None]:
        """Return the reason (plain) or None, and the close code if the WebSocket was closed."""


class _Client:
    def __init__(self, socket: AsgiSocket, namespace: str) -> None:
        self.socket = socket
        self.namespace = namespace
        self.sid = ""
        self._ids = count()
        self._kept: deque[Incoming] = deque()

    async def next(self) -> Incoming:
        return self._kept.popleft() if self._kept else await self._read()

    async def heard(self) -> Heard:
        incoming = await self.next()
        assert isinstance(incoming, Heard), incoming
        return incoming

    async def answered(self, ack_id: int) -> list[Any]:
        """Return the arguments of one ack; what comes before it is kept."""
        while True:
            incoming = await self._read()
            if isinstance(incoming, Answered) and incoming.ack_id == ack_id:
                return incoming.args
            self._kept.append(incoming)

    async def call(self, event: str, *args: Any) -> list[Any]:
        return await self.answered(self.ask(event, *args))

    def ask(self, event: str, *args: Any) -> int:
        raise NotImplementedError

    async def _read(self) -> Incoming:
        raise NotImplementedError


class PlainClient(_Client):
    """The plain door."""

    def emit(self, event: str, *args: Any) -> None:
        self.socket.send({"event": event, "args": list(args)})

    def ask(self, event: str, *args: Any) -> int:
        ack_id = next(self._ids)
        self.socket.send({"event": event, "args": list(args), "id": ack_id})
        return ack_id

    def answer(self, ack_id: int, *args: Any) -> None:
        self.socket.send({"ack": ack_id, "args": list(args)})

    def leave_namespace(self) -> None:
        self.socket.drop(1000)

    async def ended(self) -> tuple[str | None, int | None]:
        incoming = await self.next()
        assert isinstance(incoming, Said), incoming
        assert incoming.kind == "disconnect", incoming
        return incoming.data["reason"], await self.socket.closed()

    async def _read(self) -> Incoming:
        frame = await self.socket.json()
        if "event" in frame:
            return Heard(frame["event"], frame["args"], frame.get("id"))
        if "ack" in frame:
            return Answered(frame["ack"], frame["args"])
        ((kind, data),) = frame.items()
        return Said(kind, data)


class SocketIoClient(_Client):
    """One namespace of a Socket.IO session; answers the server's pings."""

    _KINDS = ("connect", "disconnect", "", "", "connect_error")

    def emit(self, event: str, *args: Any) -> None:
        self.socket.send(f"42{self._prefix}{json.dumps([event, *args])}")

    def ask(self, event: str, *args: Any) -> int:
        ack_id = next(self._ids)
        self.socket.send(f"42{self._prefix}{ack_id}{json.dumps([event, *args])}")
        return ack_id

    def answer(self, ack_id: int, *args: Any) -> None:
        self.socket.send(f"43{self._prefix}{ack_id}{json.dumps(args)}")

    def leave_namespace(self) -> None:
        self.socket.send(f"41{self._prefix}")

    def connect(self, auth: dict[str, Any] | None = None) -> None:
        """Send CONNECT."""
        self.socket.send(f"40{self._prefix}{'' if auth is None else json.dumps(auth)}")

    async def ended(self) -> tuple[str | None, int | None]:
        if not self._kept:
            message = await self.socket.message()
            if message["type"] == "websocket.close":
                return None, message["code"]
            self._kept.append(await self._parse(message["text"]))
        incoming = self._kept.popleft()
        assert incoming == Said("disconnect", None, self.namespace), incoming
        return None, None

    @property
    def _prefix(self) -> str:
        return "" if self.namespace == "/" else f"{self.namespace},"

    async def _read(self) -> Incoming:
        while True:
            text = await self.socket.data()
            assert isinstance(text, str)
            if text != "2":
                return await self._parse(text)
            self.socket.send("3")

    async def _parse(self, text: str) -> Incoming:
        found = _PACKET.fullmatch(text)
        assert found, text
        kind, attachments, namespace, ack_id, rest = found.groups()
        data: Any = json.loads(rest) if rest else None
        if attachments:
            parts = [await self.socket.data() for _ in range(int(attachments))]
            data = _filled(data, parts)
        if kind in "25":
            return Heard(data[0], data[1:], None if ack_id is None else int(ack_id))
        if kind in "36":
            return Answered(int(ack_id), data)
        return Said(self._KINDS[int(kind)], data, namespace or "/")


def _filled(value: Any, parts: Sequence[str | bytes]) -> Any:
    if isinstance(value, list):
        return [_filled(item, parts) for item in value]
    if isinstance(value, dict):
        if value.get("_placeholder"):
            return parts[value["num"]]
        return {key: _filled(item, parts) for key, item in value.items()}
    return value


def open_socket(
    application: AsgiApplication, door: str, namespace: str = "/", *, query: str = "", **kwargs: Any
) -> AsgiSocket:
    """Return a WebSocket to a door, not yet opened; ``kwargs`` are those of ``AsgiSocket``."""
    if door == "plain":
        path = "/ws" + (namespace if namespace.endswith("/") else f"{namespace}/")
        return AsgiSocket(application, path, query=query, **kwargs)
    query = f"EIO=4&transport=websocket{'&' if query else ''}{query}"
    return AsgiSocket(application, "/socket.io/", query=query, **kwargs)


@asynccontextmanager
async def connected(
    application: AsgiApplication,
    door: str,
    namespace: str = "/",
    *,
    auth: dict[str, Any] | None = None,
    query: str = "",
    headers: Headers = (),
    **kwargs: Any,
) -> AsyncIterator[DoorClient]:
    """A client whose CONNECT was accepted. On the plain door ``auth`` goes into the query."""
    asking = _asking(application, door, namespace, auth, query=query, headers=headers, **kwargs)
    async with asking as client:
        incoming = await client.next()
        assert isinstance(incoming, Said), incoming
        assert incoming.kind == "connect", incoming
        client.sid = incoming.data["sid"]
        yield client


async def refused(
    application: AsgiApplication,
    door: str,
    namespace: str = "/",
    *,
    auth: dict[str, Any] | None = None,
    query: str = "",
    headers: Headers = (),
    **kwargs: Any,
) -> Refusal:
    """Return how a CONNECT is refused."""
    asking = _asking(application, door, namespace, auth, query=query, headers=headers, **kwargs)
    async with asking as client:
        incoming = await client.next()
        assert isinstance(incoming, Said), incoming
        assert incoming.kind == "connect_error", incoming
        code = await client.socket.closed() if door == "plain" else None
        return Refusal(incoming.data["message"], incoming.data.get("data"), code)


@asynccontextmanager
async def _asking(
    application: AsgiApplication,
    door: str,
    namespace: str,
    auth: dict[str, Any] | None,
    *,
    query: str,
    **kwargs: Any,
) -> AsyncIterator[PlainClient | SocketIoClient]:
    if door == "plain" and auth:
        query = "&".join([part for part in [query] if part] + [f"{k}={v}" for k, v in auth.items()])
    socket = open_socket(application, door, namespace, query=query, **kwargs)
    async with socket:
        await socket.accepted()
        if door == "plain":
            yield PlainClient(socket, namespace)
            return
        assert str(await socket.data()).startswith("0{")
        client = SocketIoClient(socket, namespace)
        client.connect(auth)
        yield client
