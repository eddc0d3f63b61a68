"""Reading what a room keeps: pages of messages, and what a joiner has missed.

Synchronous reads for the pool. Each page is one query over the index of room and offset, however
long the history is. Source: DESIGN section 6, ``history`` and "``messages`` in a join".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from rooms.models import Message, Room
from rooms.shapes import Shape, message_shape

# A page fits well into a socket's outbox, whatever its messages are.
PAGE_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in offset order; ``has_more`` says that there are more in the direction read."""

    messages: list[Shape]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A room's history as a joiner meets it; ``epoch`` and ``offset`` are None without history."""

    epoch: str | None
    offset: int | None
    page: Page
    is_recovered: bool


NOTHING = Page([], has_more=False)


def latest(room: Room, limit: int, now: datetime) -> Page:
    """Read the last ``limit`` messages that are kept."""
    return before(room, room.last_offset + 1, limit, now)


def before(room: Room, offset: int, limit: int, now: datetime) -> Page:
    """Read the last ``limit`` messages before ``offset``."""
    kept = Message.objects.kept(room, now).filter(offset__lt=min(offset, room.last_offset + 1))
    rows = list(kept.order_by("-offset")[: limit + 1])
    page = _fitting(rows, limit, room.name)
    page.messages.reverse()
    return page


def after(room: Room, offset: int, limit: int, now: datetime) -> Page:
    """Read the first ``limit`` messages after ``offset``."""
    # Up to the row's own last offset: what is committed after it was read comes live.
    kept = Message.objects.kept(room, now).filter(offset__gt=offset, offset__lte=room.last_offset)
    return _fitting(list(kept.order_by("offset")[: limit + 1]), limit, room.name)


def snapshot(
    room: Room, since: int | None, epoch: str | None, limit: int, now: datetime
) -> Snapshot:
    """Read what somebody who joins at this instant is given, having read up to ``since``.

    ``room`` is the row whose ``last_offset`` ends the snapshot: messages beyond it are left to
    live delivery, though they be committed already.
    """
    if not room.history_size:
        return Snapshot(None, None, NOTHING, is_recovered=False)
    is_of_this_epoch = epoch is None or epoch == room.epoch
    if since is None or not is_of_this_epoch or since > room.last_offset:
        return Snapshot(room.epoch, room.last_offset, latest(room, limit, now), is_recovered=False)
    page = after(room, since, limit, now)
    # Messages are dropped from the oldest on: where the next one is kept, all after it are.
    is_recovered = since == room.last_offset or (
        bool(page.messages) and page.messages[0]["offset"] == since + 1
    )
    return Snapshot(room.epoch, room.last_offset, page, is_recovered)


def _fitting(rows: Sequence[Message], limit: int, room: str) -> Page:
    """Shape the first rows, as many as the limits of number and size allow, one at least."""
    messages: list[Shape] = []
    size = 0
    for row in rows[:limit]:
        shape = message_shape(row, room)
        size += len(msgspec.json.encode(shape)) + 1
        if messages and size > PAGE_MAX_BYTES:
            break
        messages.append(shape)
    return Page(messages, has_more=len(rows) > len(messages))
