"""Deleting what is kept no longer: messages beyond a room's limits, old records and counts.

Synchronous units for the pool, each bounded; what they leave, the next one takes.
"""

from datetime import datetime

from django.utils import timezone

from rooms.models import Message, Room, Tally
from rooms.records import prune_records

# Rooms that drop by age have to be looked at even where nobody writes.
ROOMS_AT_ONCE = 200


def prune_room(room_id: int) -> int:
    """Delete what one room keeps no longer, some at a time; say how many."""
    room = Room.objects.filter(pk=room_id).first()
    return Message.objects.prune(room, timezone.now()) if room is not None else 0


def keep_house(now: datetime, decision_days: int) -> None:
    """Delete old records and counts, and old messages of rooms that keep them by age."""
    prune_records(now, decision_days)
    Tally.objects.prune(now)
    aging = Room.objects.filter(history_days__isnull=False, last_offset__gt=0)
    for room in aging.order_by("?")[:ROOMS_AT_ONCE]:
        Message.objects.prune(room, now)
