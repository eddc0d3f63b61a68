"""What goes into the text frames: Socket.IO over WebSocket, and plain JSON.

Pure functions of one namespace; no network. A load knows only events and acks.
Source: Socket.IO protocol 5 and Engine.IO protocol 4; DESIGN section 4 for plain JSON.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol

NAMESPACE = "/games"


@dataclass(frozen=True, slots=True)
class Opened:
    """The transport is open: the client answers with these texts."""

    replies: list[str]


@dataclass(frozen=True, slots=True)
class Connected:
    """The namespace let the client in."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused the client, or ended it; ``text`` says how."""

    text: str


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat of the dialect's own, to be answered with ``reply``."""

    reply: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event that the server sent."""

    name: str
    args: list[Any]


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to the event that was sent under ``ack_id``."""

    ack_id: int
    args: list[Any]


Incoming = Opened | Connected | Refusal | Beat | Event | Ack


class Dialect(Protocol):
    """One way to talk to a namespace."""

    name: str
    target: str

    def encode_event(self, name: str, *args: object, ack_id: int | None = None) -> str:
        """The text of one event."""
        ...

    def decode(self, text: str) -> Incoming:
        """What one text means. Raises ``ValueError`` on what this client does not know."""
        ...


def to_json(value: object) -> str:
    """Compact JSON, as browsers write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class SocketIODialect:
    """Socket.IO 5 in Engine.IO 4's WebSocket transport."""

    name = "socketio"
    target = "/socket.io/?EIO=4&transport=websocket"

    def encode_event(self, name: str, *args: object, ack_id: int | None = None) -> str:
        """Such as ``42/games,7["echo",1]``."""
        number = "" if ack_id is None else str(ack_id)
        return f"42{NAMESPACE},{number}{to_json([name, *args])}"

    def decode(self, text: str) -> Incoming:
        """Engine packets 0, 2 and 4; of the socket packets those of the one namespace."""
        if text == "2":
            return Beat("3")
        if text.startswith("0{"):
            return Opened([f"40{NAMESPACE},"])
        kind, mark, rest = text[:2], text[2:].partition(",")[0], text[2:].partition(",")[2]
        if mark != NAMESPACE:
            return self._outside(text)
        if kind == "40":
            return Connected()
        if kind in {"41", "44"}:
            return Refusal(text)
        number, bracket, body = rest.partition("[")
        if kind not in {"42", "43"} or not bracket:
            raise ValueError(f"not understood: {text[:80]}")
        values = json.loads("[" + body)
        return Ack(int(number), values) if kind == "43" else Event(values[0], values[1:])

    def _outside(self, text: str) -> Incoming:
        if text.startswith(("1", "41", "44")):
            return Refusal(text)
        raise ValueError(f"not understood: {text[:80]}")


class PlainDialect:
    """One JSON object in one text frame."""

    name = "plain"
    target = f"/ws{NAMESPACE}/"

    def encode_event(self, name: str, *args: object, ack_id: int | None = None) -> str:
        """Such as ``{"event":"echo","args":[1],"id":7}``."""
        frame: dict[str, object] = {"event": name, "args": args}
        if ack_id is not None:
            frame["id"] = ack_id
        return to_json(frame)

    def decode(self, text: str) -> Incoming:
        """The server's frames of DESIGN section 4."""
        frame = json.loads(text)
        if "event" in frame:
            return Event(frame["event"], frame.get("args", []))
        if "ack" in frame:
            return Ack(frame["ack"], frame.get("args", []))
        if "connect" in frame:
            return Connected()
        if frame.keys() & {"connect_error", "disconnect", "error"}:
            return Refusal(text)
        raise ValueError(f"not understood: {text[:80]}")


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (SocketIODialect(), PlainDialect())
}
