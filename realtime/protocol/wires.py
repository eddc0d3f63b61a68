"""How each front door writes what a server says: Socket.IO packets, or plain JSON frames.

A wire turns an encoded event into the message of its door by joining texts, so that a broadcast
is encoded once per wire and not once per socket.
Source: Socket.IO protocol v5, "Packet encoding"; for the plain door docs/reference/plain-json.md.
"""

from collections.abc import Callable
from typing import Any, Protocol

from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.json_text import encode_json
from realtime.protocol.socket_packets import SocketType, encode_header
from realtime.protocol.wire_message import WireMessage

# Engine.IO's type digit of a message, which every Socket.IO text packet travels in.
_MESSAGE = "4"


class Wire(Protocol):
    """The messages that a server sends to one socket, in one door's form."""

    def connected(self, namespace: str, socket_id: str, pid: str | None = None) -> WireMessage:
        """Say that the socket is in; its public id comes with it, and its secret one."""

    def refused(self, namespace: str, message: str, data: dict[str, Any] | None) -> WireMessage:
        """Say that the socket may not come in; without ``data`` the key is left out."""

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None = None) -> WireMessage:
        """Write an event; ``ack_id`` asks the client for an answer."""

    def recoverable_event(self, namespace: str, event: EncodedEvent) -> WireMessage:
        """Write an event that a client may get once more after its connection broke."""

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> WireMessage:
        """Answer the client's event ``ack_id``."""

    def disconnected(self, namespace: str, reason: str) -> WireMessage:
        """Say that the server ends the socket for good."""


class SocketIoWire:
    """Socket.IO v5 packets in Engine.IO messages, as text and binary attachments.

    ``next_offset`` gives recoverable events their offset; without it none is recoverable.
    """

    def __init__(self, next_offset: Callable[[], str] | None = None) -> None:
        self._next_offset = next_offset

    def connected(self, namespace: str, socket_id: str, pid: str | None = None) -> WireMessage:
        """Write CONNECT with the public id, and ``pid`` where the state can be recovered."""
        ids = {"sid": socket_id} if pid is None else {"sid": socket_id, "pid": pid}
        header = encode_header(SocketType.CONNECT, namespace)
        return WireMessage(f"{_MESSAGE}{header}{encode_json(ids)}")

    def refused(self, namespace: str, message: str, data: dict[str, Any] | None) -> WireMessage:
        """Write CONNECT_ERROR."""
        payload: dict[str, Any] = {"message": message}
        if data is not None:
            payload["data"] = data
        header = encode_header(SocketType.CONNECT_ERROR, namespace)
        return WireMessage(f"{_MESSAGE}{header}{encode_json(payload)}")

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None = None) -> WireMessage:
        """Write EVENT, or BINARY_EVENT and its attachments."""
        args = event.args
        header = encode_header(
            SocketType.EVENT, namespace, ack_id=ack_id, attachments=len(args.attachments)
        )
        rest = "]" if args.json == "[]" else "," + args.json[1:]
        return WireMessage(f"{_MESSAGE}{header}[{encode_json(event.name)}{rest}", *args.attachments)

    def recoverable_event(self, namespace: str, event: EncodedEvent) -> WireMessage:
        """Write EVENT with its offset as one more, last argument."""
        if self._next_offset is None:
            return self.event(namespace, event)
        offset = self._next_offset()
        given = event.args
        separator = "" if given.json == "[]" else ","
        args = EncodedArgs(f'{given.json[:-1]}{separator}"{offset}"]', given.attachments)
        message = self.event(namespace, EncodedEvent(event.name, args))
        message.offset = offset
        return message

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> WireMessage:
        """Write ACK, or BINARY_ACK and its attachments."""
        header = encode_header(
            SocketType.ACK, namespace, ack_id=ack_id, attachments=len(args.attachments)
        )
        return WireMessage(f"{_MESSAGE}{header}{args.json}", *args.attachments)

    def disconnected(self, namespace: str, reason: str) -> WireMessage:
        """Write DISCONNECT, which has no place for the reason."""
        del reason
        return WireMessage(_MESSAGE + encode_header(SocketType.DISCONNECT, namespace))


class PlainWire:
    """One JSON object in one text frame; bytes travel as base64 text."""

    def connected(self, namespace: str, socket_id: str, pid: str | None = None) -> WireMessage:
        """Write the first frame of an accepted socket; this door recovers no state."""
        del pid
        return _frame({"connect": {"sid": socket_id, "namespace": namespace}})

    def refused(self, namespace: str, message: str, data: dict[str, Any] | None) -> WireMessage:
        """Write the frame that a refused socket gets before its close."""
        del namespace
        payload: dict[str, Any] = {"message": message}
        if data is not None:
            payload["data"] = data
        return _frame({"connect_error": payload})

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None = None) -> WireMessage:
        """Write an event frame; ``args`` is always there."""
        del namespace
        ending = "}" if ack_id is None else f',"id":{ack_id}}}'
        args = event.args.with_inline_bytes()
        return WireMessage(f'{{"event":{encode_json(event.name)},"args":{args}{ending}')

    def recoverable_event(self, namespace: str, event: EncodedEvent) -> WireMessage:
        """Write an event frame like any other."""
        return self.event(namespace, event)

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> WireMessage:
        """Write an ack frame."""
        del namespace
        return WireMessage(f'{{"ack":{ack_id},"args":{args.with_inline_bytes()}}}')

    def disconnected(self, namespace: str, reason: str) -> WireMessage:
        """Write the frame that says why the server closes."""
        del namespace
        return _frame({"disconnect": {"reason": reason}})

    def error(self, code: str, message: str) -> WireMessage:
        """Say that a frame was not understood; the socket goes on."""
        return _frame({"error": {"code": code, "message": message}})

    def pong(self, value: Any) -> WireMessage:
        """Answer a client's ping."""
        return _frame({"pong": value})


def _frame(value: dict[str, Any]) -> WireMessage:
    return WireMessage(encode_json(value))


SOCKET_IO_WIRE = SocketIoWire()
PLAIN_WIRE = PlainWire()
