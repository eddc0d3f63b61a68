"""One argument of an event against its declared type: the value it becomes, or where it is wrong.

Pure; the same rules for what clients send and for what they are sent.
"""

import re
import typing
from dataclasses import is_dataclass
from typing import Any

import msgspec

from realtime.exceptions import UsageError

_ANYTHING = (Any, object)
_MISSING_FIELD = re.compile(r"Object missing required field `(.+)`")
# msgspec's two ways to say where: at a value, or at a key of an object.
_PLACE = re.compile(r"(?s)(?P<problem>.*) - at (?:`key` in )?`\$(?P<path>.*)`")


class Mismatch(ValueError):  # noqa: N818 - named for what it is, not for being raised
    """A value is not of its declared type: ``field`` is where, ``problem`` what is wrong there."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def check_kind(kind: Any, where: str) -> None:
    """Raise ``UsageError`` if no value could ever be checked against a declared type."""
    if kind in _ANYTHING:
        return
    try:
        msgspec.json.Decoder(kind)
    except (TypeError, NameError) as error:
        raise UsageError(f"{where} has a type that cannot be checked: {error}") from error


def convert(value: Any, kind: Any, position: int) -> Any:
    """Return argument number ``position`` as its type; raises ``Mismatch``.

    Fields that the type does not name are ignored. ``Mismatch.field`` is a path such as
    ``args[1].text``; fields of an only record are named as its sender names them: ``text``.
    """
    if kind in _ANYTHING:
        return value
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        field, problem = _explain(str(error), position)
        raise Mismatch(_short(field, kind), problem) from error


def _explain(message: str, position: int) -> tuple[str, str]:
    found = _PLACE.fullmatch(message)
    problem, path = (found["problem"], found["path"]) if found else (message, "")
    field = f"args[{position}]{path}"
    if missing := _MISSING_FIELD.fullmatch(problem):
        field += f".{missing[1]}"
    return field, problem


def _short(field: str, kind: Any) -> str:
    kinds = typing.get_args(kind) or (kind,)
    return field.removeprefix("args[0].") if any(map(_is_record, kinds)) else field


def _is_record(kind: Any) -> bool:
    return (
        is_dataclass(kind)
        or typing.is_typeddict(kind)
        or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
    )
