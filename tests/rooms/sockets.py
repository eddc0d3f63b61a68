"""Plain-JSON clients of an application in this process, for tests of room events."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from channels.testing import WebsocketCommunicator
from django.urls import path

from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.database import in_database
from realtime.server import realtime_application
from rooms.consumers import Main, RoomNamespace

DEADLINE_S = 30
Heard = tuple[str, list[Any]]


class Client:
    """One socket. What it hears is kept until it is asked for."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator
        self._heard: deque[Heard] = deque()
        self._last_id = 0
        self.sid = ""
        self.user: dict[str, Any] = {}

    async def open(self) -> None:
        """Come in and read who one is."""
        connected, _protocol = await self._communicator.connect(timeout=DEADLINE_S)
        assert connected
        frame = await self._next_frame()
        assert "connect" in frame, frame
        self.sid = frame["connect"]["sid"]
        assert (await self.hear())[0] == "welcome"
        name, args = await self.hear()
        assert name == "identity"
        self.user = args[0]["user"]

    async def send(self, event: str, *args: Any) -> None:
        """Send an event that wants no ack."""
        await self._communicator.send_to(text_data=json.dumps({"event": event, "args": args}))

    async def call(self, event: str, *args: Any) -> Any:
        """Send an event and give its ack's one argument; what is heard meanwhile is kept."""
        self._last_id += 1
        frame = {"event": event, "args": args, "id": self._last_id}
        await self._communicator.send_to(text_data=json.dumps(frame))
        while True:
            answer = await self._next_frame()
            if "ack" in answer:
                assert answer["ack"] == self._last_id
                return answer["args"][0] if answer["args"] else None
            self._keep(answer)

    async def hear(self) -> Heard:
        """Give the next event."""
        while not self._heard:
            self._keep(await self._next_frame())
        return self._heard.popleft()

    async def hear_only(self, *names: str) -> list[Any]:
        """Give the last argument of each of these events, in order, among nothing else."""
        heard = [await self.hear() for _ in names]
        assert tuple(name for name, _args in heard) == names
        return [args[-1] for _name, args in heard]

    async def all_heard(self) -> list[Heard]:
        """Give all that was heard before now; an ack marks the end."""
        await self.call("no such event")
        heard, self._heard = list(self._heard), deque()
        return heard

    async def close(self) -> None:
        """Leave."""
        await self._communicator.disconnect(timeout=DEADLINE_S)

    async def _next_frame(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(
            await self._communicator.receive_from(timeout=DEADLINE_S)
        )
        return frame

    def _keep(self, frame: dict[str, Any]) -> None:
        self._heard.append((frame["event"], frame["args"]))


class Site:
    """An application that serves in this event loop."""

    def __init__(self, application: Any, stack: AsyncExitStack) -> None:
        self.application = application
        self._stack = stack

    async def connect(self, where: str = "/ws/games/", **headers: str) -> Client:
        """Open a socket; it leaves with the test, if it has not before."""
        client = Client(self.communicator(where, **headers))
        await client.open()
        self._stack.push_async_callback(client.close)
        return client

    async def joined(self, room: str = "csgo", where: str = "/ws/games/") -> Client:
        """Open a socket that is in a room and has heard nothing since."""
        client = await self.connect(where)
        answer = await client.call("joinRoom", room)
        assert answer["ok"], answer
        await client.all_heard()
        return client

    def communicator(self, where: str, **headers: str) -> WebsocketCommunicator:
        """Make what speaks ASGI to the application."""
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        communicator = WebsocketCommunicator(self.application, where, headers=pairs)
        communicator.scope["client"] = ("127.0.0.1", 40_000)
        return communicator


@asynccontextmanager
async def serving(
    games: type[NamespaceConsumer] = RoomNamespace, **others: type[NamespaceConsumer]
) -> AsyncIterator[Site]:
    """Serve ``/``, ``/games`` and ``others`` by classes of their own, and all that have a row."""
    application = realtime_application(
        [
            path("", Main.as_asgi()),
            path("games", games.as_asgi()),
            *(path(name, consumer.as_asgi()) for name, consumer in others.items()),
            path("<slug:name>", RoomNamespace.as_asgi()),
        ],
        http=_no_http,
    )
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        await application.lifecycle.start()
        stack.push_async_callback(application.lifecycle.stop)
        yield Site(application, stack)


async def eventually(holds: Callable[[], Any]) -> None:
    """Wait until a claim about the database holds, or fail at the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not await in_database(holds):  # noqa: ASYNC110 - a database wakes nobody
            await asyncio.sleep(0.01)


async def _no_http(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("no page is asked for")
