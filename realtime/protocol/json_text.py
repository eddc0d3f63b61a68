"""Strict JSON, compact and bounded: text to values and back.

What ``JSON.parse`` in a browser would refuse, or what would hurt this process, is refused here:
``NaN``, lone surrogates, endless nesting, numbers out of range.
Source: RFC 8259; Socket.IO protocol v5, "Packet encoding".
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from realtime.exceptions import ProtocolError, UsageError

_decoder = msgspec.json.Decoder()
# Never gives back, and takes an open string to the end of the text: otherwise each escaped quote
# in one would be tried as the start of another, all the way to the end.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")


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
