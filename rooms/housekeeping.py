"""Deleting what is kept no longer: messages beyond a room's limits, old records and counts.

Synchronous units for the pool, each bounded; what they leave, the next one takes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils import timezone

from rooms.models import Message, Room, Tally
from rooms.records import prune_records

# Rooms that drop by age have to be looked at even where nobody writes.
ROOMS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of each kind were deleted."""

    messages: int
    records: int
    counts: int


def prune_room(room_id: int) -> int:
    """Delete what one room keeps no longer, some at a time; say how many."""
    return _prune(room_id, timezone.now())


def keep_house(now: datetime, decision_days: int) -> None:
    """Delete old records and counts, and old messages of rooms that keep them by age."""
    prune_records(now, decision_days)
    Tally.objects.prune(now)
    aging = Room.everywhere.filter(history_days__isnull=False, last_offset__gt=0)
    for room in aging.order_by("?")[:ROOMS_AT_ONCE]:
        Message.objects.prune(room, now)


def prune_everything(decision_days: int) -> Pruned:
    """Delete all that is kept no longer, in short transactions, however much it is.

    ``decision_days`` is the age of the oldest records to keep; 0 keeps them all.
    """
    now = timezone.now()
    # Those of two persons' private messages, too, which no list of rooms shows.
    rooms = Room.everywhere.filter(last_offset__gt=0).order_by("pk").values_list("pk", flat=True)
    messages = sum(_until_done(partial(_prune, pk, now)) for pk in rooms)
    records = _until_done(partial(prune_records, now, decision_days))
    return Pruned(messages, records, Tally.objects.prune(now))


def _prune(room_id: int, now: datetime) -> int:
    room = Room.everywhere.filter(pk=room_id).first()
    return Message.objects.prune(room, now) if room is not None else 0


def _until_done(prune: Callable[[], int]) -> int:
    total = 0
    while deleted := prune():
        total += deleted
    return total
