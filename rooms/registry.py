"""Reading the registry for decisions: namespaces and rooms with what they ask for.

Synchronous reads for the pool, a fixed number of queries for any number of rooms. Decides nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.utils import timezone

from realtime.conf import options
from rooms.hidden_laws import HiddenLaws, laws_of
from rooms.laws import read_laws
from rooms.models import Grant, Invitation, Membership, Namespace, Room, Seat
from rooms.people import Person
from rooms.policy_values import Access, Laws, NamespacePolicy, Policy
from rooms.reading_versions import people_version, policy_version


@dataclass(frozen=True, slots=True)
class NamespaceDefaults:
    """What holds for a namespace that has no row: a ``RoomNamespace`` class declares it."""

    title: str = ""
    welcome: str = ""
    access: str = Access.OPEN
    is_open: bool = True
    allow_private: bool = True


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """What a client is told of its namespace, and what the namespace asks for."""

    title: str
    welcome: str
    policy: NamespacePolicy
    allow_private: bool = True


@dataclass(frozen=True, slots=True)
class FoundRoom:
    """A room's row with the policy that it states.

    ``is_there`` is false for a stand-in (``find_places``), which is never told of.
    ``has_standings`` is false where none of the persons asked about has a role or a grant in it,
    ``has_invitations`` where none of the invitations asked about is one to it. ``persons_present``
    is 0 unless they were asked for, the room has a capacity, and nobody asked about sits in it.
    ``version`` is that of what holds here, ``people_version`` that of users and groups, both as
    they were when the row was read.
    """

    row: Room
    policy: Policy
    is_there: bool = True
    has_standings: bool = True
    has_invitations: bool = True
    persons_present: int = 0
    version: int = 0
    people_version: int = 0


def namespaces_exist(paths: list[str]) -> list[bool | Exception]:
    """Say of each path whether there is a row for it; one query for all that ask together."""
    known = set(Namespace.objects.filter(path__in=set(paths)).values_list("path", flat=True))
    return [path in known for path in paths]


def find_namespaces(
    paths: Collection[str], *, may_remember: bool = False
) -> dict[str, NamespaceFacts]:
    """Read the namespaces of these paths that have a row; ``may_remember``: see ``find_places``."""
    rows = list(
        Namespace.objects.filter(path__in=paths).annotate(known_version=policy_version("path"))
    )
    versions = {row.pk: row.known_version for row in rows} if may_remember else None
    book = read_laws(rows, versions=versions, within_s=options().recheck_s)
    return {
        row.path: NamespaceFacts(
            row.title, row.welcome, row.as_policy(book.namespaces[row.pk]), row.allow_private
        )
        for row in rows
    }


def default_facts(path: str, defaults: NamespaceDefaults) -> NamespaceFacts:
    """Give what a class declares for a namespace without a row."""
    policy = NamespacePolicy(path=path, is_open=defaults.is_open, access=defaults.access)
    return NamespaceFacts(defaults.title, defaults.welcome, policy, defaults.allow_private)


def find_rooms(keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], FoundRoom]:
    """Read the rooms of these pairs of namespace path and name that are there."""
    names_in: dict[str, set[str]] = {}
    for path, name in keys:
        names_in.setdefault(path, set()).add(name)
    wanted = Q()
    for path, names in names_in.items():
        wanted |= Q(namespace__path=path, name__in=names)
    rooms = Room.objects.filter(wanted) if wanted else Room.objects.none()
    return {(found.row.namespace.path, found.row.name): found for found in with_policies(rooms)}


def find_places(
    keys: Collection[tuple[str, str]],
    persons: Collection[Person],
    *,
    digests: Collection[str] = (),
    seated_at: datetime | None = None,
    may_remember: bool = False,
) -> dict[tuple[str, str], FoundRoom]:
    """Read rooms for these persons, with a stand-in for each name that is no room's.

    What somebody asks who may not know of a room: one that is hidden takes the statements that one
    takes which is missing, whoever else is in it. Of its bans and mutes it gives those that could
    concern these persons. Where there is no such namespace, nothing is given.

    The same query says whether any of the persons stands in a room, so that for most joins no other
    has to be made; so it does for the invitations of these ``digests``, and, with ``seated_at``,
    for rooms that are full. ``may_remember`` saves reading rules, bans and mutes again while
    nothing has changed; not for a transaction that changes any itself.
    """
    if not keys:
        return {}
    paths, names = {path for path, _name in keys}, {name for _path, name in keys}
    # From the namespaces, which are there when a room is not.
    asked = Q(rooms__name__in=names, rooms__pair="")
    rows: QuerySet[Namespace] = Namespace.objects.filter(path__in=paths)
    rows = rows.annotate(room=FilteredRelation("rooms", condition=asked))
    rows = rows.select_related("room")  # type: ignore[misc]  # the relation of the line above
    rows = rows.annotate(
        known_version=policy_version("path"),
        known_people=people_version(),
        has_standings=_has_standings(persons),
        hidden_laws=HiddenLaws(persons, timezone.now()),
    )
    if seated_at is not None:
        rows = _with_seats(rows, persons, seated_at)
    if digests:
        invited = Invitation.objects.filter(room=OuterRef("room__pk"), digest__in=digests)
        rows = rows.annotate(has_invitations=Exists(invited))
    places: dict[tuple[str, str], _Place] = {}
    namespaces: dict[str, Namespace] = {}
    for namespace in rows:
        namespaces[namespace.path] = namespace
        room: Room | None = getattr(namespace, "room", None)
        if room is not None:
            room.namespace = namespace
            places[namespace.path, room.name] = _Place(room, namespace)
    for path, name in keys:
        if path in namespaces and (path, name) not in places:
            stand_in = Room(namespace=namespaces[path], name=name, is_listed=False, epoch="")
            places[path, name] = _Place(stand_in, namespaces[path], is_there=False)
    asked_for = [key for key in keys if key in places]
    found = _with_laws([places[key] for key in asked_for], may_remember=may_remember)
    return dict(zip(asked_for, found, strict=True))


def lock_rooms(room_ids: Collection[int], *, may_remember: bool = False) -> dict[int, FoundRoom]:
    """Lock rooms until the transaction ends and read them as they are now.

    In the order of their keys, so that two who lock the same rooms wait and never deadlock. Rows
    that point to a room, such as seats and bans, can be written meanwhile. ``may_remember`` as in
    ``find_places``.
    """
    # By key: whoever knows it may also lock a room of two users.
    rooms = Room.everywhere.select_for_update(of=("self",), no_key=True)
    rows = rooms.filter(pk__in=room_ids).order_by("pk")
    return {found.row.pk: found for found in with_policies(rows, may_remember=may_remember)}


def hold_rooms(room_ids: Collection[int]) -> None:
    """Lock rooms as ``lock_rooms`` does, reading nothing of what holds there."""
    rooms = Room.everywhere.select_for_update(no_key=True)
    rows = rooms.filter(pk__in=room_ids).order_by("pk")
    list(rows.values_list("pk", flat=True))


def with_policies(rooms: QuerySet[Room], *, may_remember: bool = False) -> list[FoundRoom]:
    """Read the rooms and their namespaces with all that holds there; as in ``find_places``."""
    rows = rooms.select_related("namespace").annotate(
        known_version=policy_version("namespace__path"), known_people=people_version()
    )
    return _with_laws([_Place(row, row) for row in rows], may_remember=may_remember)


@dataclass(frozen=True, slots=True)
class _Place:
    """A room's row, and the row of the query that read it and more."""

    row: Room
    read: Room | Namespace
    is_there: bool = True

    @property
    def version(self) -> int:
        return int(getattr(self.read, "known_version"))  # noqa: B009 - an annotation

    @property
    def laws(self) -> Laws | None:
        """What holds in a hidden room, if the query said it."""
        if not self.is_there:
            return Laws()
        column = getattr(self.read, "hidden_laws", None)
        return laws_of(column) if column is not None else None

    def told(self, name: str, otherwise: Any) -> Any:  # noqa: ANN401 - any column
        """Give what the query said beside the row; a name that is no room's has nothing."""
        return getattr(self.read, name, otherwise) if self.is_there else None


def _with_laws(places: Sequence[_Place], *, may_remember: bool) -> list[FoundRoom]:
    namespaces = {place.row.namespace_id: place.row.namespace for place in places}
    versions = {place.row.namespace_id: place.version for place in places} if may_remember else None
    laws = [place.laws for place in places]
    book = read_laws(
        namespaces.values(),
        [place.row for place, known in zip(places, laws, strict=True) if known is None],
        versions=versions,
        within_s=options().recheck_s,
    )
    policies = {pk: row.as_policy(book.namespaces[pk]) for pk, row in namespaces.items()}
    return [
        FoundRoom(
            place.row,
            place.row.as_policy(
                policies[place.row.namespace_id],
                book.rooms[place.row.pk] if known is None else known,
            ),
            is_there=place.is_there,
            has_standings=bool(place.told("has_standings", otherwise=True)),
            has_invitations=bool(place.told("has_invitations", otherwise=True)),
            # Nobody asked about is one of them.
            persons_present=0 if place.told("has_seats", True) else place.told("persons", 0) or 0,
            version=place.version,
            people_version=int(getattr(place.read, "known_people")),  # noqa: B009
        )
        for place, known in zip(places, laws, strict=True)
    ]


def _with_seats(
    rows: QuerySet[Namespace], persons: Collection[Person], now: datetime
) -> QuerySet[Namespace]:
    """Count the persons in rooms that have a capacity, and say whether one asked about is there."""
    seats = Seat.objects.present(now).filter(room_id=OuterRef("room__pk")).order_by()
    count = seats.values("room_id").annotate(n=Count("person_key", distinct=True)).values("n")
    keys = {person.key for person in persons}
    return rows.annotate(
        persons=Case(When(room__capacity__isnull=False, then=Subquery(count))),
        has_seats=Exists(seats.filter(person_key__in=keys)),
    )


def _has_standings(persons: Collection[Person]) -> Exists | Q:
    user_ids = {person.user_id for person in persons if person.user_id is not None}
    guest_ids = {person.guest_id for person in persons if person.guest_id is not None}
    held = Q(user_id__in=user_ids) | Q(guest_id__in=guest_ids)
    grants = Exists(Grant.objects.filter(held, room=OuterRef("room__pk")))
    if not user_ids:
        return grants
    return grants | Exists(
        Membership.objects.filter(room=OuterRef("room__pk"), user_id__in=user_ids)
    )
