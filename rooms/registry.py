"""Reading the registry for decisions: namespaces and rooms with what they ask for.

Synchronous reads for the pool, a fixed number of queries for any number of rooms; groups are read
only where access is by groups. Decides nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects

from rooms.models import Namespace, Room
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
    """A room's row with the policy that it states."""

    row: Room
    policy: Policy


def namespace_exists(path: str) -> bool:
    """Say whether there is a row for this path."""
    return Namespace.objects.filter(path=path).exists()


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


def find_rooms(keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], FoundRoom]:
    """Read the rooms of these pairs of namespace path and name that are there."""
    names_in: dict[str, set[str]] = {}
    for path, name in keys:
        names_in.setdefault(path, set()).add(name)
    wanted = Q()
    for path, names in names_in.items():
        wanted |= Q(namespace__path=path, name__in=names)
    if not wanted:
        return {}
    return {
        (found.row.namespace.path, found.row.name): found
        for found in with_policies(Room.objects.filter(wanted))
    }


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
    return [FoundRoom(row, row.as_policy()) for row in rows]


def _prefetch_groups(rows: Iterable[Room] | Iterable[Namespace]) -> None:
    """Bring along groups for ``as_policy``: read where access is by them, else known to be moot."""
    by_groups = [row for row in rows if row.access == Access.GROUPS]
    others = [row for row in rows if row.access != Access.GROUPS]
    if by_groups:
        prefetch_related_objects(by_groups, "groups")
    if others:
        prefetch_related_objects(others, Prefetch("groups", Group.objects.none()))
