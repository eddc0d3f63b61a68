"""The plain door's frames: one JSON object in one text frame, each way.

Client frames: ``{"event", "args"?, "id"?}``, ``{"ack", "args"?}``, ``{"ping"}``.
"""

from dataclasses import dataclass, field
from typing import Any

from realtime.exceptions import ProtocolError
from realtime.protocol.json_text import decode_event_json, decode_json
from realtime.protocol.socket_packets import MAX_ACK_ID


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """An event that a client sent; ``ack_id`` asks for an answer."""

    name: str
    args: list[Any] = field(default_factory=list)
    ack_id: int | None = None


@dataclass(frozen=True, slots=True)
class PlainAck:
    """A client's answer to one of our events."""

    ack_id: int
    args: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlainPing:
    """A client that cannot see WebSocket pings asks whether we are there."""

    value: Any


PlainFrame = PlainEvent | PlainAck | PlainPing


def decode_frame(text: str, *, max_depth: int) -> PlainFrame:
    """Read one frame; raises ``ProtocolError`` whose text tells the client what is wrong."""
    frame = _decode(text, max_depth)
    if not isinstance(frame, dict):
        raise ProtocolError("A frame is one JSON object.")
    kinds = [kind for kind in ("event", "ack", "ping") if kind in frame]
    if len(kinds) != 1:
        raise ProtocolError('A frame has one of "event", "ack" and "ping".')
    if kinds == ["ping"]:
        return PlainPing(frame["ping"])
    args = frame.get("args", [])
    if not isinstance(args, list):
        raise ProtocolError('"args" is an array.')
    if kinds == ["ack"]:
        return PlainAck(_ack_id(frame["ack"], "ack"), args)
    name = frame["event"]
    if not isinstance(name, str) or not name:
        raise ProtocolError('"event" is a text that is not empty.')
    ack_id = _ack_id(frame["id"], "id") if "id" in frame else None
    return PlainEvent(name, args, ack_id)


def _decode(text: str, max_depth: int) -> Any:
    try:
        return decode_json(text, max_depth=max_depth)
    except ProtocolError:
        frame = decode_event_json(text, max_depth=max_depth)
        if isinstance(frame, dict) and "event" in frame:
            return frame
        raise


def _ack_id(value: Any, key: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_ACK_ID:
        raise ProtocolError(f'"{key}" is an integer from 0 to {MAX_ACK_ID}.')
    return value
