"""Socket.IO v5 packets of the msgpack parser: each is one binary message, a map.

Keys are ``type`` (0 to 4), ``nsp``, ``data`` and ``id``; others are ignored. Bytes stand in the
data itself, so that there are no attachments.
Source: socket.io-msgpack-parser 3; notepack's extension types for ``undefined`` and dates.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from realtime.exceptions import ProtocolError
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.socket_packets import (
    MAX_ACK_ID,
    SocketPacket,
    SocketType,
    require_shape,
)
from realtime.protocol.wire_message import WireMessage

_EXTENSION = 0
_UNDEFINED = b"\x00"
_DATE_BYTES = 8
_TYPES = {
    0: SocketType.CONNECT,
    1: SocketType.DISCONNECT,
    2: SocketType.EVENT,
    3: SocketType.ACK,
    4: SocketType.CONNECT_ERROR,
}
_NUMBERS = {kind: number for number, kind in _TYPES.items()}


def _read_extension(code: int, data: memoryview) -> Any:
    if code != _EXTENSION:
        raise ValueError("unknown extension type")
    content = bytes(data)
    if content == _UNDEFINED:
        return None
    if len(content) == _DATE_BYTES:
        # Milliseconds since 1970; every other client sees a date as this text.
        moment = datetime.fromtimestamp(int.from_bytes(content, "big", signed=True) / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return content


_decoder = msgspec.msgpack.Decoder(ext_hook=_read_extension)
_encoder = msgspec.msgpack.Encoder()


class MsgpackPacketDecoder:
    """Reads packets; the counterpart of ``SocketPacketDecoder``. A text is an error."""

    def __init__(self, *, max_depth: int) -> None:
        self._max_depth = max_depth

    def feed(self, message: str | bytes) -> SocketPacket:
        """Return the packet of one message; raises ``ProtocolError`` on anything else."""
        if isinstance(message, str):
            raise ProtocolError("a text message on the msgpack parser")
        try:
            record = _decoder.decode(message)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError, OSError) as error:
            raise ProtocolError("malformed msgpack") from error
        if not isinstance(record, dict):
            raise ProtocolError("a packet is a map")
        packet = SocketPacket(
            type=_read_type(record.get("type")),
            namespace=_read_namespace(record.get("nsp")),
            data=record.get("data"),
            ack_id=_read_ack_id(record.get("id")),
        )
        # The record itself is one level that the default parser's text has not.
        if not _is_plain(packet.data, self._max_depth):
            raise ProtocolError(
                f"data nests deeper than {self._max_depth}, or is not like JSON",
                limit="max_json_depth",
            )
        if packet.data is not None:
            require_shape(packet)
        return packet


def _read_type(number: Any) -> SocketType:
    kind = _TYPES.get(number) if type(number) is int else None
    if kind is None:
        raise ProtocolError("unknown packet type")
    return kind


def _read_namespace(name: Any) -> str:
    if not isinstance(name, str) or not name.startswith("/"):
        raise ProtocolError("a packet names its namespace")
    return name


def _read_ack_id(ack_id: Any) -> int | None:
    if ack_id is None:
        return None
    if type(ack_id) is not int or not 0 <= ack_id <= MAX_ACK_ID:
        raise ProtocolError("ack id out of range")
    return ack_id


def _is_plain(value: Any, depth_left: int) -> bool:
    """Say whether a value is what JSON and bytes can say, and nests no deeper than allowed."""
    if isinstance(value, dict):
        return depth_left > 0 and all(
            isinstance(key, str) and _is_plain(item, depth_left - 1) for key, item in value.items()
        )
    if isinstance(value, list):
        return depth_left > 0 and all(_is_plain(item, depth_left - 1) for item in value)
    return value is None or isinstance(value, str | int | float | bool | bytes)


class MsgpackWire:
    """Socket.IO v5 packets as msgpack, one binary message each."""

    def __init__(self, next_offset: Callable[[], str] | None = None) -> None:
        self._next_offset = next_offset

    def connected(self, namespace: str, socket_id: str, pid: str | None = None) -> WireMessage:
        """Write CONNECT with the public id, and ``pid`` where the state can be recovered."""
        ids = {"sid": socket_id} if pid is None else {"sid": socket_id, "pid": pid}
        return _message(SocketType.CONNECT, namespace, ids)

    def refused(self, namespace: str, message: str, data: dict[str, Any] | None) -> WireMessage:
        """Write CONNECT_ERROR."""
        payload: dict[str, Any] = {"message": message}
        if data is not None:
            payload["data"] = data
        return _message(SocketType.CONNECT_ERROR, namespace, payload)

    def event(self, namespace: str, event: EncodedEvent, ack_id: int | None = None) -> WireMessage:
        """Write EVENT."""
        data = [event.name, *event.args.values()]
        return _message(SocketType.EVENT, namespace, data, ack_id)

    def recoverable_event(self, namespace: str, event: EncodedEvent) -> WireMessage:
        """Write EVENT with its offset as one more, last argument."""
        if self._next_offset is None:
            return self.event(namespace, event)
        offset = self._next_offset()
        message = _message(SocketType.EVENT, namespace, [event.name, *event.args.values(), offset])
        message.offset = offset
        return message

    def ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> WireMessage:
        """Write ACK."""
        return _message(SocketType.ACK, namespace, args.values(), ack_id)

    def disconnected(self, namespace: str, reason: str) -> WireMessage:
        """Write DISCONNECT, which has no place for the reason."""
        del reason
        return _message(SocketType.DISCONNECT, namespace)


def _message(
    kind: SocketType, namespace: str, data: Any = None, ack_id: int | None = None
) -> WireMessage:
    record: dict[str, Any] = {"type": _NUMBERS[kind], "nsp": namespace}
    if data is not None:
        record["data"] = data
    if ack_id is not None:
        record["id"] = ack_id
    try:
        return WireMessage(_encoder.encode(record))
    except OverflowError:
        # JSON knows larger integers than msgpack; JavaScript reads both as doubles.
        record["data"] = with_doubles(data)
        return WireMessage(_encoder.encode(record))


def with_doubles(value: Any) -> Any:
    """Return JSON-like data with doubles in place of the integers that msgpack cannot say."""
    if isinstance(value, dict):
        return {key: with_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_doubles(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _as_double(value)
    return value


def _as_double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
