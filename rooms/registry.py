"""Reading the registry for decisions: namespaces and rooms with what they ask for.

Synchronous reads for the pool, a fixed number of queries for any number of rooms. Decides nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, When

from realtime.conf import options
from rooms.laws import read_laws
from rooms.models import Grant, Invitation, Membership, Namespace, Room, Seat
from rooms.people import Person
from rooms.policy_values import Access, NamespacePolicy, Policy
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

    ``has_standings`` is false where none of the persons asked about has a role or a grant in it,
    ``has_invitations`` where none of the invitations asked about is one to it. ``persons_present``
    is 0 unless they were asked for, the room has a capacity, and nobody asked about sits in it.
    ``version`` is that of what holds here, ``people_version`` that of users and groups, both as
    they were when the row was read.
    """

    row: Room
    policy: Policy
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
    """Read the namespaces of these paths that have a row; ``may_remember`` as in ``find_rooms``."""
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


def find_rooms(
    keys: Collection[tuple[str, str]],
    persons: Collection[Person] | None = None,
    *,
    digests: Collection[str] = (),
    seated_at: datetime | None = None,
    may_remember: bool = False,
) -> dict[tuple[str, str], FoundRoom]:
    """Read the rooms of these pairs of namespace path and name that are there.

    With ``persons`` the same query says whether any of them stands in a room, so that for most
    joins no other has to be made; that also makes a hidden room cost what a missing one does. So it
    does for the invitations of these ``digests``, and, with ``seated_at``, for rooms that are full.
    ``may_remember`` saves reading rules, bans and mutes again while nothing has changed; not for
    a transaction that changes any itself.
    """
    names_in: dict[str, set[str]] = {}
    for path, name in keys:
        names_in.setdefault(path, set()).add(name)
    wanted = Q()
    for path, names in names_in.items():
        wanted |= Q(namespace__path=path, name__in=names)
    if not wanted:
        return {}
    rooms = Room.objects.filter(wanted)
    if persons is not None:
        rooms = rooms.annotate(has_standings=_has_standings(persons))
        if seated_at is not None:
            rooms = _with_seats(rooms, persons, seated_at)
    if digests:
        invited = Invitation.objects.filter(room=OuterRef("pk"), digest__in=digests)
        rooms = rooms.annotate(has_invitations=Exists(invited))
    return {
        (found.row.namespace.path, found.row.name): found
        for found in with_policies(rooms, may_remember=may_remember)
    }


def lock_rooms(room_ids: Collection[int], *, may_remember: bool = False) -> dict[int, FoundRoom]:
    """Lock rooms until the transaction ends and read them as they are now.

    In the order of their keys, so that two who lock the same rooms wait and never deadlock.
    ``may_remember`` as in ``find_rooms``.
    """
    # By key: whoever knows it may also lock a room of two users.
    rows = Room.everywhere.select_for_update(of=("self",)).filter(pk__in=room_ids).order_by("pk")
    return {found.row.pk: found for found in with_policies(rows, may_remember=may_remember)}


def hold_rooms(room_ids: Collection[int]) -> None:
    """Lock rooms as ``lock_rooms`` does, reading nothing of what holds there."""
    rows = Room.everywhere.select_for_update().filter(pk__in=room_ids).order_by("pk")
    list(rows.values_list("pk", flat=True))


def with_policies(rooms: QuerySet[Room], *, may_remember: bool = False) -> list[FoundRoom]:
    """Read the rooms and their namespaces with all that holds there; as in ``find_rooms``."""
    rows = list(
        rooms.select_related("namespace").annotate(
            known_version=policy_version("namespace__path"), known_people=people_version()
        )
    )
    namespaces = {row.namespace_id: row.namespace for row in rows}
    versions = {row.namespace_id: row.known_version for row in rows} if may_remember else None
    book = read_laws(namespaces.values(), rows, versions=versions, within_s=options().recheck_s)
    policies = {pk: row.as_policy(book.namespaces[pk]) for pk, row in namespaces.items()}
    return [
        FoundRoom(
            row,
            row.as_policy(policies[row.namespace_id], book.rooms[row.pk]),
            has_standings=getattr(row, "has_standings", True),
            has_invitations=getattr(row, "has_invitations", True),
            persons_present=_persons_beside(row),
            version=row.known_version,
            people_version=row.known_people,
        )
        for row in rows
    ]


def _persons_beside(row: Room) -> int:
    """Give the persons in a room read ``_with_seats`` where nobody asked about is one of them."""
    return 0 if getattr(row, "has_seats", True) else getattr(row, "persons", 0) or 0


def _with_seats(
    rooms: QuerySet[Room], persons: Collection[Person], now: datetime
) -> QuerySet[Room]:
    """Count the persons in rooms that have a capacity, and say whether one asked about is there."""
    seats = Seat.objects.present(now).filter(room_id=OuterRef("pk")).order_by()
    count = seats.values("room_id").annotate(n=Count("person_key", distinct=True)).values("n")
    keys = {person.key for person in persons}
    return rooms.annotate(
        persons=Case(When(capacity__isnull=False, then=Subquery(count))),
        has_seats=Exists(seats.filter(person_key__in=keys)),
    )


def _has_standings(persons: Collection[Person]) -> Exists | Q:
    user_ids = {person.user_id for person in persons if person.user_id is not None}
    guest_ids = {person.guest_id for person in persons if person.guest_id is not None}
    held = Q(user_id__in=user_ids) | Q(guest_id__in=guest_ids)
    grants = Exists(Grant.objects.filter(held, room=OuterRef("pk")))
    if not user_ids:
        return grants
    return grants | Exists(Membership.objects.filter(room=OuterRef("pk"), user_id__in=user_ids))
