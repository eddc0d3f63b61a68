import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.exceptions import ProtocolError
from realtime.protocol.engine_packets import (
    RECORD_SEPARATOR,
    EnginePacket,
    EngineType,
    decode_packet,
    decode_payload,
    encode_packet,
    encode_payload,
)

texts = st.text(st.characters(exclude_characters=RECORD_SEPARATOR, exclude_categories=["Cs"]))
packets = st.builds(EnginePacket, st.sampled_from(EngineType), texts) | st.builds(
    EnginePacket, st.just(EngineType.MESSAGE), st.binary()
)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0{}", EnginePacket(EngineType.OPEN, "{}")),
        ("1", EnginePacket(EngineType.CLOSE)),
        ("2probe", EnginePacket(EngineType.PING, "probe")),
        ("3", EnginePacket(EngineType.PONG)),
        ("4hello", EnginePacket(EngineType.MESSAGE, "hello")),
        ("4", EnginePacket(EngineType.MESSAGE)),
        ("5", EnginePacket(EngineType.UPGRADE)),
        ("6", EnginePacket(EngineType.NOOP)),
        ("bAQIDBA==", EnginePacket(EngineType.MESSAGE, b"\x01\x02\x03\x04")),
        ("b", EnginePacket(EngineType.MESSAGE, b"")),
    ],
)
def test_each_type_has_its_text(text: str, packet: EnginePacket) -> None:
    assert decode_packet(text) == packet
    assert encode_packet(packet) == text


@pytest.mark.parametrize(
    "text", ["", "7", "9x", "a", "-4", " 4", "\u0664x", "B", "b###", "bA", "bAQ=", "bÄ"]
)
def test_malformed_packets_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_packet(text)


@given(packets)
def test_decoding_a_packet_undoes_encoding(packet: EnginePacket) -> None:
    assert decode_packet(encode_packet(packet)) == packet


@given(st.lists(packets, min_size=1, max_size=20))
def test_decoding_a_payload_undoes_encoding(several: list[EnginePacket]) -> None:
    assert decode_payload(encode_payload(several), max_packets=len(several)) == several


def test_a_payload_has_at_most_so_many_packets() -> None:
    body = RECORD_SEPARATOR.join(["4a"] * 16)
    assert len(decode_payload(body, max_packets=16)) == 16
    with pytest.raises(ProtocolError, match="more than 15 packets"):
        decode_payload(body, max_packets=15)


@pytest.mark.parametrize("body", ["", "4a\x1e", "\x1e4a", "4a\x1e\x1e4b", "4a\x1e7"])
def test_a_payload_with_one_bad_packet_is_refused(body: str) -> None:
    with pytest.raises(ProtocolError):
        decode_payload(body, max_packets=16)


@given(st.text())
def test_any_body_is_read_or_refused(body: str) -> None:
    try:
        found = decode_payload(body, max_packets=8)
    except ProtocolError:
        return
    assert len(found) == body.count(RECORD_SEPARATOR) + 1
