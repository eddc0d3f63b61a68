"""Engine.IO sessions in the same process, packet by packet, with one face for both transports.

A packet is a text as the WebSocket has it; bytes are a binary message's content.
"""

import base64
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from realtime.transports.base import AsgiApplication
from tests.helpers.asgi_http import Exchange, HttpAnswer, HttpClient
from tests.helpers.asgi_socket import AsgiSocket, Headers

TRANSPORTS = ("websocket", "polling")
SEPARATOR = "\x1e"


class EngineLink(Protocol):
    """A session, opened."""

    handshake: dict[str, Any]

    async def send(self, *packets: str | bytes) -> None:
        """Send packets, which the server must take."""

    async def break_rules(self, *packets: str | bytes) -> None:
        """Send packets for which the server ends the session."""

    async def packet(self) -> str | bytes:
        """Return the next packet."""

    async def rest(self) -> list[str | bytes]:
        """Return what still comes, close packets aside, until the session is over."""


class WebSocketLink:
    """A session over a WebSocket."""

    def __init__(self, socket: AsgiSocket) -> None:
        self.socket = socket
        self.handshake: dict[str, Any] = {}

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            self.socket.send(packet)

    async def break_rules(self, *packets: str | bytes) -> None:
        await self.send(*packets)

    async def packet(self) -> str | bytes:
        return await self.socket.data()

    async def rest(self) -> list[str | bytes]:
        rest: list[str | bytes] = []
        while (message := await self.socket.message())["type"] == "websocket.send":
            text = message.get("text")
            rest.append(message["bytes"] if text is None else text)
        assert message["type"] == "websocket.close", message
        return rest


class PollingLink:
    """A session over long-polling."""

    def __init__(self, client: HttpClient, headers: Headers = ()) -> None:
        self.client = client
        self.headers = headers
        self.handshake: dict[str, Any] = {}
        self._packets: deque[str | bytes] = deque()

    @property
    def query(self) -> str:
        """The query of a further request."""
        return f"EIO=4&transport=polling&sid={self.handshake['sid']}"

    def begin_poll(self) -> Exchange:
        """Send a GET."""
        return self.client.begin("GET", self.query, headers=self.headers)

    def begin_post(self, body: bytes | None = None) -> Exchange:
        """Send a POST, whose body may follow."""
        return self.client.begin("POST", self.query, body, headers=self.headers)

    async def poll(self) -> HttpAnswer:
        """Send a GET and return its answer."""
        return await self.begin_poll().answer()

    async def post(self, *packets: str | bytes) -> HttpAnswer:
        """Send a POST and return its answer."""
        return await self.begin_post(payload(*packets)).answer()

    async def send(self, *packets: str | bytes) -> None:
        answer = await self.post(*packets)
        assert (answer.status, answer.body) == (200, b"ok"), answer

    async def break_rules(self, *packets: str | bytes) -> None:
        await self.post(*packets)

    async def packet(self) -> str | bytes:
        while not self._packets:
            self._packets.extend(map(_read, (await self.poll()).packets))
        return self._packets.popleft()

    async def rest(self) -> list[str | bytes]:
        rest = list(self._packets)
        self._packets.clear()
        while (answer := await self.poll()).status == 200:
            rest.extend(map(_read, answer.packets))
        assert answer.json["code"] == 1, answer
        return [packet for packet in rest if packet != "1"]


def payload(*packets: str | bytes) -> bytes:
    """Return the body of a POST."""
    return SEPARATOR.join(
        "b" + base64.b64encode(packet).decode() if isinstance(packet, bytes) else packet
        for packet in packets
    ).encode("utf-8", "surrogatepass")


def _read(packet: str) -> str | bytes:
    return base64.b64decode(packet[1:], validate=True) if packet.startswith("b") else packet


def websocket(
    application: AsgiApplication, query: str = "", *, headers: Headers = (), **kwargs: Any
) -> AsgiSocket:
    """Return a WebSocket to the Socket.IO door, not yet opened."""
    whole = f"EIO=4&transport=websocket{'&' if query else ''}{query}"
    return AsgiSocket(application, "/socket.io/", query=whole, headers=headers, **kwargs)


@asynccontextmanager
async def polling(
    application: AsgiApplication, *, query: str = "", headers: Headers = (), **kwargs: Any
) -> AsyncIterator[PollingLink]:
    """An open session over long-polling."""
    async with HttpClient(application, **kwargs) as client:
        link = PollingLink(client, headers)
        whole = f"EIO=4&transport=polling{'&' if query else ''}{query}"
        answer = await client.request("GET", whole, headers=headers)
        (opening,) = answer.packets
        assert opening[0] == "0", opening
        link.handshake = json.loads(opening[1:])
        yield link


@asynccontextmanager
async def engine(
    application: AsgiApplication,
    transport: str,
    *,
    query: str = "",
    headers: Headers = (),
    **kwargs: Any,
) -> AsyncIterator[EngineLink]:
    """An open session over either transport."""
    if transport == "polling":
        async with polling(application, query=query, headers=headers, **kwargs) as link:
            yield link
        return
    async with websocket(application, query, headers=headers, **kwargs) as socket:
        await socket.accepted()
        opened = WebSocketLink(socket)
        opening = await socket.data()
        assert isinstance(opening, str)
        assert opening[0] == "0", opening
        opened.handshake = json.loads(opening[1:])
        yield opened


async def join(
    link: EngineLink, namespace: str = "/", auth: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Send CONNECT and return what the server says to it."""
    head = "" if namespace == "/" else f"{namespace},"
    await link.send(f"40{head}{'' if auth is None else json.dumps(auth)}")
    text = await link.packet()
    assert isinstance(text, str)
    assert text.startswith(f"40{head}"), text
    told: dict[str, Any] = json.loads(text[2 + len(head) :])
    return told


async def barrier(link: EngineLink, namespace: str = "/") -> list[str | bytes]:
    """Return what has come by now: a later question is answered, and what came before it."""
    head = "" if namespace == "/" else f"{namespace},"
    await link.send(f'42{head}999["echo"]')
    came: list[str | bytes] = []
    while (packet := await link.packet()) != f"43{head}999[]":
        came.append(packet)
    return came
