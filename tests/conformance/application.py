"""The ASGI applications of the profiles."""

import asyncio
import importlib
from http import HTTPStatus

from realtime.doors.http_answers import TEXT, respond
from realtime.doors.polling import PollingDoor
from realtime.doors.socketio_websocket import serve_websocket
from realtime.namespaces.routing import RoutingTable
from realtime.server import Lifecycle, realtime_application
from realtime.transports.base import AsgiApplication, Receive, Scope, Send
from realtime.transports.session_table import SessionTable
from tests.conformance.echo import Echo
from tests.conformance.profiles import Profile

ENGINE_PATH = "/engine.io/"


def make_application(profile: Profile) -> AsgiApplication:
    """Return what serves a profile."""
    if profile.routes is None:
        return EngineEcho()
    routes = importlib.import_module(profile.routes).namespaces
    application = realtime_application(routes, http=not_found)
    return Delayed(application, profile.handshake_delay_s)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer whatever is not the door's."""
    del scope, receive
    await respond(send, HTTPStatus.NOT_FOUND, TEXT, b"Not found")


class EngineEcho:
    """Engine.IO alone: each message comes back as it is."""

    def __init__(self) -> None:
        self._sessions = SessionTable()
        self.lifecycle = Lifecycle(RoutingTable([]), self._sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        process = await self.lifecycle.process()
        if scope["type"] == "websocket":
            await serve_websocket(process, self._sessions, scope, receive, send, connect=Echo)
        elif scope["path"].startswith(ENGINE_PATH):
            door = PollingDoor(process, self._sessions, Echo)
            rest = scope["path"].removeprefix(ENGINE_PATH)
            await door.serve(scope, receive, send, rest=rest)
        else:
            await not_found(scope, receive, send)


class Delayed:
    """Makes every handshake wait a little."""

    def __init__(self, application: AsgiApplication, delay_s: float) -> None:
        self.lifecycle = application.lifecycle  # type: ignore[attr-defined]
        self._application = application
        self._delay_s = delay_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if self._delay_s and b"sid=" not in scope.get("query_string", b""):
            await asyncio.sleep(self._delay_s)
        await self._application(scope, receive, send)
