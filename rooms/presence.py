"""Who is where: the rows of processes, connections and seats, written in batches.

Synchronous units for the pool. A row counts only while its process renews its lease, so a process
that dies takes its people with it. Tells nobody. Source: DESIGN section 11, "Presence".
"""

import os
import socket
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from rooms.models import Connection, Process, Room, Seat
from rooms.people import Person
from rooms.shapes import Shape, person_shape
from rooms.turns import wait_turns

# Rooms share so many turns of leaving, so that whoever leaves any number of them holds no more:
# PostgreSQL keeps the locks of all transactions in a memory of one size.
LEAVING_TURNS = 256


@dataclass(slots=True)
class Occupancy:
    """How many persons are in some rooms, and how many sockets some persons have there.

    Read once and kept up to date by whoever enters or leaves within the same transaction.
    """

    _persons: dict[int, int]
    _sockets: dict[tuple[int, str], int]

    @classmethod
    def read(
        cls, room_ids: Collection[int], person_keys: Collection[str], now: datetime
    ) -> "Occupancy":
        """Count over all processes; two queries, none without rooms."""
        if not room_ids:
            return cls({}, {})
        present = Seat.objects.present(now).filter(room_id__in=room_ids).order_by()
        persons = present.values_list("room_id").annotate(Count("person_key", distinct=True))
        sockets = (
            present.filter(person_key__in=person_keys)
            .values_list("room_id", "person_key")
            .annotate(Count("pk"))
        )
        return cls(
            dict(persons),
            {(room_id, person_key): count for room_id, person_key, count in sockets},
        )

    def persons(self, room_id: int) -> int:
        """Give how many persons are in the room."""
        return self._persons.get(room_id, 0)

    def sockets(self, room_id: int, person_key: str) -> int:
        """Give how many sockets this person has in the room."""
        return self._sockets.get((room_id, person_key), 0)

    def enter(self, room_id: int, person_key: str, *, is_seated: bool) -> tuple[int, int]:
        """Count one more socket, unless it is seated already; give persons and sockets then."""
        sockets = self.sockets(room_id, person_key)
        if not sockets:
            self._persons[room_id] = self.persons(room_id) + 1
        if not sockets or not is_seated:
            sockets += 1
            self._sockets[room_id, person_key] = sockets
        return self.persons(room_id), sockets


@dataclass(frozen=True, slots=True)
class Place:
    """One socket: where its rows are found and what they say."""

    socket_id: str
    process_id: str
    namespace: str
    person: Person
    transport: str
    connected_at: datetime


@dataclass(frozen=True, slots=True)
class Departure:
    """A socket that leaves one room, or, without ``room_id``, is gone from everywhere."""

    socket_id: str
    room_id: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A seat that is free, with the counts as they are without it."""

    room_id: int
    person_key: str
    members: int
    sockets: int


@dataclass(frozen=True, slots=True)
class Entered:
    """A socket's seat that was written again, with the counts as they are with it."""

    socket_id: str
    room_id: int
    members: int
    sockets: int


@dataclass(frozen=True, slots=True)
class Orphan:
    """One person whose process died, gone from one room."""

    namespace: str
    room: str
    person_key: str
    name: str
    members: int
    sockets: int

    @property
    def shape(self) -> Shape:
        """The User that clients read."""
        return person_shape(self.person_key, self.name)


def register_process(process_id: str, lease_s: float) -> None:
    """Write the row of this process, new or again, with a lease from now on."""
    now = timezone.now()
    Process.objects.update_or_create(
        pk=process_id,
        defaults={"lease_until": now + timedelta(seconds=lease_s)},
        create_defaults={
            "lease_until": now + timedelta(seconds=lease_s),
            "started_at": now,
            "host": socket.gethostname(),
            "pid": os.getpid(),
        },
    )


def renew_lease(process_id: str, lease_s: float) -> bool:
    """Renew this process's lease; false if it ran out and somebody has cleared its rows away."""
    until = timezone.now() + timedelta(seconds=lease_s)
    return bool(Process.objects.filter(pk=process_id).update(lease_until=until))


def end_lease(process_id: str) -> None:
    """Let this process's lease be over: the next sweeper of another clears its rows away."""
    Process.objects.filter(pk=process_id).update(lease_until=timezone.now())


def note_transports(transports: Mapping[str, str]) -> None:
    """Write down, by socket id, what carries connections that were upgraded since."""
    for transport in set(transports.values()):
        moved = [key for key, name in transports.items() if name == transport]
        Connection.objects.filter(pk__in=moved).update(transport=transport)


def drop_everybody() -> None:
    """Forget all processes and their people: whoever asks is the only server there is."""
    with transaction.atomic():
        Seat.objects.all().delete()
        Connection.objects.all().delete()
        Process.objects.all().delete()


def drop_process(process_id: str) -> list[Orphan]:
    """Forget one process; give each person that it still had, as ``sweep`` does."""
    with transaction.atomic():
        return _clear_away([process_id], timezone.now())


def add_connections(places: Iterable[Place]) -> None:
    """Write the rows of sockets that were let in; those that are there already stay."""
    Connection.objects.bulk_create(map(_connection, places), ignore_conflicts=True)


def restore_process(
    process_id: str, lease_s: float, places: Sequence[tuple[Place, Collection[int]]]
) -> list[Entered]:
    """Write all rows of this process again, its sockets with the rooms that they are in.

    Gives each seat that nobody counted any more.
    """
    wanted = [(place, room_id) for place, room_ids in places for room_id in room_ids]
    with transaction.atomic():
        register_process(process_id, lease_s)
        add_connections(place for place, _room_ids in places)
        kept = set(
            Room.objects.filter(pk__in={room_id for _place, room_id in wanted}).values_list(
                "pk", flat=True
            )
        )
        there = set(
            Seat.objects.filter(process_id=process_id).values_list("connection_id", "room_id")
        )
        missing = [
            (place, room_id)
            for place, room_id in wanted
            if room_id in kept and (place.socket_id, room_id) not in there
        ]
        Seat.objects.bulk_create(
            (
                Seat(
                    room_id=room_id,
                    connection_id=place.socket_id,
                    process_id=process_id,
                    person_key=place.person.key,
                )
                for place, room_id in missing
            ),
            ignore_conflicts=True,
        )
        occupancy = Occupancy.read(
            {room_id for _place, room_id in missing},
            {place.person.key for place, _room_id in missing},
            timezone.now(),
        )
    return [
        Entered(
            place.socket_id,
            room_id,
            occupancy.persons(room_id),
            occupancy.sockets(room_id, place.person.key),
        )
        for place, room_id in missing
    ]


def depart(departures: list[Departure]) -> list[list[Left] | Exception]:
    """Free seats; give for each departure what is left in the rooms that it left.

    A seat that somebody else has freed meanwhile is not given again.
    """
    gone = [departure.socket_id for departure in departures if departure.room_id is None]
    with transaction.atomic():
        # Leaving a room comes first: a socket may do so and be gone within one batch.
        freed = _free_places(departures)
        # Of two that leave one seat the first has freed it.
        freed_of = [freed.pop((left.socket_id, left.room_id), []) for left in departures]
        gone_from = _free_connections(gone) if gone else {}
        for at, departure in enumerate(departures):
            if departure.room_id is None:
                freed_of[at] += gone_from.pop(departure.socket_id, [])
        everyone = [seat for freed in freed_of for seat in freed]
        room_ids = {seat.room_id for seat in everyone}
        _wait_to_count(room_ids)
        occupancy = Occupancy.read(room_ids, {seat.person_key for seat in everyone}, timezone.now())
    return [*_count_down(freed_of, occupancy)]


def count_without(room_ids: Collection[int], person_key: str) -> list[Left]:
    """Give what is left in rooms that a person's socket left without freeing a seat."""
    counts = Occupancy.read(room_ids, [person_key], timezone.now())
    return [
        Left(room_id, person_key, counts.persons(room_id), counts.sockets(room_id, person_key))
        for room_id in room_ids
    ]


def sweep(*, unheard: str | None = None) -> list[Orphan]:
    """Clear away processes whose lease ran out; give each person that is gone with them, once.

    The processes are locked first and skipped where another sweeper has them, so that of any
    number of sweepers one tells. One that renews at this moment waits, and finds its row gone.

    ``unheard`` is a sweeper whose word does not reach the others now: it sweeps where there are
    none, and leaves it to them, or to a later time, where there are.
    """
    now = timezone.now()
    # Looked for without a lock, as nothing is found almost always.
    if not Process.objects.filter(lease_until__lte=now).exists():
        return []
    others = Process.objects.filter(lease_until__gt=now).exclude(pk=unheard)
    if unheard is not None and others.exists():
        return []
    with transaction.atomic():
        can_skip = connection.features.has_select_for_update_skip_locked
        dead = list(
            Process.objects.select_for_update(skip_locked=can_skip)
            .filter(lease_until__lte=now)
            .values_list("pk", flat=True)
        )
        return _clear_away(dead, now) if dead else []


def _clear_away(process_ids: Sequence[str], now: datetime) -> list[Orphan]:
    names = dict(Connection.objects.filter(process_id__in=process_ids).values_list("pk", "name"))
    marks = ", ".join(["%s"] * len(process_ids))
    freed = _free_seats(f"process_id IN ({marks})", process_ids)
    Connection.objects.filter(process_id__in=process_ids).delete()
    Process.objects.filter(pk__in=process_ids).delete()
    return _orphans(freed, names, now) if freed else []


@dataclass(frozen=True, slots=True)
class _Freed:
    room_id: int
    socket_id: str
    person_key: str


def _free_seats(condition: str, parameters: Sequence[str | int]) -> list[_Freed]:
    """Delete seats and give them in one statement, so that each is given to one caller alone."""
    table = connection.ops.quote_name(Seat._meta.db_table)  # noqa: SLF001 - documented
    with connection.cursor() as cursor:
        # The condition is one of this module's literals; values go as parameters.
        cursor.execute(
            f"DELETE FROM {table} WHERE {condition} "  # noqa: S608
            "RETURNING room_id, connection_id, person_key",
            parameters,
        )
        return [_Freed(*row) for row in cursor.fetchall()]


def _free_places(departures: Sequence[Departure]) -> dict[tuple[str, int | None], list[_Freed]]:
    """Free single seats, with one statement for each room that somebody leaves."""
    leaving: dict[int, list[str]] = {}
    for departure in departures:
        if departure.room_id is not None:
            leaving.setdefault(departure.room_id, []).append(departure.socket_id)
    freed: dict[tuple[str, int | None], list[_Freed]] = {}
    # In the order of their keys, as rooms are locked everywhere.
    for room_id, socket_ids in sorted(leaving.items()):
        marks = ", ".join(["%s"] * len(socket_ids))
        condition = f"room_id = %s AND connection_id IN ({marks})"
        for seat in _free_seats(condition, [room_id, *socket_ids]):
            freed[seat.socket_id, room_id] = [seat]
    return freed


def _free_connections(socket_ids: Sequence[str]) -> "dict[str, list[_Freed]]":
    """Delete the rows of sockets that are gone; give the seats that each still had."""
    marks = ", ".join(["%s"] * len(socket_ids))
    freed: dict[str, list[_Freed]] = {}
    for seat in _free_seats(f"connection_id IN ({marks})", socket_ids):
        freed.setdefault(seat.socket_id, []).append(seat)
    Connection.objects.filter(pk__in=socket_ids).delete()
    return freed


def _wait_to_count(room_ids: Collection[int]) -> None:
    """Wait for whoever is leaving these rooms in another process.

    Of a person who leaves with sockets on two at once each would still see the other's, and nobody
    would tell that they are gone.
    """
    wait_turns({f"leaving:{room_id % LEAVING_TURNS}" for room_id in room_ids})


def _count_down(freed_of: "list[list[_Freed]]", occupancy: Occupancy) -> "list[list[Left]]":
    """Give what was left behind each, as if they had gone one after the other."""
    later: Counter[tuple[int, str]] = Counter()
    persons_later: Counter[int] = Counter()
    counted: list[list[Left]] = []
    for freed in reversed(freed_of):
        lefts = []
        for seat in reversed(freed):
            room_id, person_key = at = (seat.room_id, seat.person_key)
            sockets = occupancy.sockets(room_id, person_key) + later[at]
            persons = occupancy.persons(room_id) + persons_later[room_id]
            lefts.append(Left(room_id, person_key, persons, sockets))
            later[at] += 1
            # Before their last socket went, the person was there.
            persons_later[room_id] += not sockets
        counted.append(lefts[::-1])
    return counted[::-1]


def _orphans(freed: Sequence[_Freed], names: dict[str, str], now: datetime) -> list[Orphan]:
    rooms = {
        pk: (path, name)
        for pk, path, name in Room.objects.filter(
            pk__in={seat.room_id for seat in freed}
        ).values_list("pk", "namespace__path", "name")
    }
    persons = {(seat.room_id, seat.person_key): names.get(seat.socket_id, "") for seat in freed}
    _wait_to_count(rooms)
    occupancy = Occupancy.read(set(rooms), {key for _room_id, key in persons}, now)
    return [
        Orphan(
            *rooms[room_id],
            person_key,
            name,
            occupancy.persons(room_id),
            occupancy.sockets(room_id, person_key),
        )
        for (room_id, person_key), name in persons.items()
        if room_id in rooms
    ]


def _connection(place: Place) -> Connection:
    person = place.person
    return Connection(
        pk=place.socket_id,
        process_id=place.process_id,
        namespace=place.namespace,
        user_id=person.user_id,
        guest_id=person.guest_id or "",
        name=person.name,
        address=str(person.address) if person.address is not None else None,
        transport=place.transport,
        connected_at=place.connected_at,
    )
