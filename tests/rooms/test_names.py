"""Names and texts: trimmed and passed on, or refused with words that say why."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.namespaces.names import WHITE_SPACE
from rooms.names import (
    NONCE_MAX,
    ROOM_NAME_MAX,
    ROOM_NAME_PATTERN,
    TEXT_MAX,
    clean_nonce,
    clean_room_name,
    clean_text,
)

# A busy machine is no failure.
unhurried = settings(deadline=None)
FAMILY = "👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    "name", ["csgo", "rocket league", "a/b", "Straße", "部屋", FAMILY, "...", "-", "a\u200db"]
)
def test_an_ordinary_name_is_given_as_it_is(name: str) -> None:
    assert clean_room_name(name) == name


def test_white_space_around_a_name_is_dropped_and_inside_it_stays() -> None:
    assert clean_room_name(" \t\u3000rocket  league\u2003\n") == "rocket  league"


def test_a_name_is_compared_as_written() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert clean_room_name(composed) != clean_room_name(decomposed)
    assert clean_room_name("CSGO") != clean_room_name("csgo")


@pytest.mark.parametrize("name", ["", "   ", "\u2029", ".", "..", " .. "])
def test_a_name_without_content_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="room"):
        clean_room_name(name)


@pytest.mark.parametrize(
    "character",
    ["\0", "\n", "\x1f", "\x7f", "\x85", "\ud800", "\u2028", "\u2029", "\u202e", "\u2066"],
)
def test_a_name_with_a_refused_character_says_which(character: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(character):04X}"):
        clean_room_name(f"a{character}b")


def test_a_control_character_at_the_end_is_refused_and_not_trimmed() -> None:
    with pytest.raises(ValueError, match=r"U\+001C"):
        clean_room_name("csgo\x1c")


def test_a_name_has_up_to_a_hundred_code_points() -> None:
    longest = "😀" * ROOM_NAME_MAX
    assert clean_room_name(f" {longest} ") == longest
    with pytest.raises(ValueError, match="100"):
        clean_room_name(longest + "x")


@unhurried
@example("\0")
@given(st.text(min_size=0, max_size=ROOM_NAME_MAX + 5))
def test_the_database_accepts_exactly_the_names_that_need_no_cleaning(raw: str) -> None:
    try:
        is_clean = clean_room_name(raw) == raw
    except ValueError:
        is_clean = False
    fits = re.search(ROOM_NAME_PATTERN, raw) is not None and raw not in {".", ".."}
    assert fits == is_clean


def test_the_white_space_that_is_trimmed_is_unicodes() -> None:
    separators = {chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs"}
    assert set(WHITE_SPACE) == separators | set("\t\n\v\f\r\x85\u2028\u2029")


@pytest.mark.parametrize(
    "text", ["hello", "two\nlines", "a\ttab", FAMILY, "\u202eleft", "x" * 4000]
)
def test_a_text_with_tabs_and_lines_is_given_as_it_is(text: str) -> None:
    assert clean_text(f"  {text}\n") == text


@pytest.mark.parametrize("text", ["", " \n ", "x" * (TEXT_MAX + 1)])
def test_an_empty_or_over_long_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="text"):
        clean_text(text)


@pytest.mark.parametrize("character", ["\0", "\r", "\x1b", "\x9f", "\udfff"])
def test_a_text_with_a_refused_character_says_which(character: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(character):04X}"):
        clean_text(f"a{character}b")


def test_a_nonce_has_one_to_sixty_four_characters() -> None:
    assert clean_nonce("n" * NONCE_MAX) == "n" * NONCE_MAX
    for refused in ("", "n" * (NONCE_MAX + 1), "a\0", "\ud800"):
        with pytest.raises(ValueError, match="nonce"):
            clean_nonce(refused)
