"""What a room event may carry, field by field."""

from typing import Any

import pytest

from realtime.exceptions import Refused
from rooms.requests import (
    DATA_MAX_BYTES,
    InRoom,
    clean_data,
    clean_limit,
    clean_message_nonce,
    clean_message_text,
    clean_offset,
    clean_password,
    clean_search,
    room_named,
)


def refused_field(call: Any, *args: Any) -> str:
    """Run what must be refused and give the field that it names."""
    with pytest.raises(Refused) as refusal:
        call(*args)
    assert refusal.value.code == "bad_request"
    assert refusal.value.message
    return str(refusal.value.data["field"])


@pytest.mark.parametrize("request_", [" csgo ", InRoom(" csgo ")])
def test_a_room_is_named_by_a_text_or_by_an_object(request_: Any) -> None:
    assert room_named(request_) == "csgo"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "..", "a\x00b", "\u202eabc", "\ud800"])
def test_a_name_that_no_room_can_have_is_a_bad_request(name: str) -> None:
    assert refused_field(room_named, name) == "room"


def test_a_text_at_its_limit_passes_and_one_more_is_refused() -> None:
    assert clean_message_text(" " + "😀" * 4_000 + " ") == "😀" * 4_000
    assert refused_field(clean_message_text, "😀" * 4_001) == "text"


@pytest.mark.parametrize("text", ["", " \n", "a\x00", "a\x1b", "\ud800"])
def test_a_text_that_cannot_be_shown_is_refused(text: str) -> None:
    assert refused_field(clean_message_text, text) == "text"


def test_data_at_its_limit_passes_and_one_byte_more_is_refused() -> None:
    empty = len('{"a":""}')
    fits = {"a": "é" * ((DATA_MAX_BYTES - empty) // 2)}
    assert clean_data(fits) == fits
    assert refused_field(clean_data, {"a": fits["a"] + "x"}) == "data"


@pytest.mark.parametrize(
    "data", [{"a": b"bytes"}, {"a": float("nan")}, {"a": "\ud800"}, {"a": [{"b\x00": 1}]}]
)
def test_data_that_no_database_keeps_as_json_is_refused(data: dict[str, Any]) -> None:
    assert refused_field(clean_data, data) == "data"


def test_a_nonce_has_1_to_64_characters() -> None:
    assert clean_message_nonce(None) is None
    assert clean_message_nonce("n" * 64) == "n" * 64
    assert refused_field(clean_message_nonce, "n" * 65) == "nonce"
    assert refused_field(clean_message_nonce, "") == "nonce"


@pytest.mark.parametrize("field", ["since", "before", "after"])
def test_an_offset_below_0_or_beyond_every_database_is_refused_by_its_field(field: str) -> None:
    assert clean_offset(0, field) == 0
    assert refused_field(clean_offset, -1, field) == field
    assert refused_field(clean_offset, 2**53, field) == field


def test_a_limit_above_the_most_counts_as_the_most() -> None:
    assert clean_limit(None, 100) == 100
    assert clean_limit(7, 100) == 7
    assert clean_limit(10**30, 100) == 100
    assert refused_field(clean_limit, 0, 100) == "limit"


def test_half_a_surrogate_pair_is_refused_where_a_database_or_a_hasher_would_choke() -> None:
    assert refused_field(clean_search, "\ud800", "search") == "search"
    assert refused_field(clean_password, "\udfff") == "password"
    assert clean_search(None, "search") == ""
