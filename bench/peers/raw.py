"""The floor: a bare ASGI application that loops ``await send()`` over a room.

Speaks just enough Socket.IO over WebSocket for the load: no heartbeat, no limits, no permissions,
and no care for a slow reader. Source: Socket.IO protocol 5; DESIGN section 6 for the answers.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from bench.peers.about import describe, websocket_implementation

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_OPEN = json.dumps(
    {
        "sid": "raw",
        "upgrades": [],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 1_000_000,
    }
)
_rooms: dict[str, dict[Send, None]] = {}


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One WebSocket, from its opening to its end; everything else is ignored."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send_text(send, "0" + _OPEN)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            await take(message["text"], send)
    finally:
        for members in _rooms.values():
            members.pop(send, None)


async def take(text: str, send: Send) -> None:
    """Answer one packet."""
    if text.startswith("40"):
        await send_text(send, '40/games,{"sid":"raw"}')
        return
    if not text.startswith("42"):
        return
    number, _, body = text.removeprefix("42/games,").partition("[")
    name, *args = json.loads("[" + body)
    if name == "relay":
        await relay(args[0])
        return
    if name == "joinRoom":
        _rooms.setdefault(args[0], {})[send] = None
    answer = {"joinRoom": lambda: {"ok": True}, "echo": lambda: args[0], "about": about}[name]()
    await send_text(send, f"43/games,{number}{compact([answer])}")


async def relay(payload: dict[str, Any]) -> None:
    """To everyone in the room, one after the other."""
    message = {"type": "websocket.send", "text": f"42/games,{compact(['news', payload])}"}
    for member in list(_rooms[payload["room"]]):
        await member(message)


def about() -> str:
    """Which server this runs on."""
    return describe(websocket_implementation(), "no layer")


async def send_text(send: Send, text: str) -> None:
    """One text frame."""
    await send({"type": "websocket.send", "text": text})


def compact(value: object) -> str:
    """JSON as Socket.IO writes it."""
    return json.dumps(value, separators=(",", ":"))
