"""Socket.IO v5 packets: text plus binary attachments to values and back (default parser).

Wire form: ``<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]``.
Pure; knows no session, no clock and no Django.
Source: Socket.IO protocol v5, "Packet encoding".
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from realtime.exceptions import ProtocolError
from realtime.protocol.json_text import decode_event_json, decode_json

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
# Ids are counters of JavaScript clients: integers that a double holds exactly.
MAX_ACK_ID = 2**53 - 1
_MAX_ACK_ID_DIGITS = 16


class SocketType(Enum):
    """The type digit of a packet."""

    CONNECT = "0"
    DISCONNECT = "1"
    EVENT = "2"
    ACK = "3"
    CONNECT_ERROR = "4"
    BINARY_EVENT = "5"
    BINARY_ACK = "6"


_TYPES = {kind.value: kind for kind in SocketType}
_PLAIN_TYPE = {SocketType.BINARY_EVENT: SocketType.EVENT, SocketType.BINARY_ACK: SocketType.ACK}


@dataclass(slots=True)
class SocketPacket:
    """One packet as its receiver sees it; binary kinds have become EVENT and ACK.

    ``data`` is the decoded JSON, or None where the packet had none.
    """

    type: SocketType
    namespace: str = "/"
    data: Any = None
    ack_id: int | None = None


@dataclass(slots=True)
class _Incomplete:
    packet: SocketPacket
    expected: int
    attachments: list[bytes] = field(default_factory=list)


class SocketPacketDecoder:
    """Puts packets together from the messages of one connection, in order.

    At most one packet is ever incomplete; a text before its last attachment is an error.
    """

    def __init__(self, *, max_attachments: int, max_depth: int) -> None:
        self._max_attachments = max_attachments
        self._max_depth = max_depth
        self._incomplete: _Incomplete | None = None

    def feed(self, message: str | bytes) -> SocketPacket | None:
        """Return the packet that this message completes, or None when attachments are due.

        Raises ``ProtocolError`` on anything that the protocol does not allow.
        """
        if isinstance(message, str):
            return self._feed_text(message)
        return self._feed_attachment(message)

    def _feed_text(self, text: str) -> SocketPacket | None:
        if self._incomplete is not None:
            raise ProtocolError("text came while attachments were due")
        packet, count = _decode_text(text, self._max_attachments, self._max_depth)
        if count:
            self._incomplete = _Incomplete(packet, count)
            return None
        return packet

    def _feed_attachment(self, data: bytes) -> SocketPacket | None:
        incomplete = self._incomplete
        if incomplete is None:
            raise ProtocolError("bytes came while no attachment was due")
        incomplete.attachments.append(data)
        if len(incomplete.attachments) < incomplete.expected:
            return None
        self._incomplete = None
        packet = incomplete.packet
        packet.data = _fill_placeholders(packet.data, incomplete.attachments)
        return packet


def _decode_text(text: str, max_attachments: int, max_depth: int) -> tuple[SocketPacket, int]:
    kind = _TYPES.get(text[:1])
    if kind is None:
        raise ProtocolError("empty packet or unknown packet type")
    rest = text[1:]
    count = 0
    is_binary = kind in _PLAIN_TYPE
    if is_binary:
        count, rest = _split_attachment_count(rest, max_attachments)
        kind = _PLAIN_TYPE[kind]
    namespace = "/"
    if rest.startswith("/"):
        # Without a comma the whole rest is the name: the official decoder takes it so.
        namespace, _, rest = rest.partition(",")
    ack_id, rest = _split_ack_id(rest)
    packet = SocketPacket(kind, namespace, None, ack_id)
    if rest:
        decode = decode_event_json if kind is SocketType.EVENT else decode_json
        packet.data = decode(rest, max_depth=max_depth)
        require_shape(packet)
    if is_binary and not count:
        packet.data = _fill_placeholders(packet.data, [])
    return packet, count


def _split_attachment_count(rest: str, max_attachments: int) -> tuple[int, str]:
    digits, dash, rest = rest.partition("-")
    # isdecimal() also takes other scripts' digits, which are no protocol digits.
    if not dash or not (digits.isascii() and digits.isdecimal()):
        raise ProtocolError("attachment count missing or not a number")
    if len(digits) > len(str(max_attachments)) or int(digits) > max_attachments:
        raise ProtocolError(f"more than {max_attachments} attachments", limit="max_attachments")
    return int(digits), rest


def _split_ack_id(rest: str) -> tuple[int | None, str]:
    end = 0
    while end < len(rest) and "0" <= rest[end] <= "9":
        end += 1
        if end > _MAX_ACK_ID_DIGITS:
            raise ProtocolError("ack id out of range")
    if not end:
        return None, rest
    ack_id = int(rest[:end])
    if ack_id > MAX_ACK_ID:
        raise ProtocolError("ack id out of range")
    return ack_id, rest[end:]


def require_shape(packet: SocketPacket) -> None:
    """Raise ``ProtocolError`` unless the data is of the shape that the type asks for."""
    data = packet.data
    match packet.type:
        case SocketType.CONNECT:
            valid = isinstance(data, dict)
        case SocketType.DISCONNECT:
            valid = False
        case SocketType.EVENT:
            valid = isinstance(data, list) and bool(data) and is_event_name(data[0])
        case SocketType.ACK:
            valid = isinstance(data, list)
        case _:
            valid = isinstance(data, str | dict)
    if not valid:
        raise ProtocolError(f"wrong payload for {packet.type.name}")


def is_event_name(name: Any) -> bool:
    """Say whether a client may send this as an event's name: a free text, or a number."""
    if isinstance(name, str):
        return name not in RESERVED_EVENTS
    return isinstance(name, int | float) and not isinstance(name, bool)


def _fill_placeholders(value: Any, attachments: list[bytes]) -> Any:
    """Return ``value`` with each placeholder object replaced by its attachment.

    No encoder names an attachment twice. It is refused: a small packet that names a large one
    thousands of times would leave here, echoed, with as many copies.
    """
    return _fill(value, attachments, set(range(len(attachments))))


def _fill(value: Any, attachments: list[bytes], unnamed: set[int]) -> Any:
    if isinstance(value, list):
        return [_fill(item, attachments, unnamed) for item in value]
    if isinstance(value, dict):
        if value.get("_placeholder") is True:
            number = value.get("num")
            if type(number) is not int or number not in unnamed:
                raise ProtocolError("placeholder without an attachment of its own")
            unnamed.discard(number)
            return attachments[number]
        return {key: _fill(item, attachments, unnamed) for key, item in value.items()}
    return value


def encode_header(
    kind: SocketType, namespace: str, *, ack_id: int | None = None, attachments: int = 0
) -> str:
    """Return what stands before the JSON, for the plain or the binary kind of the packet."""
    if attachments:
        binary = SocketType.BINARY_ACK if kind is SocketType.ACK else SocketType.BINARY_EVENT
        header = f"{binary.value}{attachments}-"
    else:
        header = kind.value
    if namespace != "/":
        header += namespace + ","
    return header if ack_id is None else header + str(ack_id)
