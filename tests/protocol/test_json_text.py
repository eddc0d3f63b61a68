import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.exceptions import ProtocolError, UsageError
from realtime.protocol.json_text import (
    LoneSurrogate,
    decode_event_json,
    decode_json,
    encode_json,
)
from tests.protocol.values import MAX_DEPTH, json_values

REFUSED = {
    "nothing": "",
    "half a word": "nul",
    "NaN": "NaN",
    "NaN within": '{"a":NaN}',
    "Infinity": "Infinity",
    "minus Infinity": "[-Infinity]",
    "a number beyond doubles": "1e999",
    "5000 digits": "9" * 5000,
    "leading zero": "01",
    "lone high surrogate": r'"a\ud800b"',
    "high surrogate at the end": r'"\ud800"',
    "lone low surrogate": r'"\udc00"',
    "low surrogate before high": r'"\udc00\ud800"',
    "two low surrogates": r'"\udc00\udc00"',
    "raw surrogate": '"\ud800"',
    "raw NUL": '"\x00"',
    "raw newline": '"a\nb"',
    "byte order mark": "\ufeff1",
    "two values": "1 2",
    "trailing comma": "[1,]",
    "single quotes": "{'a': 1}",
    "number as key": "{1:2}",
    "open string": '"abc',
    "open array": "[1",
    "comment": "1 // one",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_browsers_would_refuse_or_choke_on_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_json(text, max_depth=32)


@pytest.mark.parametrize("what", [name for name in REFUSED if "surrogate" not in name])
def test_events_are_read_as_strictly(what: str) -> None:
    text = REFUSED[what]
    for wrapped in (text, rf'{{"half":"\ud800","other":{text}}}'):
        with pytest.raises(ProtocolError):
            decode_event_json(wrapped, max_depth=32)
    with pytest.raises(ProtocolError, match="deeper"):
        decode_event_json('["\\ud800",' + "[" * 40 + "]" * 41, max_depth=32)


def test_half_a_surrogate_pair_in_an_event_is_no_text_and_leaves_the_rest_as_it_is() -> None:
    text = r'["e",{"a":"x\ud800y","b":[1.5,"ok",{"\udc00":1}]},"\ud83d\ude00"]'
    name, fields, whole = decode_event_json(text, max_depth=32)
    assert (name, whole) == ("e", "😀")
    assert isinstance(fields["a"], LoneSurrogate)
    assert str(fields["a"]) == "x\ufffdy"
    assert fields["b"][:2] == [1.5, "ok"]
    assert isinstance(fields["b"][2], LoneSurrogate)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud83d\ude00"', "😀"),
        ('"\\u0000"', "\x00"),
        ("  1  ", 1),
        ("-0.5e2", -50.0),
        ("9" * 30, int("9" * 30)),
        (str(2**64), 2**64),
    ],
)
def test_unusual_but_sound_texts_are_read(text: str, value: object) -> None:
    assert decode_json(text, max_depth=32) == value


def test_the_last_of_doubled_keys_counts_as_in_browsers() -> None:
    assert decode_json('{"a":1,"b":2,"a":3}', max_depth=32) == {"a": 3, "b": 2}


def nested(shape: str, depth: int) -> str:
    """Return brackets that nest so deep; ``shape`` is which ones, repeated."""
    kinds = [shape[level % len(shape)] for level in range(depth)]
    inner = depth - 1
    opening = "".join(
        "[" if kind == "[" else ("{" if level == inner else '{"k":')
        for level, kind in enumerate(kinds)
    )
    return opening + "".join("]" if kind == "[" else "}" for kind in reversed(kinds))


@pytest.mark.parametrize("shape", ["[", "{", "[{", "{[", "[[{", "{{["])
@pytest.mark.parametrize("limit", [1, 2, 5, 32])
def test_nesting_is_allowed_up_to_the_limit_and_no_deeper(shape: str, limit: int) -> None:
    assert decode_json(nested(shape, limit), max_depth=limit) is not None
    with pytest.raises(ProtocolError, match=f"deeper than {limit}"):
        decode_json(nested(shape, limit + 1), max_depth=limit)


def test_brackets_side_by_side_and_in_strings_are_not_deep() -> None:
    wide = "[" + ",".join(["[]", "{}"] * 500) + "]"
    assert len(decode_json(wide, max_depth=2)) == 1000
    quoted = json.dumps(["[[[[{{{{", 'a"[[[[\\', "\\"])
    assert decode_json(quoted, max_depth=1) == ["[[[[{{{{", 'a"[[[[\\', "\\"]


@pytest.mark.parametrize("inside", ['\\"', "\\\\", "x", '\\"['])
def test_a_long_open_string_is_looked_at_once(inside: str) -> None:
    # Looked at again from each of its quotes this would take many minutes.
    began_at = time.perf_counter()
    with pytest.raises(ProtocolError):
        decode_json("[" * 40 + '"' + inside * 300_000, max_depth=32)
    assert time.perf_counter() - began_at < 5


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 40 + "]" * 39, "]" * 99])
def test_endless_nesting_is_refused_without_recursion(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_json(text, max_depth=32)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value
    if not isinstance(value, list | dict):
        return 0
    return 1 + max(map(depth_of, inner), default=0)


@given(json_values)
def test_decoding_undoes_encoding(value: Any) -> None:
    assert decode_json(encode_json(value), max_depth=MAX_DEPTH) == value


@given(json_values, st.integers(0, 6))
def test_exactly_the_values_that_nest_too_deep_are_refused(value: Any, limit: int) -> None:
    text = encode_json(value)
    if depth_of(value) <= limit:
        assert decode_json(text, max_depth=limit) == value
    else:
        with pytest.raises(ProtocolError):
            decode_json(text, max_depth=limit)


@given(st.text() | st.text('[]{}",:\\ \ud800truenl0123e.-'))
def test_any_text_is_read_or_refused_as_json_says(text: str) -> None:
    try:
        value = decode_json(text, max_depth=MAX_DEPTH)
    except ProtocolError:
        return
    assert json.loads(text) == value


def test_json_is_compact_and_unescaped() -> None:
    assert encode_json({"a": [1, "ü", None, True], "b": 1.5}) == '{"a":[1,"ü",null,true],"b":1.5}'


def test_not_a_number_becomes_null_as_in_javascript() -> None:
    assert encode_json([float("nan"), float("inf")]) == "[null,null]"


@pytest.mark.parametrize("value", ["\ud800", ["\udfff"], {"\udc00": 1}, object(), {1j: 2}])
def test_what_json_cannot_say_is_our_fault_and_named(value: object) -> None:
    with pytest.raises(UsageError, match="not JSON"):
        encode_json(value)


def test_a_value_that_holds_itself_is_our_fault() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(UsageError):
        encode_json(value)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70), 10**40])
def test_numbers_that_are_read_can_be_sent_on(number: int) -> None:
    assert encode_json(decode_json(str(number), max_depth=1)) == str(number)
