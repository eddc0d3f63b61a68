"""The msgpack parser, held against another implementation and against notepack's bytes."""

import math
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.exceptions import ProtocolError
from realtime.protocol.encoded_event import EncodedEvent, encode_args
from realtime.protocol.msgpack_packets import MsgpackPacketDecoder, MsgpackWire
from realtime.protocol.socket_packets import (
    MAX_ACK_ID,
    RESERVED_EVENTS,
    SocketPacket,
    SocketType,
)
from realtime.protocol.wire_message import WireMessage
from tests.protocol.values import json_values, texts

WIRE = MsgpackWire()
# As notepack writes what JavaScript calls undefined.
UNDEFINED = msgpack.ExtType(0, b"\x00")
values = st.recursive(
    json_values | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
names = texts.filter(lambda name: name not in RESERVED_EVENTS)
namespaces = texts.map(lambda name: "/" + name)
ack_ids = st.none() | st.integers(0, MAX_ACK_ID)


def decode(data: str | bytes, *, max_depth: int = 100) -> SocketPacket:
    return MsgpackPacketDecoder(max_depth=max_depth).feed(data)


def pack(**record: Any) -> bytes:
    packed: bytes = msgpack.packb(record, strict_types=True)
    return packed


def record_of(message: WireMessage) -> Any:
    """What another implementation reads; extension types would be seen as such."""
    (data,) = message.parts
    assert isinstance(data, bytes)
    return msgpack.unpackb(data)


@pytest.mark.parametrize(
    ("record", "packet"),
    [
        ({"type": 0, "nsp": "/"}, SocketPacket(SocketType.CONNECT)),
        (
            {"nsp": "/a", "data": {"t": 1}, "type": 0},
            SocketPacket(SocketType.CONNECT, "/a", {"t": 1}),
        ),
        ({"type": 0, "nsp": "/", "data": UNDEFINED}, SocketPacket(SocketType.CONNECT)),
        ({"type": 1, "nsp": "/a"}, SocketPacket(SocketType.DISCONNECT, "/a")),
        ({"type": 1, "nsp": "/", "data": UNDEFINED}, SocketPacket(SocketType.DISCONNECT)),
        (
            {"type": 2, "nsp": "/", "data": ["e", b"\x01"], "id": 0, "options": {"compress": True}},
            SocketPacket(SocketType.EVENT, "/", ["e", b"\x01"], 0),
        ),
        (
            {"type": 2, "nsp": "/", "data": ["e", UNDEFINED, {"a": UNDEFINED}], "id": UNDEFINED},
            SocketPacket(SocketType.EVENT, "/", ["e", None, {"a": None}]),
        ),
        ({"type": 2, "nsp": "/", "data": [7]}, SocketPacket(SocketType.EVENT, "/", [7])),
        ({"type": 3, "nsp": "/", "data": [], "id": 12}, SocketPacket(SocketType.ACK, "/", [], 12)),
        ({"type": 4, "nsp": "/", "data": "no"}, SocketPacket(SocketType.CONNECT_ERROR, "/", "no")),
    ],
)
def test_each_packet_is_a_map(record: dict[str, Any], packet: SocketPacket) -> None:
    assert decode(pack(**record)) == packet


@pytest.mark.parametrize(
    ("extension", "value"),
    [
        (b"\xd4\x00\x00", None),
        (b"\xd7\x00" + (0).to_bytes(8), "1970-01-01T00:00:00.000Z"),
        (b"\xd7\x00" + (1_750_000_000_123).to_bytes(8), "2025-06-15T15:06:40.123Z"),
        (b"\xd7\x00" + (-1).to_bytes(8, signed=True), "1969-12-31T23:59:59.999Z"),
        (b"\xd5\x00\x01\x02", b"\x01\x02"),
        (b"\xd4\x00\x07", b"\x07"),
        (b"\xc7\x03\x00\x01\x02\x03", b"\x01\x02\x03"),
        (b"\xc7\x00\x00", b""),
        (b"\xc8\x00\x09\x00" + bytes(9), bytes(9)),
        (b"\xc9\x00\x00\x00\x05\x00hello", b"hello"),
    ],
)
def test_notepacks_extensions_are_nothing_dates_and_bytes(extension: bytes, value: Any) -> None:
    before = pack(type=2, nsp="/", data=["e", "HERE"])
    packet = decode(before.replace(b"\xa4HERE", extension))
    assert packet.data == ["e", value]


@pytest.mark.parametrize(
    "data",
    [
        "a text",
        "",
        b"",
        b"\xc1",
        b"\x93",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x81\x80\x01",
        b"\xa1\xff",
        b"[]",
        b"\x90",
        b"\xc0",
        pack(type=2, nsp="/", data=["e"]) + b"\x00",
        pack(),
        pack(type=0),
        pack(nsp="/"),
        pack(type=5, nsp="/", data=["e"]),
        pack(type=6, nsp="/", data=["e"]),
        pack(type=-1, nsp="/"),
        pack(type="2", nsp="/", data=["e"]),
        pack(type=2.0, nsp="/", data=["e"]),
        pack(type=True, nsp="/"),
        pack(type=0, nsp=""),
        pack(type=0, nsp="a"),
        pack(type=0, nsp=None),
        pack(type=0, nsp=b"/"),
        pack(type=0, nsp="/", data=[]),
        pack(type=0, nsp="/", data="x"),
        pack(type=1, nsp="/", data={}),
        pack(type=2, nsp="/", data={}),
        pack(type=2, nsp="/", data=[]),
        pack(type=2, nsp="/", data=[None]),
        pack(type=2, nsp="/", data=[True]),
        pack(type=2, nsp="/", data=[b"e"]),
        pack(type=2, nsp="/", data=[{}]),
        pack(type=2, nsp="/", data=["connect"]),
        pack(type=2, nsp="/", data=["e"], id=-1),
        pack(type=2, nsp="/", data=["e"], id=MAX_ACK_ID + 1),
        pack(type=2, nsp="/", data=["e"], id="1"),
        pack(type=2, nsp="/", data=["e"], id=1.0),
        pack(type=3, nsp="/", data={}, id=1),
        pack(type=4, nsp="/", data=[]),
        msgpack.packb({"type": 2, "nsp": "/", "data": ["e", {1: 2}]}),
        pack(type=2, nsp="/", data=["e", msgpack.ExtType(1, b"x")]),
        pack(type=2, nsp="/", data=["e", msgpack.ExtType(0, b"\x7f" + b"\xff" * 7)]),
        pack(type=2, nsp="/", data=["e", msgpack.Timestamp(0)]),
    ],
)
def test_anything_else_is_refused(data: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


@pytest.mark.parametrize(("depth", "is_read"), [(4, True), (5, False)])
def test_data_nests_so_deep(depth: int, is_read: bool) -> None:
    value: Any = 1
    for level in range(depth - 1):
        value = [value] if level % 2 else {"x": value}
    data = pack(type=2, nsp="/", data=["e", value])
    if is_read:
        assert decode(data, max_depth=4).data == ["e", value]
    else:
        with pytest.raises(ProtocolError):
            decode(data, max_depth=4)


@given(names, st.lists(values, max_size=4), namespaces, ack_ids)
def test_decoding_an_event_undoes_encoding(
    name: str, args: list[Any], namespace: str, ack_id: int | None
) -> None:
    message = WIRE.event(namespace, EncodedEvent(name, encode_args(args)), ack_id)
    (data,) = message.parts
    packet = decode(data)
    assert (packet.type, packet.namespace, packet.ack_id) == (SocketType.EVENT, namespace, ack_id)
    assert packet.data == [name, *args]
    assert record_of(message)["data"] == [name, *args]


@given(st.lists(values, max_size=4), namespaces, st.integers(0, MAX_ACK_ID))
def test_decoding_an_ack_undoes_encoding(args: list[Any], namespace: str, ack_id: int) -> None:
    (data,) = WIRE.ack(namespace, ack_id, encode_args(args)).parts
    assert decode(data) == SocketPacket(SocketType.ACK, namespace, args, ack_id)


@given(st.binary(max_size=60) | st.text(max_size=20))
def test_any_message_is_read_or_refused(data: bytes | str) -> None:
    try:
        decode(data)
    except ProtocolError:
        return
    assert isinstance(data, bytes)


@given(
    st.fixed_dictionaries(
        {"type": st.integers(0, 6) | values, "nsp": st.just("/") | values},
        optional={"data": values, "id": st.integers(-2, 2**64 - 1) | values},
    )
)
def test_any_map_is_read_or_refused(record: dict[str, Any]) -> None:
    try:
        packed = pack(**record)
    except OverflowError:
        return
    try:
        packet = decode(packed)
    except ProtocolError:
        return
    assert packet.namespace == record["nsp"]


def test_what_a_server_says_is_plain_msgpack() -> None:
    event = EncodedEvent("e", encode_args([b"\x00", {"x": [b""]}]))
    assert [
        record_of(message)
        for message in (
            WIRE.connected("/", "id"),
            WIRE.connected("/a", "id", "secret"),
            WIRE.refused("/a", "No.", None),
            WIRE.refused("/", "No.", {"code": 1}),
            WIRE.event("/", event),
            WIRE.event("/a", event, 0),
            WIRE.recoverable_event("/", event),
            WIRE.ack("/", 7, encode_args([])),
            WIRE.disconnected("/a", "why"),
        )
    ] == [
        {"type": 0, "nsp": "/", "data": {"sid": "id"}},
        {"type": 0, "nsp": "/a", "data": {"sid": "id", "pid": "secret"}},
        {"type": 4, "nsp": "/a", "data": {"message": "No."}},
        {"type": 4, "nsp": "/", "data": {"message": "No.", "data": {"code": 1}}},
        {"type": 2, "nsp": "/", "data": ["e", b"\x00", {"x": [b""]}]},
        {"type": 2, "nsp": "/a", "data": ["e", b"\x00", {"x": [b""]}], "id": 0},
        {"type": 2, "nsp": "/", "data": ["e", b"\x00", {"x": [b""]}]},
        {"type": 3, "nsp": "/", "data": [], "id": 7},
        {"type": 1, "nsp": "/a"},
    ]


def test_a_recoverable_event_has_its_offset_last() -> None:
    message = MsgpackWire(lambda: "o1").recoverable_event("/", EncodedEvent("e", encode_args([1])))
    assert record_of(message)["data"] == ["e", 1, "o1"]
    assert message.offset == "o1"


def test_integers_beyond_64_bits_become_fractions() -> None:
    given = [2**64 - 1, -(2**63), 2**64, -(2**63) - 1, {"x": [10**30]}]
    data = record_of(WIRE.event("/", EncodedEvent("e", encode_args(given))))["data"][1:]
    assert data == [2**64 - 1, -(2**63), float(2**64), float(-(2**63)), {"x": [1e30]}]
    assert [type(value) for value in data[:4]] == [int, int, float, float]


def test_an_integer_beyond_a_fraction_is_not_a_crash() -> None:
    event = EncodedEvent("e", encode_args([10**400, -(10**400)]))
    assert record_of(WIRE.event("/", event))["data"] == ["e", math.inf, -math.inf]
