"""Arguments of events as staff may see them: without secrets, and without texts unless asked for.

Pure. What is no number, no name of a thing and no code is hidden: a form of its own that an
application gives its events shows nothing by accident.
"""

import re
from collections.abc import Mapping
from typing import Any

# Never shown, whoever asks, wherever a key has one of these within it.
SECRET_WORDS = (
    *("pass", "pwd", "secret", "token", "ticket", "invit", "guest", "auth", "credential", "bearer"),
    *("cookie", "session", "pid", "url", "email", "key", "jwt"),
)
# Values of these keys say where, who and what came of it, and no more.
SHOWN_KEYS = frozenset(
    {
        *("room", "code", "ref", "id", "role", "access", "epoch", "at", "until", "namespace"),
        *("field", "event", "reason_code", "sid", "from", "to", "with", "user", "state"),
    }
)
# Events whose one bare text is the name of a room, as docs/reference/events.md says.
ROOM_EVENTS = frozenset({"joinRoom", "leaveRoom", "typing", "members", "history"})
# Those whose further texts are no room's: a password, as some expect to give it.
JOIN_EVENTS = frozenset({"joinRoom"})
HIDDEN = "«hidden»"
MAX_DEPTH = 6
MAX_ITEMS = 20
MAX_TEXT = 200
# A field of a link: what is before its value, its name, and the value.
_LINK_FIELD = re.compile(r"([?&#;]([\w.-]+)=)([^\s&#;\"'<>]+)")


def redact(event: str | None, args: Any, *, texts: bool) -> Any:
    """Return the arguments of an event, or of an ack (None), with what nobody may see replaced.

    With ``texts``, texts are shown; secrets never are. Long and deep values are cut.
    """
    if isinstance(args, list) and event in ROOM_EVENTS and args and isinstance(args[0], str):
        is_join = event in JOIN_EVENTS
        others = (
            HIDDEN if is_join and isinstance(item, str) else _redact(item, texts, MAX_DEPTH)
            for item in args[1:MAX_ITEMS]
        )
        return [_cut(args[0]), *others]
    return _redact(args, texts, MAX_DEPTH)


def hide_in_links(text: str) -> str:
    """Return a text without the secrets of links within it, such as ``?invite=…``."""
    return _LINK_FIELD.sub(_hide_field, text)


def _redact(value: Any, texts: bool, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case bytes():
            return f"«{len(value)} bytes»"
        case str():
            return _cut(value) if texts else f"«{len(value)} characters»"
        case list() | tuple():
            return _redact_items(value, texts, depth)
        case Mapping():
            return _redact_fields(value, texts, depth)
        case _:
            return HIDDEN


def _redact_items(items: Any, texts: bool, depth: int) -> Any:
    if not depth:
        return f"«{len(items)} items»"
    shown = [_redact(item, texts, depth - 1) for item in items[:MAX_ITEMS]]
    return shown if len(items) <= MAX_ITEMS else [*shown, f"«{len(items) - MAX_ITEMS} more»"]


def _redact_fields(fields: Mapping[Any, Any], texts: bool, depth: int) -> Any:
    if not depth:
        return f"«{len(fields)} fields»"
    shown: dict[str, Any] = {}
    for name, value in list(fields.items())[:MAX_ITEMS]:
        key = _cut(str(name))
        if _is_secret(key) and value is not None and not isinstance(value, bool):
            shown[key] = HIDDEN
        elif key in SHOWN_KEYS and isinstance(value, str):
            shown[key] = _cut(value)
        else:
            shown[key] = _redact(value, texts, depth - 1)
    return shown


def _is_secret(key: str) -> bool:
    plain = key.lower().replace("_", "").replace("-", "")
    return any(word in plain for word in SECRET_WORDS)


def _cut(text: str) -> str:
    """Shorten a text that is shown; a link within it keeps its secrets."""
    return hide_in_links(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…")


def _hide_field(field: re.Match[str]) -> str:
    # An Engine.IO session's id is a secret; the one that the wire calls so elsewhere is not.
    is_secret = _is_secret(field[2]) or field[2].lower() == "sid"
    return field[1] + HIDDEN if is_secret else field[0]
