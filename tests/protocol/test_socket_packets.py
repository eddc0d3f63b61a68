from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.exceptions import ProtocolError
from realtime.protocol.encoded_event import EncodedEvent, encode_args
from realtime.protocol.socket_packets import (
    MAX_ACK_ID,
    RESERVED_EVENTS,
    SocketPacket,
    SocketPacketDecoder,
    SocketType,
)
from realtime.protocol.wires import SOCKET_IO_WIRE
from tests.protocol.values import MAX_DEPTH, json_values, texts


def decoder(max_attachments: int = 10, max_depth: int = MAX_DEPTH) -> SocketPacketDecoder:
    return SocketPacketDecoder(max_attachments=max_attachments, max_depth=max_depth)


def decode(*messages: str | bytes) -> SocketPacket:
    feeder = decoder()
    *before, last = messages
    for message in before:
        assert feeder.feed(message) is None
    packet = feeder.feed(last)
    assert packet is not None
    return packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", SocketPacket(SocketType.CONNECT)),
        ('0{"token":"1"}', SocketPacket(SocketType.CONNECT, "/", {"token": "1"})),
        ("0/a", SocketPacket(SocketType.CONNECT, "/a")),
        ("0/a,", SocketPacket(SocketType.CONNECT, "/a")),
        ("0/a,{}", SocketPacket(SocketType.CONNECT, "/a", {})),
        ("0/a?x=1,", SocketPacket(SocketType.CONNECT, "/a?x=1")),
        ("1", SocketPacket(SocketType.DISCONNECT)),
        ("1/a,", SocketPacket(SocketType.DISCONNECT, "/a")),
        ('2["e",1]', SocketPacket(SocketType.EVENT, "/", ["e", 1])),
        ('2/a,["e"]', SocketPacket(SocketType.EVENT, "/a", ["e"])),
        ('2/a,12["e",1]', SocketPacket(SocketType.EVENT, "/a", ["e", 1], 12)),
        ('20["e"]', SocketPacket(SocketType.EVENT, "/", ["e"], 0)),
        ("2[5]", SocketPacket(SocketType.EVENT, "/", [5])),
        ("2", SocketPacket(SocketType.EVENT)),
        ("3/a,12[]", SocketPacket(SocketType.ACK, "/a", [], 12)),
        ("37[1,2]", SocketPacket(SocketType.ACK, "/", [1, 2], 7)),
        ("3[]", SocketPacket(SocketType.ACK, "/", [])),
        ('4"no"', SocketPacket(SocketType.CONNECT_ERROR, "/", "no")),
        ('4/a,{"message":"no"}', SocketPacket(SocketType.CONNECT_ERROR, "/a", {"message": "no"})),
        (
            '2["e",{"_placeholder":true,"num":0}]',
            SocketPacket(SocketType.EVENT, "/", ["e", {"_placeholder": True, "num": 0}]),
        ),
        ('50-["e"]', SocketPacket(SocketType.EVENT, "/", ["e"])),
        (f'2{MAX_ACK_ID}["e"]', SocketPacket(SocketType.EVENT, "/", ["e"], MAX_ACK_ID)),
    ],
)
def test_each_form_of_packet_is_read(text: str, packet: SocketPacket) -> None:
    assert decode(text) == packet


MALFORMED = {
    "nothing": "",
    "unknown type": "7",
    "letter": "x",
    "other script's digit": "\u0662[]",
    "bad JSON": "2[",
    "trash after JSON": '2["e"]x',
    "CONNECT with array": "0[]",
    "CONNECT with text": '0"x"',
    "CONNECT with null": "0null",
    "DISCONNECT with payload": "1{}",
    "EVENT with object": "2{}",
    "EVENT with text": '2"e"',
    "EVENT with null": "2null",
    "EVENT without name": "2[]",
    "EVENT named null": "2[null]",
    "EVENT named by object": "2[{}]",
    "EVENT named by array": '2[["a"]]',
    "EVENT named by boolean": "2[true]",
    "ACK with object": "31{}",
    "ACK with text": '31"x"',
    "CONNECT_ERROR with array": "4[]",
    "CONNECT_ERROR with number": "4/a,1.5",
    "id out of range": f'2{MAX_ACK_ID + 1}["e"]',
    "id of 17 digits": '200000000000000000["e"]',
    "endless id": "2" + "1" * 5000 + '["e"]',
    "negative id": '2-1["e"]',
    "no attachment count": '5["e"]',
    "empty attachment count": '5-["e"]',
    "negative attachment count": '5-1-["e"]',
    "attachment count no integer": '51.5-["e"]',
    "attachment count in another script": '5\u0661-["e"]',
    "too many attachments": '511-["e"]',
    "far too many attachments": '5451000000-["e"]',
    "binary ack without count": "61[]",
    "placeholder without attachments": '50-["e",{"_placeholder":true,"num":0}]',
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_malformed_packets_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decoder().feed(text)


def test_an_attachment_is_named_once() -> None:
    one = decoder()
    one.feed('51-["e",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":0}]]')
    with pytest.raises(ProtocolError, match="of its own"):
        one.feed(b"x")


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_are_refused_as_events(name: str) -> None:
    with pytest.raises(ProtocolError):
        decoder().feed(f'2["{name}"]')
    with pytest.raises(ProtocolError):
        decoder().feed(f'51-["{name}"]')


@pytest.mark.parametrize("name", ["error", "message", "__class__", "__proto__", "toString", ""])
def test_free_names_are_read(name: str) -> None:
    assert decode(f'2["{name}"]').data == [name]


def test_attachments_take_the_places_of_their_placeholders() -> None:
    packet = decode(
        '52-/a,7["e",{"_placeholder":true,"num":1},{"x":[{"_placeholder":true,"num":0}]}]',
        b"first",
        b"second",
    )
    assert packet == SocketPacket(SocketType.EVENT, "/a", ["e", b"second", {"x": [b"first"]}], 7)


def test_a_binary_ack_is_an_ack() -> None:
    packet = decode('61-/a,7[{"_placeholder":true,"num":0}]', b"x")
    assert packet == SocketPacket(SocketType.ACK, "/a", [b"x"], 7)


def test_a_surplus_attachment_stands_nowhere() -> None:
    place = '{"_placeholder":true,"num":0}'
    assert decode(f'52-["e",{place}]', b"a", b"b").data == ["e", b"a"]


@pytest.mark.parametrize("number", ["-1", "1", "1000000000", '"0"', "true", "0.0", "null", "[]"])
def test_a_placeholder_with_another_number_is_refused(number: str) -> None:
    feeder = decoder()
    feeder.feed(f'51-["e",{{"_placeholder":true,"num":{number}}}]')
    with pytest.raises(ProtocolError):
        feeder.feed(b"x")


def test_a_placeholder_without_a_number_is_refused() -> None:
    feeder = decoder()
    feeder.feed('51-["e",{"_placeholder":true}]')
    with pytest.raises(ProtocolError):
        feeder.feed(b"x")


@pytest.mark.parametrize("mark", ["1", '"true"', "false", "null"])
def test_what_only_resembles_a_placeholder_is_data(mark: str) -> None:
    packet = decode(f'51-["e",{{"_placeholder":{mark},"num":0}}]', b"x")
    assert packet.data[1]["num"] == 0


def test_text_while_attachments_are_due_is_refused() -> None:
    feeder = decoder()
    feeder.feed('52-["e"]')
    feeder.feed(b"one")
    with pytest.raises(ProtocolError, match="attachments were due"):
        feeder.feed('2["e"]')


def test_bytes_while_none_are_due_are_refused() -> None:
    with pytest.raises(ProtocolError, match="no attachment was due"):
        decoder().feed(b"x")
    feeder = decoder()
    feeder.feed('51-["e"]')
    feeder.feed(b"x")
    with pytest.raises(ProtocolError):
        feeder.feed(b"y")


def test_attachments_are_limited_at_the_edge() -> None:
    assert decoder(max_attachments=3).feed('53-["e"]') is None
    with pytest.raises(ProtocolError, match="more than 3 attachments"):
        decoder(max_attachments=3).feed('54-["e"]')
    with pytest.raises(ProtocolError):
        decoder(max_attachments=0).feed('51-["e"]')


def test_depth_is_limited_at_the_edge() -> None:
    assert decoder(max_depth=3).feed('2["e",[[]]]') is not None
    with pytest.raises(ProtocolError, match="deeper"):
        decoder(max_depth=3).feed('2["e",[[[]]]]')


namespaces = st.just("/") | texts.map(lambda name: "/" + name.replace(",", ""))
ack_ids = st.none() | st.integers(0, MAX_ACK_ID)
names = texts.filter(lambda name: name not in RESERVED_EVENTS)
# An object that looks like a placeholder would be one beside real bytes.
arguments = st.lists(json_values | st.binary(max_size=20), max_size=4)


@given(namespaces, names, arguments, ack_ids)
def test_decoding_an_event_undoes_encoding(
    namespace: str, name: str, args: list[Any], ack_id: int | None
) -> None:
    message = SOCKET_IO_WIRE.event(namespace, EncodedEvent(name, encode_args(args)), ack_id)
    text, *attachments = message.parts
    assert isinstance(text, str)
    assert text.startswith("4")
    packet = decode(text[1:], *attachments)
    assert packet == SocketPacket(SocketType.EVENT, namespace, [name, *args], ack_id)


@given(namespaces, arguments, st.integers(0, MAX_ACK_ID))
def test_decoding_an_ack_undoes_encoding(namespace: str, args: list[Any], ack_id: int) -> None:
    text, *attachments = SOCKET_IO_WIRE.ack(namespace, ack_id, encode_args(args)).parts
    assert isinstance(text, str)
    packet = decode(text[1:], *attachments)
    assert packet == SocketPacket(SocketType.ACK, namespace, args, ack_id)


pieces = st.sampled_from(
    ["0", "2", "5", "6", "1-", "2-", "/a", ",", "7", "[", "]", '"e"', "{", "}", ":", "1", "null"]
)
wild_texts = st.text() | st.lists(pieces, max_size=12).map("".join)


@given(st.lists(wild_texts | st.binary(max_size=4), max_size=5))
def test_any_messages_are_read_or_refused(messages: list[str | bytes]) -> None:
    feeder = decoder(max_attachments=2, max_depth=4)
    try:
        for message in messages:
            packet = feeder.feed(message)
            assert packet is None or packet.namespace.startswith("/")
    except ProtocolError:
        pass
