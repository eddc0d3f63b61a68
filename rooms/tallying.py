"""Counting joins and messages by the minute: in memory, and every few seconds into the database.

Counting costs the fast path one addition. ``docs/decisions/0010-minute-counts.md`` says why.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from realtime.namespaces.running import serving_process
from rooms.models.tallies import NO_ROOM, Tally, TallyKind, minute_of

# So many rooms of a process have counts of their own in a minute; the others share one.
ROOMS_MOST = 200
# What the database has not taken in that time is forgotten.
HELD = timedelta(minutes=10)

_Key = tuple[datetime, str, int]


class Tallies:
    """What one process has counted in the minutes that are not over, or not written yet."""

    def __init__(self) -> None:
        self._counts: dict[_Key, int] = {}
        self._changed: set[_Key] = set()
        self._rooms: dict[tuple[datetime, str], int] = {}
        # Services count from any thread.
        self._lock = Lock()

    def add(self, kind: TallyKind, room_id: int, now: datetime, count: int = 1) -> None:
        """Count so many more; ``NO_ROOM`` for what is to be seen by no room's staff."""
        minute = minute_of(now)
        with self._lock:
            key = (minute, kind.value, room_id)
            if key not in self._counts:
                key = self._make(key)
            self._counts[key] = self._counts.get(key, 0) + count
            self._changed.add(key)

    def flush(self, process_id: str, now: datetime) -> int:
        """Write what has changed since the last time, in one statement; say how many rows."""
        with self._lock:
            self._forget(minute_of(now))
            changed = {key: self._counts[key] for key in self._changed}
            self._changed.clear()
        try:
            _write(process_id, changed.items())
        except BaseException:
            with self._lock:
                self._changed |= changed.keys() & self._counts.keys()
            raise
        return len(changed)

    def clear(self) -> None:
        """Forget everything, written or not."""
        with self._lock:
            self._counts.clear()
            self._changed.clear()
            self._rooms.clear()

    def _make(self, key: _Key) -> _Key:
        minute, kind, _room_id = key
        seen = self._rooms.get((minute, kind), 0)
        if seen >= ROOMS_MOST:
            return (minute, kind, NO_ROOM)
        self._rooms[minute, kind] = seen + 1
        return key

    def _forget(self, minute: datetime) -> None:
        """Let go of minutes that are over and written, and of those that nobody ever wrote."""
        for key in list(self._counts):
            is_written = key[0] < minute and key not in self._changed
            if is_written or key[0] < minute - HELD:
                del self._counts[key]
                self._changed.discard(key)
        for seen in [seen for seen in self._rooms if seen[0] < minute]:
            del self._rooms[seen]


tallies = Tallies()


def count_now(kind: TallyKind, room_id: int) -> None:
    """Count one more, from whatever process; where none serves sockets it is written at once."""
    now = timezone.now()
    if serving_process() is not None:
        tallies.add(kind, room_id, now)
        return
    own = {"minute": minute_of(now), "kind": kind, "process_key": "", "room_key": room_id}
    row = Tally.objects.filter(**own)
    if row.update(count=F("count") + 1):
        return
    try:
        with transaction.atomic():
            Tally.objects.create(**own, count=1)
    except IntegrityError:
        # Another process was quicker.
        row.update(count=F("count") + 1)


def _write(process_id: str, counts: Iterable[tuple[_Key, int]]) -> None:
    rows = [
        Tally(minute=minute, kind=kind, process_key=process_id, room_key=room_key, count=count)
        for (minute, kind, room_key), count in counts
    ]
    if rows:
        Tally.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=("minute", "kind", "process_key", "room_key"),
            update_fields=("count",),
        )
