"""Keeping what was decided: one row for each denial, equal ones within a minute counted in it.

Synchronous writes for the pool, many records in a fixed number of statements, inside the
transaction of whoever decided, so that the ``ref`` that a client is told can be found at once.
Equal is what was told: a hidden room's denials are counted in one row as those of a missing one
are, or their refs and their cost would tell the two apart.
Source: DESIGN section 7, ``DecisionRecord``.
"""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any

from django.db import transaction
from django.db.models import F

from rooms.denials import Code
from rooms.models import DecisionRecord
from rooms.models.records import RecordKind, new_ref
from rooms.people import Person
from rooms.policy_values import Decision

logger = logging.getLogger(__name__)

SAME_WITHIN_S = 60
PRUNE_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Denial:
    """A decision about somebody, as it is kept; ``room`` is the name as it was typed.

    ``told`` is what the person was told where that is not what was decided: of a hidden room.
    """

    kind: RecordKind
    namespace: str
    room: str
    person: Person
    decision: Decision
    told: Decision | None = None

    @property
    def about(self) -> tuple[str, ...]:
        """Whom it is about, and where."""
        return (self.kind, self.namespace, self.room, self.person.key)

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two denials equal: what was told, so that no ref tells more than that."""
        told = self.told or self.decision
        return (*self.about, told.code, told.rule)

    @property
    def is_of_no_room(self) -> bool:
        """Whether the person was told that there is no such room."""
        return (self.told or self.decision).code == Code.UNKNOWN_ROOM


class RecentDenials:
    """The refs that this process gave within the last minute; bounded, the oldest forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._refs: OrderedDict[tuple[str, ...], tuple[str, float]] = OrderedDict()
        # Batches of joins and of messages are written by different threads.
        self._lock = Lock()

    def find(self, key: tuple[str, ...]) -> str | None:
        """Give the ref of an equal denial that began less than a minute ago."""
        with self._lock:
            ref, began_at = self._refs.get(key, (None, 0.0))
        return ref if time.monotonic() - began_at < SAME_WITHIN_S else None

    def add(self, key: tuple[str, ...], ref: str) -> None:
        """Remember the ref of a denial that begins now."""
        with self._lock:
            self._refs[key] = (ref, time.monotonic())
            self._refs.move_to_end(key)
            while len(self._refs) > self._most:
                self._refs.popitem(last=False)


recent = RecentDenials()


def record_denials(denials: Sequence[Denial], now: datetime) -> list[str]:
    """Keep each denial, in a row of its own or counted in that of an equal one; give their refs.

    One statement for a denial that this process saw a moment ago, two for others.
    """
    counts: dict[tuple[str, ...], int] = {}
    lasts: dict[tuple[str, ...], Denial] = {}
    for denial in denials:
        counts[denial.key] = counts.get(denial.key, 0) + 1
        lasts[denial.key] = denial
    refs = {key: ref for key in lasts if (ref := recent.find(key)) is not None}
    refs = {key: ref for key, ref in refs.items() if _count_in(ref, lasts[key], counts[key], now)}
    unseen = [denial for key, denial in lasts.items() if key not in refs]
    for key, ref in _find_elsewhere(unseen, now).items():
        if _count_in(ref, lasts[key], counts[key], now):
            refs[key] = ref
    fresh = [key for key in lasts if key not in refs]
    for key in fresh:
        refs[key] = new_ref()
    DecisionRecord.objects.bulk_create(
        [_row(lasts[key], refs[key], counts[key], now) for key in fresh]
    )
    for key in fresh:
        recent.add(key, refs[key])
    return [refs[denial.key] for denial in denials]


def record_joins(joins: Sequence[Denial], now: datetime) -> None:
    """Keep joins that were let in, each in a row of its own."""
    DecisionRecord.objects.bulk_create([_row(join, new_ref(), 1, now) for join in joins])


def name_denials(denials: Sequence[Denial]) -> list[str]:
    """Give each denial the ref under which ``keep_named`` will keep it; reads and writes nothing.

    For those who have to be told before there is time to write.
    """
    refs = []
    for denial in denials:
        ref = recent.find(denial.key)
        if ref is None:
            ref = new_ref()
            recent.add(denial.key, ref)
        refs.append(ref)
    return refs


def keep_named(named: Sequence[tuple[str, Denial]], now: datetime) -> None:
    """Keep denials under refs that were given before, equal ones counted in one row."""
    denials = dict(named)
    counts = Counter(ref for ref, _denial in named)
    known = set(
        DecisionRecord.objects.filter(ref__in=denials).order_by().values_list("ref", flat=True)
    )
    fresh = [
        ref
        for ref in denials
        if ref not in known or not _count_in(ref, denials[ref], counts[ref], now)
    ]
    # Two that evict one person at once write the same row: the one that comes later has nothing
    # to add.
    DecisionRecord.objects.bulk_create(
        [_row(denials[ref], ref, counts[ref], now) for ref in fresh], ignore_conflicts=True
    )


def prune_records(now: datetime, days: int) -> int:
    """Delete the oldest records of more than ``days``, a thousand at most; say how many."""
    if not days:
        return 0
    oldest = DecisionRecord.objects.filter(created_at__lt=now - timedelta(days=days))
    doomed = list(oldest.order_by("created_at").values_list("pk", flat=True)[:PRUNE_LIMIT])
    return DecisionRecord.objects.filter(pk__in=doomed).delete()[0] if doomed else 0


def keep_act(record: DecisionRecord) -> None:
    """Keep what somebody did, and log it once that is committed; texts are not logged."""
    record.save(force_insert=True)
    about = {
        "act": record.rule,
        "namespace": record.namespace,
        "room": record.room,
        "user": record.person_key,
        "actor": record.actor_id,
        "ref": record.ref,
    }
    transaction.on_commit(partial(logger.info, "moderated", extra=about))


def _count_in(ref: str, denial: Denial, count: int, now: datetime) -> bool:
    """Count further denials in an earlier row; false if the row is gone.

    What was decided last stands there: of a hidden room equal answers may have several reasons.
    """
    rows = DecisionRecord.objects.filter(ref=ref)
    return bool(rows.update(count=F("count") + count, last_at=now, **_reasons(denial.decision)))


def _find_elsewhere(denials: Sequence[Denial], now: datetime) -> dict[tuple[str, ...], str]:
    """Find rows of equal denials within the minute that another process has begun."""
    if not denials:
        return {}
    rows = DecisionRecord.objects.filter(
        person_key__in={denial.person.key for denial in denials},
        created_at__gt=now - timedelta(seconds=SAME_WITHIN_S),
    )
    found = {(*_about(row), row.code, row.rule): row.ref for row in rows}
    # A row says what was decided. That is not what was told of a hidden room: tries too many are.
    unseen = {_about(row): row.ref for row in rows if row.code != Code.RATE_LIMITED}
    refs = {
        denial.key: unseen.get(denial.about) if denial.is_of_no_room else found.get(denial.key)
        for denial in denials
    }
    return {key: ref for key, ref in refs.items() if ref is not None}


def _about(row: DecisionRecord) -> tuple[str, ...]:
    return (row.kind, row.namespace, row.room, row.person_key)


def _row(denial: Denial, ref: str, count: int, now: datetime) -> DecisionRecord:
    person, decision = denial.person, denial.decision
    return DecisionRecord(
        kind=denial.kind,
        namespace=denial.namespace,
        room=denial.room,
        user_id=person.user_id,
        person_key=person.key,
        name=person.name,
        address=str(person.address) if person.address is not None else None,
        allowed=decision.allowed,
        ref=ref,
        count=count,
        created_at=now,
        last_at=now,
        **_reasons(decision),
    )


def _reasons(decision: Decision) -> dict[str, Any]:
    return {
        "code": decision.code,
        "message": decision.reason,
        "rule": decision.rule,
        "steps": [
            {"check": step.check, "outcome": step.outcome, "rule": step.rule}
            for step in decision.steps
        ],
    }
