"""The shapes that clients read: persons, messages, instants.

Pure: rows in, plain values out; the same shape in events, acks and history.
Source: DESIGN section 6, "Shapes".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rooms.models import Message

# One event's worth of JSON, as the wire takes it.
Shape = dict[str, Any]

GUEST_PREFIX = "guest:"


def instant(at: datetime) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def person_shape(key: str, name: str) -> Shape:
    """Give a User: ``{"id", "name"}``."""
    return {"id": key, "name": name}


def message_shape(message: Message, room: str) -> Shape:
    """Give a stored message as clients read it; a removed one keeps its place and nothing else."""
    if message.removed_at is not None:
        return {"id": str(message.pk), "room": room, "offset": message.offset, "removed": True}
    return new_message_shape(
        str(message.pk),
        room,
        message.offset,
        user=author_shape(message),
        text=message.text,
        data=message.data,
        at=message.created_at,
        nonce=message.nonce or None,
    )


def new_message_shape(
    message_id: str,
    room: str,
    offset: int | None,
    *,
    user: Shape | None,
    text: str,
    data: Mapping[str, Any] | None,
    at: datetime,
    nonce: str | None,
) -> Shape:
    """Give a Message; ``offset`` is None in rooms that keep no history."""
    shape: Shape = {"id": message_id, "room": room, "offset": offset, "user": user, "text": text}
    if data is not None:
        shape["data"] = data
    shape["at"] = instant(at)
    if nonce is not None:
        shape["nonce"] = nonce
    return shape


def author_shape(message: Message) -> Shape | None:
    """Give who wrote it: None for the site itself, without an id where the user is deleted."""
    if not message.author_key:
        return None
    is_deleted = message.user_id is None and not message.author_key.startswith(GUEST_PREFIX)
    return {"id": None if is_deleted else message.author_key, "name": message.author}
