"""The load generator's own WebSocket and its two dialects."""

import pytest

from bench.dialects import (
    DIALECTS,
    Ack,
    Beat,
    Connected,
    Event,
    Incoming,
    Opened,
    PlainDialect,
    Refusal,
    SocketIODialect,
)
from bench.frames import CLOSE, PING, TEXT, FrameError, encode_frame, opening, read_frames


def server_frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65_536:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def unmask(frame: bytes) -> bytes:
    start = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    mask, body = frame[start : start + 4], frame[start + 4 :]
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))


@pytest.mark.parametrize("length", [0, 1, 4, 125, 126, 65_535, 65_536])
def test_a_masked_frame_unmasks_to_its_payload(length: int) -> None:
    payload = bytes(index % 251 for index in range(length))

    frame = encode_frame(TEXT, payload)

    assert frame[0] == 0x81
    assert frame[1] & 0x80
    assert unmask(frame) == payload


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_are_read_whole_and_a_cut_one_is_left(length: int) -> None:
    first, second = server_frame(TEXT, b"a" * length), server_frame(PING, b"beat")

    whole = read_frames(first + second)
    cut = read_frames(first + second[:-1])

    assert whole.items == [(TEXT, b"a" * length), (PING, b"beat")]
    assert whole.consumed == len(first) + len(second)
    assert cut.items == [(TEXT, b"a" * length)]
    assert cut.consumed == len(first)


def test_a_frame_cut_anywhere_is_not_read() -> None:
    frame = server_frame(TEXT, b"x" * 300)

    assert all(read_frames(frame[:cut]).items == [] for cut in range(len(frame)))


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x01\x01a", id="fragment"),
        pytest.param(b"\xc1\x01a", id="compressed"),
        pytest.param(encode_frame(TEXT, b"a"), id="masked"),
    ],
)
def test_what_a_server_must_not_send_is_refused(frame: bytes) -> None:
    with pytest.raises(FrameError):
        read_frames(frame)


def test_the_opening_asks_for_no_compression_and_names_no_origin() -> None:
    request = opening("127.0.0.1", 8000, "/ws/games/").lower()

    assert request.startswith(b"get /ws/games/ http/1.1\r\nhost: 127.0.0.1:8000\r\n")
    assert b"origin" not in request
    assert b"extensions" not in request


def test_socketio_events_name_their_namespace_and_ack() -> None:
    dialect = SocketIODialect()

    assert dialect.encode_event("echo", {"a": 1}, ack_id=7) == '42/games,7["echo",{"a":1}]'
    assert dialect.encode_event("typing", "csgo") == '42/games,["typing","csgo"]'


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("2", Beat("3")),
        ('0{"sid":"x"}', Opened(["40/games,"])),
        ('40/games,{"sid":"x"}', Connected()),
        ('42/games,["news",{"text":"a [b], c"}]', Event("news", [{"text": "a [b], c"}])),
        ('43/games,12[{"ok":true}]', Ack(12, [{"ok": True}])),
        ('44/games,{"message":"no"}', Refusal('44/games,{"message":"no"}')),
        ("41/games,", Refusal("41/games,")),
        ("1", Refusal("1")),
    ],
)
def test_socketio_packets_are_understood(text: str, meaning: Incoming) -> None:
    assert SocketIODialect().decode(text) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('{"connect":{"sid":"x","namespace":"/games"}}', Connected()),
        ('{"event":"news","args":[1]}', Event("news", [1])),
        ('{"ack":3,"args":[]}', Ack(3, [])),
        ('{"disconnect":{"reason":"outbox"}}', Refusal('{"disconnect":{"reason":"outbox"}}')),
    ],
)
def test_plain_frames_are_understood(text: str, meaning: Incoming) -> None:
    assert PlainDialect().decode(text) == meaning


@pytest.mark.parametrize(
    ("dialect", "text"),
    [("socketio", "6"), ("socketio", "42/news,[1]"), ("socketio", "49/games,"), ("plain", "{}")],
)
def test_what_no_server_sends_is_refused(dialect: str, text: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        DIALECTS[dialect].decode(text)


def test_close_is_a_frame_of_its_own() -> None:
    code = (1012).to_bytes(2, "big")

    assert read_frames(server_frame(CLOSE, code)).items == [(CLOSE, code)]
