"""Reading the registry for decisions: namespaces and rooms with what they ask for.

Synchronous reads for the pool, a fixed number of queries for any number of rooms; groups are read
only where access is by groups. Decides nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, prefetch_related_objects

from rooms.models import Grant, Membership, Namespace, Room
from rooms.people import Person
from rooms.policy_values import Access, NamespacePolicy, Policy


@dataclass(frozen=True, slots=True)
class NamespaceDefaults:
    """What holds for a namespace that has no row: a ``RoomNamespace`` class declares it."""

    title: str = ""
    welcome: str = ""
    access: str = Access.OPEN
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """What a client is told of its namespace, and what the namespace asks for."""

    title: str
    welcome: str
    policy: NamespacePolicy


@dataclass(frozen=True, slots=True)
class FoundRoom:
    """A room's row with the policy that it states.

    ``has_standings`` is false where none of the persons asked about has a role or a grant in it.
    """

    row: Room
    policy: Policy
    has_standings: bool = True


def namespaces_exist(paths: list[str]) -> list[bool | Exception]:
    """Say of each path whether there is a row for it; one query for all that ask together."""
    known = set(Namespace.objects.filter(path__in=set(paths)).values_list("path", flat=True))
    return [path in known for path in paths]


def find_namespaces(paths: Collection[str]) -> dict[str, NamespaceFacts]:
    """Read the namespaces of these paths that have a row."""
    namespaces = list(Namespace.objects.filter(path__in=paths))
    _prefetch_groups(namespaces)
    return {
        namespace.path: NamespaceFacts(namespace.title, namespace.welcome, namespace.as_policy())
        for namespace in namespaces
    }


def default_facts(path: str, defaults: NamespaceDefaults) -> NamespaceFacts:
    """Give what a class declares for a namespace without a row."""
    policy = NamespacePolicy(path=path, is_open=defaults.is_open, access=defaults.access)
    return NamespaceFacts(defaults.title, defaults.welcome, policy)


def find_rooms(
    keys: Collection[tuple[str, str]], persons: Collection[Person] | None = None
) -> dict[tuple[str, str], FoundRoom]:
    """Read the rooms of these pairs of namespace path and name that are there.

    With ``persons`` the same query says whether any of them stands in a room, so that for most
    joins no other has to be made; that also makes a hidden room cost what a missing one does.
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
    return {(found.row.namespace.path, found.row.name): found for found in with_policies(rooms)}


def lock_rooms(room_ids: Collection[int]) -> dict[int, FoundRoom]:
    """Lock rooms until the transaction ends and read them as they are now.

    In the order of their keys, so that two who lock the same rooms wait and never deadlock.
    """
    rows = Room.objects.select_for_update(of=("self",)).filter(pk__in=room_ids).order_by("pk")
    return {found.row.pk: found for found in with_policies(rows)}


def with_policies(rooms: QuerySet[Room]) -> list[FoundRoom]:
    """Read the rooms, their namespaces, and groups where they count."""
    rows = list(rooms.select_related("namespace"))
    _prefetch_groups(rows)
    _prefetch_groups([row.namespace for row in rows])
    return [FoundRoom(row, row.as_policy(), getattr(row, "has_standings", True)) for row in rows]


def _has_standings(persons: Collection[Person]) -> Exists | Q:
    user_ids = {person.user_id for person in persons if person.user_id is not None}
    guest_ids = {person.guest_id for person in persons if person.guest_id is not None}
    held = Q(user_id__in=user_ids) | Q(guest_id__in=guest_ids)
    grants = Exists(Grant.objects.filter(held, room=OuterRef("pk")))
    if not user_ids:
        return grants
    return grants | Exists(Membership.objects.filter(room=OuterRef("pk"), user_id__in=user_ids))


def _prefetch_groups(rows: Iterable[Room] | Iterable[Namespace]) -> None:
    """Bring along groups for ``as_policy``: read where access is by them, else known to be moot."""
    by_groups = [row for row in rows if row.access == Access.GROUPS]
    others = [row for row in rows if row.access != Access.GROUPS]
    if by_groups:
        prefetch_related_objects(by_groups, "groups")
    if others:
        prefetch_related_objects(others, Prefetch("groups", Group.objects.none()))
