"""What the dashboard counts: a fixed number of queries, each over what is live or the last hour.

Whoever does not look after everything is given the counts of their own rooms alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum

from realtime.conf import options
from rooms.admin.scope import Scope
from rooms.models import Connection, DecisionRecord, Process, Seat, Tally
from rooms.models.records import RecordKind
from rooms.models.tallies import TallyKind, minute_of

MINUTES = 60
ROOMS_SHOWN = 10
PROCESSES_SHOWN = 20
COUNTED_KINDS = (RecordKind.CONNECT, RecordKind.JOIN, RecordKind.EVICTION)


@dataclass(frozen=True, slots=True)
class LiveProcess:
    """One server, and how long ago it renewed its lease."""

    id: str
    name: str
    is_alive: bool
    renewed_s: float
    sockets: int


@dataclass(frozen=True, slots=True)
class OccupiedRoom:
    """One of the rooms with most people in it."""

    id: int
    path: str
    name: str
    persons: int
    sockets: int
    capacity: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often a code was told within the hour, and in how many records that stands."""

    kind: str
    code: str
    times: int
    records: int


@dataclass(frozen=True, slots=True)
class Readings:
    """All that the dashboard shows, as of ``now``; the hour is the last ``MINUTES`` minutes.

    ``processes`` is None for whoever does not look after everything.
    """

    now: datetime
    by_namespace: Counter[str]
    by_transport: Counter[str]
    processes: tuple[LiveProcess, ...] | None
    rooms: tuple[OccupiedRoom, ...]
    room_count: int
    occupied: int
    full: int
    people: int
    messages: tuple[tuple[datetime, int], ...]
    joins: int
    drops: int
    outcomes: tuple[Outcome, ...]

    @property
    def since(self) -> datetime:
        """The beginning of the hour."""
        return self.messages[0][0]

    @property
    def connections(self) -> int:
        """How many sockets there are."""
        return self.by_namespace.total()

    def of_kind(self, *kinds: RecordKind) -> list[Outcome]:
        """Give the outcomes of these kinds, most frequent first."""
        return [each for each in self.outcomes if each.kind in kinds]


def read_dashboard(scope: Scope, now: datetime) -> Readings:
    """Count everything; eight queries for those who look after all rooms, seven for others."""
    by_namespace, by_transport, by_process = _count_connections(scope, now)
    seats = scope.keep(Seat.objects.present(now)).order_by()
    messages, joins, drops = _read_tallies(scope, now)
    return Readings(
        now=now,
        by_namespace=by_namespace,
        by_transport=by_transport,
        processes=_read_processes(by_process, now) if scope.is_everything else None,
        rooms=_fullest(seats),
        room_count=scope.rooms().count(),
        people=seats.aggregate(people=Count("person_key", distinct=True))["people"],
        messages=messages,
        joins=joins,
        drops=drops,
        outcomes=_read_outcomes(scope, now),
        **_occupancy(seats),
    )


def own_records(scope: Scope, records: QuerySet[DecisionRecord]) -> QuerySet[DecisionRecord]:
    """Keep those about the rooms of a scope, by the names that were typed."""
    if scope.is_everything:
        return records
    # Not by a room's key: a record is kept as typed, whatever becomes of the room.
    own = scope.rooms().filter(namespace__path=OuterRef("namespace"), name=OuterRef("room"))
    return records.filter(Exists(own))


def own_tallies(scope: Scope, tallies: QuerySet[Tally]) -> QuerySet[Tally]:
    """Keep the counts of the rooms of a scope."""
    return tallies if scope.is_everything else tallies.filter(room_key__in=scope.room_ids)


def _count_connections(
    scope: Scope, now: datetime
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    rows = Connection.objects.filter(process__lease_until__gt=now)
    if not scope.is_everything:
        rows = rows.filter(Exists(scope.keep(Seat.objects.filter(connection=OuterRef("pk")))))
    counted = rows.order_by().values_list("namespace", "transport", "process_id")
    by_namespace, by_transport, by_process = Counter[str](), Counter[str](), Counter[str]()
    for namespace, transport, process_id, count in counted.annotate(count=Count("pk")):
        by_namespace[namespace] += count
        by_transport[transport] += count
        by_process[process_id] += count
    return by_namespace, by_transport, by_process


def _read_processes(by_process: Counter[str], now: datetime) -> tuple[LiveProcess, ...]:
    lease_s = options().lease_s
    rows = Process.objects.order_by("-lease_until", "pk")[:PROCESSES_SHOWN]
    return tuple(
        LiveProcess(
            id=row.pk,
            name=str(row),
            is_alive=row.lease_until > now,
            renewed_s=max(0.0, lease_s - (row.lease_until - now).total_seconds()),
            sockets=by_process[row.pk],
        )
        for row in rows
    )


def _fullest(seats: QuerySet[Seat]) -> tuple[OccupiedRoom, ...]:
    rows = seats.values_list(
        "room_id", "room__namespace__path", "room__name", "room__capacity"
    ).annotate(persons=Count("person_key", distinct=True), sockets=Count("pk"))
    return tuple(
        OccupiedRoom(room_id, path, name, persons, sockets, capacity)
        for room_id, path, name, capacity, persons, sockets in rows.order_by("-persons", "room_id")[
            :ROOMS_SHOWN
        ]
    )


def _occupancy(seats: QuerySet[Seat]) -> dict[str, Any]:
    rooms = seats.values("room_id", "room__capacity").annotate(
        persons=Count("person_key", distinct=True)
    )
    return rooms.aggregate(
        occupied=Count("room_id"),
        full=Count("room_id", filter=Q(persons__gte=F("room__capacity"))),
    )


def _read_tallies(scope: Scope, now: datetime) -> tuple[tuple[tuple[datetime, int], ...], int, int]:
    """Give the messages of each minute, and the joins and the drops of the hour."""
    minutes = [minute_of(now) - timedelta(minutes=ago) for ago in range(MINUTES - 1, -1, -1)]
    rows = own_tallies(scope, Tally.objects.filter(minute__gte=minutes[0], minute__lte=now))
    counted = rows.order_by().values_list("minute", "kind").annotate(count=Sum("count"))
    messages, totals = dict.fromkeys(minutes, 0), Counter[str]()
    for minute, kind, count in counted:
        totals[kind] += count
        if kind == TallyKind.MESSAGE:
            messages[minute] += count
    return tuple(messages.items()), totals[TallyKind.JOIN], totals[TallyKind.DROP]


def _read_outcomes(scope: Scope, now: datetime) -> tuple[Outcome, ...]:
    since = minute_of(now) - timedelta(minutes=MINUTES - 1)
    rows = DecisionRecord.objects.filter(
        created_at__gte=since, kind__in=COUNTED_KINDS, allowed=False
    )
    counted = own_records(scope, rows).order_by().values_list("kind", "code")
    return tuple(
        Outcome(kind, code, times, records)
        for kind, code, times, records in counted.annotate(
            times=Sum("count"), records=Count("pk")
        ).order_by("-times", "kind", "code")
    )
