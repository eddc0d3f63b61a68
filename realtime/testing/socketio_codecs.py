"""How a client writes Socket.IO packets, with either parser, and who reads the server's.

Source: Socket.IO protocol v5; socket.io-msgpack-parser 3.
"""

from typing import Any, Protocol

import msgspec

from realtime.conf import Options
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.engine_packets import EnginePacket, EngineType, encode_packet
from realtime.protocol.json_text import encode_json
from realtime.protocol.msgpack_packets import MsgpackPacketDecoder, MsgpackWire
from realtime.protocol.socket_packets import (
    SocketPacket,
    SocketPacketDecoder,
    SocketType,
    encode_header,
)
from realtime.protocol.wires import SocketIoWire

Parts = tuple[str | bytes, ...]

# What a test's server sends is not bounded here.
_MAX_ATTACHMENTS = 1_000
_MAX_DEPTH = 1_000
# A name that no handler has, and that the catch-all is not asked about either.
_PROBE = 0


class Decoder(Protocol):
    """Puts the server's packets together."""

    def feed(self, message: str | bytes) -> SocketPacket | None:
        """Return the packet that a message completes, if it does."""


class Codec(Protocol):
    """One parser; each method returns the parts of one message."""

    def decoder(self) -> Decoder:
        """Return a new reader for one session."""

    def connect(self, namespace: str, auth: dict[str, Any]) -> Parts:
        """Ask to be let in."""

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None) -> Parts:
        """Send an event."""

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> Parts:
        """Answer one."""

    def probe(self, namespace: str, ack_id: int) -> Parts:
        """Ask for an answer of the engine itself, after what went before."""

    def disconnect(self, namespace: str) -> Parts:
        """Leave."""


class DefaultCodec:
    """Texts, and binary attachments."""

    def __init__(self) -> None:
        self._wire = SocketIoWire()

    def decoder(self) -> Decoder:
        """Return a new reader for one session."""
        return SocketPacketDecoder(max_attachments=_MAX_ATTACHMENTS, max_depth=_MAX_DEPTH)

    def connect(self, namespace: str, auth: dict[str, Any]) -> Parts:
        """Write CONNECT."""
        header = encode_header(SocketType.CONNECT, namespace)
        return _message(header + (encode_json(auth) if auth else ""))

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None) -> Parts:
        """Write EVENT or BINARY_EVENT."""
        return self._wire.event(namespace, event, ack_id).parts

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> Parts:
        """Write ACK or BINARY_ACK."""
        return self._wire.ack(namespace, ack_id, args).parts

    def probe(self, namespace: str, ack_id: int) -> Parts:
        """Write EVENT with a number for its name."""
        return _message(f"{encode_header(SocketType.EVENT, namespace, ack_id=ack_id)}[{_PROBE}]")

    def disconnect(self, namespace: str) -> Parts:
        """Write DISCONNECT."""
        return self._wire.disconnected(namespace, "").parts


class MsgpackCodec:
    """One binary message for each packet."""

    def __init__(self) -> None:
        self._wire = MsgpackWire()

    def decoder(self) -> Decoder:
        """Return a new reader for one session."""
        return MsgpackPacketDecoder(max_depth=_MAX_DEPTH)

    def connect(self, namespace: str, auth: dict[str, Any]) -> Parts:
        """Write CONNECT."""
        return _record(type=0, nsp=namespace, **({"data": auth} if auth else {}))

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None) -> Parts:
        """Write EVENT."""
        return self._wire.event(namespace, event, ack_id).parts

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> Parts:
        """Write ACK."""
        return self._wire.ack(namespace, ack_id, args).parts

    def probe(self, namespace: str, ack_id: int) -> Parts:
        """Write EVENT with a number for its name."""
        return _record(type=2, nsp=namespace, data=[_PROBE], id=ack_id)

    def disconnect(self, namespace: str) -> Parts:
        """Write DISCONNECT."""
        return self._wire.disconnected(namespace, "").parts


def codec_of(options: Options) -> Codec:
    """Return the codec of the parser that the server speaks."""
    return MsgpackCodec() if options.parser == "msgpack" else DefaultCodec()


def _message(text: str) -> Parts:
    return (encode_packet(EnginePacket(EngineType.MESSAGE, text)),)


def _record(**fields: object) -> Parts:
    return (msgspec.msgpack.encode(fields),)
