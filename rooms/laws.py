"""What rules, bans, mutes and groups say of places: read for many at once, and remembered.

A place is a namespace or a room. ``LawCache`` keeps what was read as long as the version that
every change raises is the same (``rooms.models.versions``), and no longer than ``RECHECK_S``, so
that what bypasses the signals is found as well. Decides nothing.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from django.db.models import Q
from django.utils import timezone

from rooms.models import AccessRule, Ban, Mute, Namespace, Room
from rooms.models.sanctions import Sanction as SanctionRow
from rooms.policy_values import Access, Laws, NamespaceLaws, Rule, RuleSet, Sanction

# Places whose laws a process remembers at most.
MOST = 10_000

_Held = TypeVar("_Held", Laws, NamespaceLaws)


@dataclass(slots=True)
class LawBook:
    """The laws of some places, by the keys of their rows."""

    namespaces: Mapping[int, NamespaceLaws] = field(default_factory=dict)
    rooms: Mapping[int, Laws] = field(default_factory=dict)


class LawCache:
    """What this process has read of laws, each with the version that it was read at."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, int], tuple[int, float, Laws | NamespaceLaws]] = (
            OrderedDict()
        )
        # Batches of joins and of messages are decided by different threads.
        self._lock = Lock()

    def find(self, kind: type[_Held], pk: int, version: int, within_s: float) -> _Held | None:
        """Give what was read at this version and within so many seconds."""
        with self._lock:
            read_version, read_at, laws = self._held.get((kind.__name__, pk), (-1, 0.0, None))
        if read_version != version or time.monotonic() - read_at > within_s:
            return None
        return laws if isinstance(laws, kind) else None

    def keep(self, pk: int, version: int, laws: Laws | NamespaceLaws) -> None:
        """Remember what has just been read; the oldest is forgotten beyond the most."""
        key = (type(laws).__name__, pk)
        with self._lock:
            self._held[key] = (version, time.monotonic(), laws)
            self._held.move_to_end(key)
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def forget_unless(self, pk: int, laws: Laws | NamespaceLaws) -> None:
        """Forget what a place's laws were if they have just been read as something else."""
        key = (type(laws).__name__, pk)
        with self._lock:
            held = self._held.get(key)
            if held is not None and held[2] != laws:
                del self._held[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()


laws_in_memory = LawCache()


def read_laws(
    namespaces: Collection[Namespace],
    rooms: Collection[Room] = (),
    *,
    versions: Mapping[int, int] | None = None,
    within_s: float = 0,
) -> LawBook:
    """Give the laws of these places; at most five queries for any number of them.

    With ``versions`` (by the namespaces' keys) what is remembered at that version, and was read
    ``within_s`` ago at most, is not read again. Give none inside of a transaction that has
    changed any: what it reads may never come to be. What was remembered and reads otherwise is
    forgotten, so that nobody is let in again by what has just put them out.
    """
    if versions is None:
        book = _Reading(namespaces, rooms).book()
        for laws_by_pk in (book.namespaces, book.rooms):
            for pk, laws in laws_by_pk.items():
                laws_in_memory.forget_unless(pk, laws)
        return book
    known = LawBook(
        _remembered(NamespaceLaws, namespaces, lambda row: versions[row.pk], within_s),
        _remembered(Laws, rooms, lambda row: versions[row.namespace_id], within_s),
    )
    unknown_namespaces = [row for row in namespaces if row.pk not in known.namespaces]
    unknown_rooms = [row for row in rooms if row.pk not in known.rooms]
    if not unknown_namespaces and not unknown_rooms:
        return known
    fresh = _Reading(unknown_namespaces, unknown_rooms).book()
    for namespace in unknown_namespaces:
        laws_in_memory.keep(namespace.pk, versions[namespace.pk], fresh.namespaces[namespace.pk])
    for room in unknown_rooms:
        laws_in_memory.keep(room.pk, versions[room.namespace_id], fresh.rooms[room.pk])
    return LawBook(
        {**known.namespaces, **fresh.namespaces},
        {**known.rooms, **fresh.rooms},
    )


_Row = TypeVar("_Row", Namespace, Room)


def _remembered(
    kind: type[_Held], rows: Iterable[_Row], version_of: Callable[[_Row], int], within_s: float
) -> dict[int, _Held]:
    found = {row.pk: laws_in_memory.find(kind, row.pk, version_of(row), within_s) for row in rows}
    return {pk: laws for pk, laws in found.items() if laws is not None}


class _Reading:
    """One reading of the laws of some places."""

    def __init__(self, namespaces: Collection[Namespace], rooms: Collection[Room]) -> None:
        self._namespaces = {row.pk: row for row in namespaces}
        self._rooms = {row.pk: row for row in rooms}

    def book(self) -> LawBook:
        """Read everything that counts now; what is over is left out."""
        here = Q(room_id__in=self._rooms) if self._rooms else Q()
        if self._namespaces:
            here |= Q(namespace_id__in=self._namespaces)
        if not here:
            return LawBook()
        now = timezone.now()
        everywhere = Q(namespace__isnull=True, room__isnull=True)
        reached = here | everywhere if self._namespaces else here
        not_over = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
        rules = list(AccessRule.objects.filter(not_over).filter(here))
        bans = list(Ban.objects.in_force(now).filter(reached))
        mutes = list(Mute.objects.in_force(now).filter(reached))
        groups = _groups(Namespace, self._namespaces.values())
        room_groups = _groups(Room, self._rooms.values())
        site = (_of(bans, None, None), _of(mutes, None, None))
        return LawBook(
            {
                pk: NamespaceLaws(
                    group_ids=groups.get(pk, frozenset()),
                    rules=_rules(rules, namespace_id=pk),
                    site_bans=site[0],
                    bans=_of(bans, pk, None),
                    site_mutes=site[1],
                    mutes=_of(mutes, pk, None),
                )
                for pk in self._namespaces
            },
            {
                pk: Laws(
                    group_ids=room_groups.get(pk, frozenset()),
                    rules=_rules(rules, room_id=pk),
                    bans=_of(bans, None, pk),
                    mutes=_of(mutes, None, pk),
                )
                for pk in self._rooms
            },
        )


def _rules(
    rows: Iterable[AccessRule], *, namespace_id: int | None = None, room_id: int | None = None
) -> RuleSet:
    here: list[Rule] = [
        row.as_rule() for row in rows if row.namespace_id == namespace_id and row.room_id == room_id
    ]
    return RuleSet(tuple(here))


def _of(
    rows: Iterable[SanctionRow], namespace_id: int | None, room_id: int | None
) -> tuple[Sanction, ...]:
    return tuple(
        row.as_sanction()
        for row in rows
        if row.namespace_id == namespace_id and row.room_id == room_id
    )


def _groups(
    model: type[Namespace] | type[Room], rows: Iterable[Namespace | Room]
) -> dict[int, frozenset[str]]:
    """Give the groups of those whose access is by them; no query where there are none."""
    by_groups = [row.pk for row in rows if row.access == Access.GROUPS]
    if not by_groups:
        return {}
    name = "namespace_id" if model is Namespace else "room_id"
    pairs = model.groups.through._default_manager.filter(  # noqa: SLF001 - Django's documented name
        **{f"{name}__in": by_groups}
    ).values_list(name, "group_id")
    found: dict[int, set[str]] = {}
    for pk, group_id in pairs:
        found.setdefault(pk, set()).add(str(group_id))
    return {pk: frozenset(group_ids) for pk, group_ids in found.items()}
