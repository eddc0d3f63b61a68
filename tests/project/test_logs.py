import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.logs import ClientFaults, JsonFormatter, LineFormatter


def line(message: str, *, fold: bool = True, **extra: object) -> str:
    record = logging.LogRecord("realtime.x", logging.INFO, __file__, 1, message, None, None)
    vars(record).update(extra)
    return LineFormatter(fold_tracebacks=fold).format(record)


def test_a_record_is_a_line_of_time_level_logger_message_and_data() -> None:
    text = line("socket joined", room="csgo", members=3, name_shown='Ann "A" B')
    at, rest = text.split(" ", 1)
    assert at.endswith("Z")
    assert rest == 'INFO realtime.x socket joined room=csgo members=3 name_shown="Ann \\"A\\" B"'


@given(st.text(), st.text())
def test_no_text_leaves_its_line(message: str, value: str) -> None:
    text = line(message.replace("%", ""), room=value)
    assert text.isprintable()


def test_a_long_value_is_cut() -> None:
    assert len(line("x", room="a" * 5_000)) < 400


def test_objects_and_secrets_of_a_request_are_left_out() -> None:
    assert "object" not in line("x", request=object(), cookies={"sessionid": "s"})
    assert "sessionid" not in line("x", request=object(), cookies={"sessionid": "s"})


def traceback(*, fold: bool) -> str:
    try:
        raise ValueError("first\n2026-01-01 INFO forged")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    return LineFormatter(fold_tracebacks=fold).format(record)


def test_a_folded_traceback_stays_in_the_line_of_its_record() -> None:
    assert "\n" not in traceback(fold=True)
    assert "ValueError" in traceback(fold=True)
    assert 'File \\"' in traceback(fold=True)


def test_a_traceback_for_people_marks_each_of_its_lines() -> None:
    first, *rest = traceback(fold=False).splitlines()
    assert first.endswith("failed")
    assert rest
    assert all(each.startswith("  | ") for each in rest)


def json_line(message: str, **extra: object) -> str:
    record = logging.LogRecord("realtime.x", logging.INFO, __file__, 1, message, None, None)
    vars(record).update(extra)
    return JsonFormatter().format(record)


def test_json_has_the_same_fields_with_their_types() -> None:
    found = json.loads(json_line("socket joined", room="csgo", seconds=1.5, user=None))
    assert found.pop("at").endswith("Z")
    assert found == {
        "level": "INFO",
        "logger": "realtime.x",
        "message": "socket joined",
        "room": "csgo",
        "seconds": 1.5,
        "user": None,
    }


@given(st.text(), st.text(), st.floats())
def test_json_is_one_line_of_printable_text_whatever_came(
    message: str, value: str, number: float
) -> None:
    text = json_line(message.replace("%", ""), room=value, number=number)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["message"] == message.replace("%", "")


def test_no_field_of_a_record_takes_the_place_of_ours() -> None:
    found = json.loads(json_line("joined", level="x", logger="y", at="z"))
    assert (found["level"], found["logger"]) == ("INFO", "realtime.x")


def test_the_process_has_its_short_name_in_both_forms() -> None:
    assert line("x", process_id="abc").endswith("x process=abc")
    assert json.loads(json_line("x", process_id="abc"))["process"] == "abc"


def test_json_keeps_a_traceback_in_its_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "ValueError: first" in json.loads(text)["traceback"]


@pytest.mark.parametrize(("name", "lines"), [("django.security.DisallowedHost", 1), ("django", 5)])
def test_what_a_client_did_wrong_is_one_line(name: str, lines: int) -> None:
    try:
        raise ValueError("Invalid HTTP_HOST header")
    except ValueError:
        cause = sys.exc_info()
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, str(cause[1]), None, cause)
    assert ClientFaults().filter(record)
    text = LineFormatter(fold_tracebacks=False).format(record)
    assert len(text.splitlines()) == lines
