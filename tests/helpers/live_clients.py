"""Clients of three kinds that look the same to a test: plain JSON, Python and JavaScript.

Each is one socket. What it hears is kept in order, and ``hear`` takes the next event, whatever
that is: a test that names the events it expects also says that there was no other.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
import socketio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

DEADLINE_S = 20.0


@dataclass(frozen=True)
class Caller:
    """How a client comes in: where to, and what it brings along."""

    url: str
    namespace: str
    auth: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    transports: Sequence[str] = ("websocket",)


class ConnectRefusedError(Exception):
    """The server's answer to a socket that it does not let in."""

    def __init__(self, message: str, data: Any, close_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        self.close_code = close_code


class Client(ABC):
    """A connected socket. Every wait has a deadline."""

    def __init__(self) -> None:
        self.sid = ""
        self.me: dict[str, Any] = {}
        self.log: list[str] = []
        self.ended = asyncio.Event()
        self.end_reason: Any = None
        self._heard: deque[tuple[str, list[Any]]] = deque()
        self._arrived = asyncio.Event()

    @abstractmethod
    async def tell(self, event: str, *args: Any) -> None:
        """Send an event without asking for an ack."""

    @abstractmethod
    async def ask(self, event: str, *args: Any) -> Any:
        """Send an event and return the ack's one argument, or a list of several or none."""

    @abstractmethod
    async def close(self) -> None:
        """Leave, and wait until that is done."""

    async def hear(self, event: str) -> list[Any]:
        """Return the arguments of the next event, which must be this one."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._heard:
                self._arrived.clear()
                await self._arrived.wait()
        name, args = self._heard.popleft()
        assert name == event, f"heard {name} {args} in place of {event}"
        return args

    async def hear_until(self, event: str) -> list[tuple[str, list[Any]]]:
        """Return all that comes up to the next event of this name, itself included."""
        heard: list[tuple[str, list[Any]]] = []
        async with asyncio.timeout(DEADLINE_S):
            while not heard or heard[-1][0] != event:
                while not self._heard:
                    self._arrived.clear()
                    await self._arrived.wait()
                heard.append(self._heard.popleft())
        return heard

    async def hear_one(self, event: str) -> Any:
        """Return the one argument of the next event, which must be this one."""
        args = await self.hear(event)
        assert len(args) == 1, args
        return args[0]

    async def hears_nothing(self) -> None:
        """Fail if anything was heard before the server has answered one more question."""
        await self.ask("rooms", {"limit": 1})
        assert list(self._heard) == []

    async def take_all(self) -> list[tuple[str, list[Any]]]:
        """Return all that was heard before the server has answered one more question."""
        await self.ask("rooms", {"limit": 1})
        heard = list(self._heard)
        self._heard.clear()
        return heard

    async def wait_for_end(self) -> Any:
        """Wait until the server has ended this socket; return how it says so."""
        async with asyncio.timeout(DEADLINE_S):
            await self.ended.wait()
        return self.end_reason

    def take(self, event: str, args: list[Any]) -> None:
        """Keep an event that arrived."""
        self.log.append(event)
        self._heard.append((event, args))
        self._arrived.set()

    def take_end(self, reason: Any) -> None:
        """Keep how the server ended this socket."""
        self.end_reason = reason
        self.ended.set()

    def answered(self, args: list[Any]) -> Any:
        """Keep that an ack arrived; return what it says."""
        self.log.append("ack")
        return args[0] if len(args) == 1 else args


class PlainClient(Client):
    """JSON over a WebSocket, with the frames at hand."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self._acks: dict[int, asyncio.Future[list[Any]]] = {}
        self._others: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._next_id = 0
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, caller: Caller) -> "PlainClient":
        """Come in, or raise ``ConnectRefusedError``."""
        client = cls(await open_plain(caller))
        first = await client.read_frame()
        if "connect" in first:
            client.sid = first["connect"]["sid"]
            client._reading = asyncio.create_task(client._read())
            return client
        error = first["connect_error"]
        await client.socket.wait_closed()
        raise ConnectRefusedError(error["message"], error.get("data"), client.socket.close_code)

    async def tell(self, event: str, *args: Any) -> None:
        await self.send_frame({"event": event, "args": list(args)})

    async def ask(self, event: str, *args: Any) -> Any:
        ack_id = self._next_id
        self._next_id += 1
        future = self._acks[ack_id] = asyncio.get_running_loop().create_future()
        await self.send_frame({"event": event, "args": list(args), "id": ack_id})
        async with asyncio.timeout(DEADLINE_S):
            answer: list[Any] = await future
        return answer[0] if len(answer) == 1 else answer

    async def close(self) -> None:
        await self.socket.close()
        if self._reading is not None:
            await self._reading

    async def send_frame(self, frame: Any) -> None:
        """Send a JSON text, whatever it is."""
        await self.socket.send(json.dumps(frame))

    async def send_text(self, text: str) -> None:
        """Send a text frame that may be no JSON at all."""
        await self.socket.send(text)

    async def read_frame(self) -> dict[str, Any]:
        """Return the next frame before anything else reads them."""
        async with asyncio.timeout(DEADLINE_S):
            text = await self.socket.recv()
        frame = json.loads(text)
        assert isinstance(frame, dict), frame
        self.frames.append(frame)
        return frame

    async def next_other(self) -> dict[str, Any]:
        """Return the next frame that is neither an event nor an ack."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._others.get()

    async def _read(self) -> None:
        try:
            while True:
                self._sort(json.loads(await self.socket.recv()))
        except ConnectionClosed:
            self.take_end((self.socket.close_code, self.socket.close_reason))

    def _sort(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        if "event" in frame:
            self.take(frame["event"], frame["args"])
        elif "ack" in frame:
            self.answered(frame["args"])
            self._acks.pop(frame["ack"]).set_result(frame["args"])
        else:
            self._others.put_nowait(frame)


class PythonClient(Client):
    """python-socketio's own client."""

    serializer = "default"

    def __init__(self, namespace: str, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._namespace = namespace
        # By itself it sends its headers with the first poll alone.
        self._http = aiohttp.ClientSession(headers=dict(headers))
        self._client = socketio.AsyncClient(
            reconnection=False, http_session=self._http, serializer=self.serializer
        )
        self._refusal: list[Any] = []
        for name, handler in {
            "*": lambda event, *args: self.take(event, list(args)),
            "connect_error": lambda *args: self._refusal.extend(args),
            "disconnect": self.take_end,
        }.items():
            self._client.on(name, handler, namespace=namespace)

    @classmethod
    async def connect(cls, caller: Caller) -> "PythonClient":
        """Come in, or raise ``ConnectRefusedError``."""
        client = cls(caller.namespace, caller.headers)
        try:
            await client._client.connect(
                caller.url,
                auth=caller.auth,
                namespaces=[caller.namespace],
                transports=list(caller.transports),
                wait_timeout=DEADLINE_S,
            )
        except socketio.exceptions.ConnectionError:
            await client._client.disconnect()
            await client._http.close()
            refusal = client._refusal[0] if client._refusal else {"message": ""}
            raise ConnectRefusedError(refusal["message"], refusal.get("data")) from None
        client.sid = client._client.get_sid(caller.namespace)
        return client

    @property
    def engine_sid(self) -> str:
        """The session's own id, a secret."""
        return str(self._client.eio.sid)

    async def tell(self, event: str, *args: Any) -> None:
        await self._client.emit(event, args, namespace=self._namespace)

    async def ask(self, event: str, *args: Any) -> Any:
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

        def callback(*answer: Any) -> None:
            self.answered(list(answer))
            future.set_result(list(answer))

        await self._client.emit(event, args, namespace=self._namespace, callback=callback)
        async with asyncio.timeout(DEADLINE_S):
            answer = await future
        return answer[0] if len(answer) == 1 else answer

    async def close(self) -> None:
        await self._client.disconnect()
        # Its transport ends by itself, a moment later.
        await self._client.eio.wait()
        await self._http.close()


async def open_plain(caller: Caller) -> ClientConnection:
    """Open the plain door's WebSocket and say nothing yet."""
    url = caller.url.replace("http", "ws", 1) + "/ws" + caller.namespace
    if caller.auth:
        url += "?" + urlencode(caller.auth)
    # A few kilobytes are what a server may send at once; its pings are its own affair.
    return await connect(
        url,
        additional_headers=dict(caller.headers),
        compression=None,
        max_size=None,
        ping_interval=None,
        proxy=None,
        open_timeout=DEADLINE_S,
    )
