"""Arguments and events encoded once, whatever the number and kind of their receivers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import msgspec

from realtime.exceptions import UsageError
from realtime.protocol.json_text import encode_json

Fallback = Callable[[Any], Any]
_SCALARS = frozenset({str, int, float, bool, type(None)})
_BYTES = (bytes, bytearray, memoryview)


@dataclass(frozen=True, slots=True)
class EncodedArgs:
    """A list of arguments: its JSON array, and the bytes that stand outside it.

    Each ``{"_placeholder": true, "num": n}`` in the JSON stands for ``attachments[n]``.
    """

    json: str
    attachments: tuple[bytes, ...] = ()

    def with_inline_bytes(self) -> str:
        """Return the JSON with attachments as base64 text, for wires that carry only text."""
        return encode_json(self.values()) if self.attachments else self.json

    def values(self) -> list[Any]:
        """Return the arguments as plain values, bytes in their places."""
        values: list[Any] = msgspec.json.decode(self.json)
        return [_inline(value, self.attachments) for value in values]


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """One event as it travels: between processes, and from here to each kind of wire."""

    name: str
    args: EncodedArgs


def encode_args(args: Sequence[Any], *, fallback: Fallback | None = None) -> EncodedArgs:
    """Encode arguments; bytes in them become attachments, numbered depth first.

    Raises ``UsageError`` on what JSON cannot say.
    """
    attachments: list[bytes] = []
    try:
        if any(_has_bytes(arg, fallback) for arg in args):
            args = [_extract(arg, fallback, attachments) for arg in args]
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from error
    return EncodedArgs(encode_json(args, fallback=fallback), tuple(attachments))


def _has_bytes(value: Any, fallback: Fallback | None) -> bool:
    if type(value) in _SCALARS:
        return False
    if isinstance(value, _BYTES):
        return True
    if isinstance(value, dict):
        return any(_has_bytes(item, fallback) for item in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_has_bytes(item, fallback) for item in value)
    return _is_record(value) and _has_bytes(_fields(value, fallback), fallback)


def _extract(value: Any, fallback: Fallback | None, attachments: list[bytes]) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, _BYTES):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, dict):
        return {key: _extract(item, fallback, attachments) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_extract(item, fallback, attachments) for item in value]
    if _is_record(value):
        return _extract(_fields(value, fallback), fallback, attachments)
    return value


def _is_record(value: Any) -> bool:
    return isinstance(value, msgspec.Struct) or (
        is_dataclass(value) and not isinstance(value, type)
    )


def _fields(value: Any, fallback: Fallback | None) -> Any:
    return msgspec.to_builtins(value, builtin_types=_BYTES, enc_hook=fallback)


def _inline(value: Any, attachments: tuple[bytes, ...]) -> Any:
    if isinstance(value, list):
        return [_inline(item, attachments) for item in value]
    if isinstance(value, dict):
        number = value.get("num")
        # An application's own data may look like a placeholder: only ours have a number in range.
        is_marked = value.get("_placeholder") is True
        if is_marked and type(number) is int and 0 <= number < len(attachments):
            return attachments[number]
        return {key: _inline(item, attachments) for key, item in value.items()}
    return value
