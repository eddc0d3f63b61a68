import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from realtime.exceptions import UsageError
from realtime.protocol.encoded_event import EncodedArgs, encode_args


class Piece(msgspec.Struct):
    name: str
    data: bytes


@dataclass
class Move:
    room: str
    piece: Piece
    trail: list[bytes] = field(default_factory=list)


@dataclass
class Titled:
    title: object
    data: bytes = b"x"


class Translation:
    def __str__(self) -> str:
        return "a title"


def place(number: int) -> dict[str, Any]:
    return {"_placeholder": True, "num": number}


def test_arguments_without_bytes_are_one_json_array() -> None:
    assert encode_args(["a", {"b": [1, None]}]) == EncodedArgs('["a",{"b":[1,null]}]')
    assert encode_args([]) == EncodedArgs("[]")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind_become_attachments(kind: Any) -> None:
    encoded = encode_args([kind(b"\x01\x02")])
    assert json.loads(encoded.json) == [place(0)]
    assert encoded.attachments == (b"\x01\x02",)
    assert type(encoded.attachments[0]) is bytes


def test_bytes_at_any_depth_are_numbered_depth_first() -> None:
    encoded = encode_args([b"a", {"x": [b"b", {"y": b"c"}], "z": (b"d",)}, b""])
    assert json.loads(encoded.json) == [
        place(0),
        {"x": [place(1), {"y": place(2)}], "z": [place(3)]},
        place(4),
    ]
    assert encoded.attachments == (b"a", b"b", b"c", b"d", b"")


def test_records_are_objects_and_their_bytes_attachments() -> None:
    encoded = encode_args([Move("csgo", Piece("rook", b"r"), [b"1", b"2"])])
    assert json.loads(encoded.json) == [
        {"room": "csgo", "piece": {"name": "rook", "data": place(0)}, "trail": [place(1), place(2)]}
    ]
    assert encoded.attachments == (b"r", b"1", b"2")


def test_records_without_bytes_and_dates_are_encoded() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert encode_args([{"at": at}]).json == '[{"at":"2026-01-02T03:04:05Z"}]'


@pytest.mark.parametrize("data", [b"x", b""])
def test_an_unknown_object_within_a_record_meets_the_fallback(data: bytes) -> None:
    encoded = encode_args([Titled(Translation(), data)], fallback=str)
    assert json.loads(encoded.json) == [{"title": "a title", "data": place(0)}]


def test_an_unknown_object_beside_bytes_is_our_fault() -> None:
    with pytest.raises(UsageError):
        encode_args([object(), b"x"])
    with pytest.raises(UsageError):
        encode_args([Titled(object())])


def test_a_value_that_holds_itself_is_our_fault() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(UsageError):
        encode_args([value])


def test_inline_bytes_are_base64_text() -> None:
    encoded = encode_args([{"x": b"\x00\xff"}, "t", b""])
    assert json.loads(encoded.with_inline_bytes()) == [
        {"x": base64.b64encode(b"\x00\xff").decode()},
        "t",
        "",
    ]
    assert encode_args(["t"]).with_inline_bytes() == '["t"]'


@pytest.mark.parametrize("number", [0.0, 1.0, True, "0", None, -1, 2, [0], {"a": 1}])
def test_data_that_resembles_a_placeholder_stays_data(number: object) -> None:
    lookalike = {"_placeholder": True, "num": number}
    encoded = encode_args([lookalike, b"a", b"b"])
    assert json.loads(encoded.with_inline_bytes())[0] == lookalike
