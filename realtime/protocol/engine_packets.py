"""Engine.IO v4 packets and polling payloads: objects to wire form and back.

Pure functions; no clock, no network, no Django.
Source: Engine.IO protocol v4, "Packet encoding".
"""

import base64
import binascii
from dataclasses import dataclass
from enum import Enum

from realtime.exceptions import ProtocolError

RECORD_SEPARATOR = "\x1e"


class EngineType(Enum):
    """The type digit of a packet."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


_TYPES = {kind.value: kind for kind in EngineType}


@dataclass(frozen=True, slots=True)
class EnginePacket:
    """One engine packet; only a message may carry bytes."""

    type: EngineType
    data: str | bytes = ""


def decode_packet(text: str) -> EnginePacket:
    """Read one text packet: a WebSocket text frame, or one packet of a polling payload.

    Raises ``ProtocolError`` on an empty packet, an unknown type digit or bad base64.
    """
    if text.startswith("b"):
        try:
            return EnginePacket(EngineType.MESSAGE, base64.b64decode(text[1:], validate=True))
        except (binascii.Error, ValueError) as error:
            raise ProtocolError("bad base64 in a binary packet") from error
    kind = _TYPES.get(text[:1])
    if kind is None:
        raise ProtocolError("empty packet or unknown packet type")
    return EnginePacket(kind, text[1:])


def encode_packet(packet: EnginePacket) -> str:
    """Return the text form, as it stands in a polling payload and in a WebSocket text frame."""
    if isinstance(packet.data, bytes):
        return "b" + base64.b64encode(packet.data).decode("ascii")
    return packet.type.value + packet.data


def decode_payload(body: str, *, max_packets: int) -> list[EnginePacket]:
    """Split one polling request body into its packets, in order.

    Raises ``ProtocolError`` on a malformed packet or on more than ``max_packets``.
    """
    parts = body.split(RECORD_SEPARATOR, max_packets)
    # The cap is ours, not the protocol's: without it one small POST
    # becomes a million handler calls.
    if len(parts) > max_packets:
        raise ProtocolError(f"more than {max_packets} packets in one payload")
    return [decode_packet(part) for part in parts]


def encode_payload(packets: list[EnginePacket]) -> str:
    """Join packets into the body of one polling answer."""
    return RECORD_SEPARATOR.join(map(encode_packet, packets))
