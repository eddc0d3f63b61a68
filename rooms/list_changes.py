"""What has become otherwise in the lists of rooms that some sockets were given.

One unit of database work for all of a namespace's sockets that asked; each room is decided as
``rooms.listing`` does. Persons of whom no rule, ban or role speaks share one decision.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count

from rooms.accounts import read_accounts
from rooms.likeness import Mentions
from rooms.listing import room_shape
from rooms.models import Room, Seat
from rooms.people import Person, Standing, load_standings, subject_of
from rooms.policy import is_visible
from rooms.presence import Occupancy
from rooms.rechecking import instants_of
from rooms.registry import FoundRoom, with_policies
from rooms.shapes import Shape


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that asked for the rooms: who, what it is in, and what it was told, by name."""

    socket_id: str
    person: Person
    joined: frozenset[str]
    told: Mapping[str, Shape]
    # Whether it was given a part of the list and nobody has looked at the rest yet: rooms that it
    # was not told of are then no news.
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What one socket has to be told: rooms that look otherwise, and names that are gone.

    ``seen`` are rooms that only count as known from now on.
    """

    changed: tuple[Shape, ...]
    removed: tuple[str, ...]
    seen: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """The news by socket, and when the next known instant is."""

    news: dict[str, News]
    next_at: datetime | None


def count_members(namespace: str, now: datetime) -> dict[str, int]:
    """Give how many persons are in each room of a namespace that has any, by its name."""
    present = Seat.objects.present(now).filter(room__namespace__path=namespace).order_by()
    return dict(present.values_list("room__name").annotate(Count("person_key", distinct=True)))


def survey(
    namespace: str,
    listeners: Sequence[Listener],
    now: datetime,
    names: Collection[str] | None = None,
    *,
    with_counts: bool = True,
) -> Survey:
    """Compare what these sockets were told with what they would be told now.

    ``names`` are of the only ones that can have changed; without them every room is looked at, and
    rooms that are gone are noticed. Without ``with_counts`` a room in which only the number of
    persons is otherwise is left for later.
    """
    rows = Room.objects.filter(namespace__path=namespace)
    if names is not None:
        rows = rows.filter(name__in=names)
    seen = _Seen(with_policies(rows.order_by("name"), may_remember=True), listeners, now)
    news = {}
    for listener in listeners:
        found = seen.news(listener, is_whole=names is None, with_counts=with_counts)
        if found.changed or found.removed or found.seen:
            news[listener.socket_id] = found
    coming = [at for room in seen.rooms for at in instants_of(room.policy) if at > now]
    return Survey(news, min(coming, default=None))


class _Seen:
    """What one survey has read."""

    def __init__(
        self, rooms: list[FoundRoom], listeners: Sequence[Listener], now: datetime
    ) -> None:
        self.rooms = rooms
        self.now = now
        persons = {listener.person.key: listener.person for listener in listeners}
        policies = {room.row.pk: room.policy for room in rooms}
        self.standings = load_standings(policies, persons.values()) if policies else {}
        self.accounts = read_accounts(
            {person.user_id for person in persons.values() if person.user_id is not None}
        )
        self.occupancy = Occupancy.read(policies, persons, now)
        self.mentions = {room.row.pk: Mentions.of(room.policy) for room in rooms}
        self._shapes: dict[tuple[int, Hashable, bool, bool], Shape | None] = {}

    def news(self, listener: Listener, *, is_whole: bool, with_counts: bool) -> News:
        """Give what is otherwise for one socket."""
        changed, removed, seen = [], [], []
        for room in self.rooms:
            name = room.row.name
            shape = self._shape(room, listener)
            if shape is None:
                removed += [name] if name in listener.told else []
            elif listener.is_partial and name not in listener.told:
                seen.append(shape)
            elif _differs(listener.told.get(name), shape, with_counts=with_counts):
                changed.append(shape)
        if is_whole:
            there = {room.row.name for room in self.rooms}
            removed += [name for name in listener.told if name not in there]
        return News(tuple(changed), tuple(removed), tuple(seen))

    def _shape(self, room: FoundRoom, listener: Listener) -> Shape | None:
        pk, person = room.row.pk, listener.person
        account = self.accounts.get(person.user_id) if person.user_id is not None else None
        standing = self.standings.get((pk, person.key), Standing())
        standing = replace(standing, powers=account.powers if account is not None else None)
        is_inside = self.occupancy.sockets(pk, person.key) > 0
        is_joined = room.row.name in listener.joined
        subject = subject_of(person, standing)
        key = (pk, self.mentions[pk].kind(subject), is_inside, is_joined)
        if key not in self._shapes:
            self._shapes[key] = (
                room_shape(
                    room,
                    subject,
                    self.now,
                    members=self.occupancy.persons(pk),
                    is_inside=is_inside,
                    is_joined=is_joined,
                )
                if is_visible(room.policy, subject, self.now)
                else None
            )
        return self._shapes[key]


def _differs(told: Shape | None, shape: Shape, *, with_counts: bool) -> bool:
    if told is None or with_counts:
        return told != shape
    return {**told, "members": None} != {**shape, "members": None}
