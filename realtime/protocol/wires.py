"""How each front door writes what a server says: Socket.IO packets, or plain JSON frames.

A wire turns an encoded event into the message of its door by joining texts, so that a broadcast
is encoded once per wire and not once per socket.
Source: Socket.IO protocol v5, "Packet encoding"; for the plain door docs/reference/plain-json.md.
"""

from typing import Any, Protocol

from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.json_text import encode_json
from realtime.protocol.socket_packets import SocketType, encode_header
from realtime.protocol.wire_message import WireMessage

# Engine.IO's type digit of a message, which every Socket.IO text packet travels in.
_MESSAGE = "4"


class Wire(Protocol):
    """The messages that a server sends to one socket, in one door's form."""

    def connected(self, namespace: str, socket_id: str) -> WireMessage:
        """Say that the socket is in; its public id comes with it."""

    def refused(self, namespace: str, message: str, data: dict[str, Any] | None) -> WireMessage:
        """Say that the socket may not come in; without ``data`` the key is left out."""

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None = None) -> WireMessage:
        """Write an event; ``ack_id`` asks the client for an answer."""

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> WireMessage:
        """Answer the client's event ``ack_id``."""

    def disconnected(self, namespace: str, reason: str) -> WireMessage:
        """Say that the server ends the socket for good."""


class SocketIoWire:
    """Socket.IO v5 packets in Engine.IO messages, as text and binary attachments."""

    def connected(self, namespace: str, socket_id: str) -> WireMessage:
        """Write CONNECT with the public id."""
        header = encode_header(SocketType.CONNECT, namespace)
        return WireMessage(f"{_MESSAGE}{header}{encode_json({'sid': socket_id})}")

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

    def connected(self, namespace: str, socket_id: str) -> WireMessage:
        """Write the first frame of an accepted socket."""
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
