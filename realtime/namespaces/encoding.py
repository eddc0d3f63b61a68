"""Events as applications give them, made ready for the wire."""

from collections.abc import Sequence
from typing import Any

from django.utils.functional import Promise

from realtime.exceptions import UsageError
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent, encode_args
from realtime.protocol.json_text import LoneSurrogate
from realtime.protocol.socket_packets import RESERVED_EVENTS


def encode_event(name: str, args: Sequence[Any]) -> EncodedEvent:
    """Encode an event; raises ``UsageError`` on a wrong name or what JSON cannot say."""
    if not isinstance(name, str):
        raise UsageError(f"an event's name is a text, not {name!r}")
    if name in RESERVED_EVENTS:
        raise UsageError(f"{name!r} is a reserved event name")
    return EncodedEvent(name, encode_arguments(args))


def encode_arguments(args: Sequence[Any]) -> EncodedArgs:
    """Encode arguments; a translation that is still lazy becomes text in the active language."""
    return encode_args(args, fallback=_known_form)


def _known_form(value: Any) -> Any:
    if isinstance(value, Promise | LoneSurrogate):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
