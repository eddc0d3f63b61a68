"""python-socketio's ASGI server with the same events; rooms as its manual shows them."""

from typing import Any

import socketio

from bench.peers.about import describe, websocket_implementation

NAMESPACE = "/games"

server = socketio.AsyncServer(async_mode="asgi", namespaces=[NAMESPACE])
application = socketio.ASGIApp(server)


async def join_room(sid: str, room: str) -> dict[str, bool]:
    """Everyone may."""
    await server.enter_room(sid, room, namespace=NAMESPACE)
    return {"ok": True}


async def relay(_sid: str, payload: dict[str, Any]) -> None:
    """To everyone in the room, the sender included."""
    await server.emit("news", payload, room=payload["room"], namespace=NAMESPACE)


async def echo(_sid: str, value: object) -> object:
    """The ack is what came."""
    return value


async def about(_sid: str) -> str:
    """Which server this runs on."""
    return describe(websocket_implementation(), "no layer")


for name, handler in {"joinRoom": join_room, "relay": relay, "echo": echo, "about": about}.items():
    server.on(name, handler, namespace=NAMESPACE)
