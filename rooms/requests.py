"""What clients may send in room events: typed payloads, and the rules for what is in them.

The engine has checked the types against these classes before a handler runs; unknown fields are
ignored. The functions check what types cannot say and raise ``Refused("bad_request")`` with the
``field``. Pure. Source: DESIGN section 6.
"""

import json
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from realtime.exceptions import Refused
from rooms.names import clean_nonce, clean_room_name, clean_text

DATA_MAX_BYTES = 4_096
# What a database's integer holds; nothing that we number comes near it.
OFFSET_MAX = 2**53 - 1
# What a column of whole numbers holds.
COUNT_MAX = 2**31 - 1


class InRoom(msgspec.Struct, frozen=True):
    """An event about one room and nothing else."""

    room: str


class JoinRoom(msgspec.Struct, frozen=True):
    """``joinRoom``: credentials, and how far this client has already read."""

    room: str
    password: str | None = None
    invitation: str | None = None
    since: int | None = None
    epoch: str | None = None


class SendMessage(msgspec.Struct, frozen=True):
    """``message``: what somebody says, and a nonce that makes a resend the same message."""

    room: str
    text: str
    data: dict[str, Any] | None = None
    nonce: str | None = None


class ReadHistory(msgspec.Struct, frozen=True):
    """``history``: a page before or after an offset, or the latest; of a room, or with a user."""

    room: str | None = None
    before: int | None = None
    after: int | None = None
    limit: int | None = None
    with_user: str | None = msgspec.field(default=None, name="with")


class SendPrivate(msgspec.Struct, frozen=True):
    """``private``: what somebody says to one other user."""

    to: str
    text: str
    data: dict[str, Any] | None = None
    nonce: str | None = None


class OnUser(msgspec.Struct, frozen=True):
    """``block`` and ``unblock``: whom."""

    user: str


class ListRooms(msgspec.Struct, frozen=True):
    """``rooms``: a page of the namespace's rooms by name."""

    search: str | None = None
    after: str | None = None
    limit: int | None = None


def room_named(request: str | InRoom) -> str:
    """Give the clean name of the room that an event is about."""
    return clean_name(request if isinstance(request, str) else request.room)


def clean_name(raw: str) -> str:
    """Give a room's name, trimmed; ``bad_request`` for one that no room can have."""
    try:
        return clean_room_name(raw)
    except ValueError as error:
        raise bad_request(str(error), "room") from None


def clean_message_text(raw: str) -> str:
    """Give a message's text, trimmed; ``bad_request`` for an empty or over-long one."""
    try:
        return clean_text(raw)
    except ValueError as error:
        raise bad_request(str(error), "text") from None


def clean_message_nonce(raw: str | None) -> str | None:
    """Give the nonce as it is, or None."""
    if raw is None:
        return None
    try:
        return clean_nonce(raw)
    except ValueError as error:
        raise bad_request(str(error), "nonce") from None


def clean_data(data: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give a message's data as it is; ``bad_request`` for data that ``check_data`` refuses."""
    if data is None:
        return None
    try:
        return check_data(data)
    except ValueError as error:
        raise bad_request(str(error), "data") from None


def check_data(data: dict[str, Any]) -> dict[str, Any]:
    """Give the data as it is: JSON throughout, at most ``DATA_MAX_BYTES`` as compact UTF-8.

    Raises ``ValueError`` otherwise, and for NUL, which PostgreSQL's jsonb cannot hold.
    """
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise ValueError(_("The data must be a JSON object.")) from None
    if size > DATA_MAX_BYTES:
        raise ValueError(
            _("The data may have at most %(most)d bytes as JSON.") % {"most": DATA_MAX_BYTES}
        )
    if _holds_nul(data):
        raise ValueError(_("The data may not hold the character U+0000."))
    return data


def clean_offset(value: int | None, field: str) -> int | None:
    """Give an offset, 0 or more; ``bad_request`` naming ``field`` otherwise."""
    if value is not None and not 0 <= value <= OFFSET_MAX:
        raise bad_request(_("An offset is a whole number from 0 on."), field)
    return value


def clean_limit(value: int | None, most: int) -> int:
    """Give how many are wanted, at most ``most``, which is also the default."""
    if value is None:
        return most
    if value < 1:
        raise bad_request(_("A limit is a whole number from 1 on."), "limit")
    return min(value, most)


def clean_password(raw: str | None) -> str | None:
    """Give the password as it is, or None; hashers take no lone surrogates."""
    if raw is not None and _holds_surrogate(raw):
        raise bad_request(_("This password holds half of a surrogate pair."), "password")
    return raw


def clean_search(raw: str | None, field: str) -> str:
    """Give a text to look for, or an empty one; no database takes NUL or lone surrogates."""
    text = (raw or "").strip()
    if "\0" in text or _holds_surrogate(text):
        raise bad_request(_("This text holds characters that no room's name has."), field)
    return text


def bad_request(message: str, field: str) -> Refused:
    """Make the refusal of a faulty event; ``field`` is what was wrong with it."""
    return Refused("bad_request", message, field=field)


def _holds_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _holds_nul(value: object) -> bool:
    # The depth is bounded: the front doors refuse deep JSON.
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(_holds_nul(item) for item in value)
    return False
