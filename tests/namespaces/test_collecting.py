"""A search for garbage that is put off: on again after it, whatever happened, if it was on."""

import gc
from collections.abc import Iterator

import pytest

from realtime.collecting import collecting_later


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.enable()


def test_a_search_waits_for_what_is_within_and_comes_back() -> None:
    with collecting_later():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_comes_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="within"), collecting_later():
        raise ValueError("within")
    assert gc.isenabled()


def test_what_a_program_has_turned_off_stays_off() -> None:
    gc.disable()
    with collecting_later():
        assert not gc.isenabled()
    assert not gc.isenabled()
