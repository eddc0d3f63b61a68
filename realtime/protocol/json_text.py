"""Strict JSON, compact and bounded: text to values and back.

What ``JSON.parse`` in a browser would refuse, or what would hurt this process, is refused here:
``NaN``, lone surrogates, endless nesting, numbers out of range.
Source: RFC 8259; Socket.IO protocol v5, "Packet encoding".
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from realtime.exceptions import ProtocolError, UsageError

_decoder = msgspec.json.Decoder()
# Never gives back, and takes an open string to the end of the text: otherwise each escaped quote
# in one would be tried as the start of another, all the way to the end.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")


class LoneSurrogate:
    """A text with half of a surrogate pair in it, such as a cut emoji.

    JSON can say it; UTF-8, logs and databases cannot. It is no ``str``, so that whatever asks for a
    text refuses it and names the field. ``str()`` gives it with U+FFFD in the halves' places.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = _SURROGATE.sub("\ufffd", text)

    def __str__(self) -> str:
        return self._text


def decode_json(text: str, *, max_depth: int) -> Any:
    """Return the value of one JSON text; raises ``ProtocolError`` on any other input.

    ``max_depth`` bounds how deep arrays and objects may nest; a bare number has depth 0.
    """
    # Most texts have fewer brackets than the limit: then nothing needs counting.
    if text.count("[") + text.count("{") > max_depth and _is_deeper(text, max_depth):
        raise ProtocolError(f"JSON nests deeper than {max_depth}", limit="max_json_depth")
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise ProtocolError("malformed JSON") from error


def decode_event_json(text: str, *, max_depth: int) -> Any:
    """Return what ``decode_json`` does, and a ``LoneSurrogate`` for each text that holds one.

    For events alone: their sender is told which field it is, where ``decode_json`` would make it
    a fault of the whole connection.
    """
    try:
        return decode_json(text, max_depth=max_depth)
    except ProtocolError as error:
        if error.limit is not None or "\\u" not in text:
            raise
        try:
            value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
            return _marked(value)
        except (ValueError, RecursionError):
            raise error from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _marked(value: Any) -> Any:
    if isinstance(value, str):
        return LoneSurrogate(value) if _SURROGATE.search(value) else value
    if isinstance(value, list):
        return [_marked(item) for item in value]
    if isinstance(value, dict):
        if any(map(_SURROGATE.search, value)):
            return LoneSurrogate(", ".join(value))
        return {key: _marked(item) for key, item in value.items()}
    return value


def _is_deeper(text: str, max_depth: int) -> bool:
    """Say whether the brackets outside strings nest deeper; C speed on any input."""
    brackets = _STRING.sub(b"", text.encode("utf-8", "surrogatepass"))
    # Both kinds count alike; whether they match is the decoder's business.
    brackets = brackets.translate(_AS_SQUARE, _NOT_BRACKETS)
    for _ in range(max_depth):
        # Each round takes away the innermost level.
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return bool(brackets)


def encode_json(value: Any, *, fallback: Callable[[Any], Any] | None = None) -> str:
    """Return ``value`` as compact JSON; ``fallback`` turns an unknown object into a known one.

    Dataclasses, ``msgspec.Struct``, datetimes, UUIDs and enums are encoded as msgspec does;
    ``NaN`` becomes ``null`` as in JavaScript. Raises ``UsageError`` on what JSON cannot say.
    """
    try:
        return msgspec.json.encode(value, enc_hook=fallback).decode()
    except (TypeError, ValueError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise UsageError(f"not JSON: {error}") from error
