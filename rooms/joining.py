"""Joining: one unit of database work for all the joins that pile up.

Decides each with ``decide`` on rows just read, under the room's lock where it has a capacity,
and writes seats, grants and the records of denials in the same transaction. Runs in the pool;
tells nobody. Source: DESIGN section 6, ``joinRoom``; section 7, "Races".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from rooms.history import Snapshot, snapshot
from rooms.models import Grant, Room, Seat
from rooms.models.people import GrantVia
from rooms.models.records import RecordKind
from rooms.people import (
    Person,
    Powers,
    Standing,
    load_powers,
    load_standings,
    reads_groups,
    subject_of,
)
from rooms.policy import decide, shown_code, unknown_room
from rooms.policy_values import Access, Action, Credentials, Decision, Policy, Proof
from rooms.presence import Occupancy
from rooms.records import Denial, record_denials
from rooms.registry import FoundRoom, find_rooms, lock_rooms


@dataclass(frozen=True, slots=True)
class CheckedPassword:
    """What came of a password: it was compared with ``encoded``, outside of any transaction."""

    encoded: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """One socket that asks to join.

    ``password_given`` without ``checked_password`` asks whether a check is needed at all.
    ``policy`` stands in for the row's own where the rooms are rows of another model.
    ``is_joined``: this socket is in the room already.
    """

    namespace: str
    room: str
    person: Person
    socket_id: str
    process_id: str
    page: int
    is_joined: bool = False
    password_given: bool = False
    checked_password: CheckedPassword | None = None
    since: int | None = None
    epoch: str | None = None
    powers: Powers | None = None
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A join that was allowed, and all that its answer tells."""

    room_id: int
    members: int
    sockets: int
    standing: Standing
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Denied:
    """A join that was denied: what to tell, which for a hidden room is not what was decided."""

    told: Decision
    ref: str
    powers: Powers | None


@dataclass(frozen=True, slots=True)
class PasswordNeeded:
    """Nothing is decided yet: compare the password with ``encoded`` and ask again.

    Rooms that are missing or hidden ask as well, so that nobody can tell which they are.
    """

    encoded: str
    powers: Powers | None


Outcome = Joined | Denied | PasswordNeeded


def join_rooms(requests: list[JoinRequest]) -> list[Outcome | Exception]:
    """Decide and carry out joins, in order; a denial is an outcome and no exception."""
    with transaction.atomic():
        batch = _Batch(requests, timezone.now())
        attempts = [_Attempt(request) for request in requests]
        for attempt in attempts:
            batch.decide(attempt)
        batch.take_seats([attempt for attempt in attempts if attempt.is_allowed])
        return list(batch.outcomes(attempts))


@dataclass(slots=True)
class _Attempt:
    """One request on its way to an outcome."""

    request: JoinRequest
    found: FoundRoom | None = None
    standing: Standing = field(default_factory=Standing)
    decision: Decision | None = None
    shown: Decision | None = None
    needs_password: str | None = None
    members: int = 0
    sockets: int = 0

    @property
    def is_allowed(self) -> bool:
        return self.decision is not None and self.decision.allowed

    @property
    def proof(self) -> Proof:
        """What is known of the password: a check against an older one proves nothing."""
        checked = self.request.checked_password
        if checked is None:
            return Proof.ABSENT
        is_current = self.found is not None and checked.encoded == self.found.row.password
        return Proof.RIGHT if checked.is_right and is_current else Proof.WRONG


@dataclass(slots=True)
class _Batch:
    """What one transaction has read, shared by its joins."""

    requests: list[JoinRequest]
    now: datetime
    rooms: dict[tuple[str, str], FoundRoom] = field(init=False)
    standings: dict[tuple[int, str], Standing] = field(init=False)
    powers: dict[str, Powers] = field(default_factory=dict)
    snapshots: dict[tuple[int, int | None, str | None, int], Snapshot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        persons = {request.person.key: request.person for request in self.requests}.values()
        self.rooms = find_rooms(
            {(request.namespace, request.room) for request in self.requests}, persons
        )
        self.standings = load_standings(
            {found.row.pk: found.policy for found in self.rooms.values() if found.has_standings},
            persons,
        )

    def decide(self, attempt: _Attempt, occupancy: Occupancy | None = None) -> None:
        """Decide one join; without ``occupancy`` as if there were seats enough."""
        request = attempt.request
        if occupancy is None:
            attempt.found = self.rooms.get((request.namespace, request.room))
        self._take_standing(attempt)
        attempt.decision = self._decision(attempt, occupancy)
        # Most joins never need to know what an account may do everywhere.
        if not attempt.decision.allowed and self._add_powers(attempt):
            attempt.decision = self._decision(attempt, occupancy)
        if attempt.decision.allowed:
            return
        attempt.shown = self._shown(attempt, attempt.decision)
        is_unchecked = request.password_given and request.checked_password is None
        is_hidden = attempt.shown is not attempt.decision or attempt.found is None
        asks_password = attempt.decision.code == "password_required"
        if is_unchecked and (is_hidden or asks_password):
            row = attempt.found.row if attempt.found is not None else None
            attempt.needs_password = row.password if row is not None and asks_password else ""

    def take_seats(self, attempts: list[_Attempt]) -> None:
        """Seat those who were allowed, deciding again under the lock where seats are counted."""
        counted = {
            attempt.found.row.pk
            for attempt in attempts
            if attempt.found is not None and _policy(attempt).capacity is not None
        }
        locked = lock_rooms(counted) if counted else {}
        occupancy = Occupancy.read(
            {attempt.found.row.pk for attempt in attempts if attempt.found is not None},
            {attempt.request.person.key for attempt in attempts},
            self.now,
        )
        for attempt in attempts:
            if attempt.found is not None and attempt.found.row.pk in counted:
                attempt.found = locked.get(attempt.found.row.pk)
                self.decide(attempt, occupancy)
            if attempt.is_allowed and attempt.found is not None:
                attempt.members, attempt.sockets = occupancy.enter(
                    attempt.found.row.pk,
                    attempt.request.person.key,
                    is_seated=attempt.request.is_joined,
                )
        seated = [attempt for attempt in attempts if attempt.is_allowed]
        Seat.objects.bulk_create(
            [
                _seat(attempt.request, attempt.found.row, self.now)
                for attempt in seated
                if attempt.found is not None
            ],
            ignore_conflicts=True,
        )
        for attempt in seated:
            _leave_grant(attempt)

    def outcomes(self, attempts: Iterable[_Attempt]) -> Iterable[Outcome]:
        """Give what came of each, with the denials recorded."""
        attempts = list(attempts)
        denied = [
            attempt
            for attempt in attempts
            if not attempt.is_allowed and attempt.needs_password is None
        ]
        refs = dict(
            zip(
                map(id, denied),
                record_denials([_denial(attempt) for attempt in denied], self.now),
                strict=True,
            )
        )
        for attempt in attempts:
            if attempt.needs_password is not None:
                yield PasswordNeeded(attempt.needs_password, attempt.standing.powers)
            elif attempt.is_allowed and attempt.found is not None:
                yield self._joined(attempt, attempt.found.row)
            elif attempt.shown is not None:
                yield Denied(attempt.shown, refs[id(attempt)], attempt.standing.powers)

    def _take_standing(self, attempt: _Attempt) -> None:
        request = attempt.request
        standing = Standing()
        if attempt.found is not None:
            standing = self.standings.get((attempt.found.row.pk, request.person.key), standing)
        known = self.powers.get(request.person.key, request.powers)
        attempt.standing = replace(standing, powers=known)
        if attempt.found is not None and reads_groups(_policy(attempt)):
            self._add_powers(attempt)

    def _add_powers(self, attempt: _Attempt) -> bool:
        """Read what the account may do everywhere; false if that is known, or there is none."""
        person = attempt.request.person
        if person.user_id is None or attempt.standing.powers is not None:
            return False
        if person.key not in self.powers:
            self.powers[person.key] = load_powers(person.user_id)
        attempt.standing = replace(attempt.standing, powers=self.powers[person.key])
        return True

    def _decision(self, attempt: _Attempt, occupancy: Occupancy | None) -> Decision:
        if attempt.found is None:
            return unknown_room(attempt.request.room)
        subject = subject_of(attempt.request.person, attempt.standing)
        credentials = self._credentials(attempt, attempt.found.row, occupancy)
        return decide(_policy(attempt), subject, Action.JOIN, credentials)

    def _shown(self, attempt: _Attempt, decision: Decision) -> Decision:
        if attempt.found is None:
            return decision
        subject = subject_of(attempt.request.person, attempt.standing)
        credentials = self._credentials(attempt, attempt.found.row, None)
        code = shown_code(decision, _policy(attempt), subject, credentials)
        return decision if code == decision.code else unknown_room(attempt.request.room)

    def _credentials(
        self, attempt: _Attempt, row: Room, occupancy: Occupancy | None
    ) -> Credentials:
        """Give what the attempt brings; uncounted, it meets a room with place for everybody."""
        request = attempt.request
        given = Credentials(now=self.now, password=attempt.proof, is_joined=request.is_joined)
        if occupancy is None:
            return given
        return replace(
            given,
            is_inside=occupancy.sockets(row.pk, request.person.key) > 0,
            persons_present=occupancy.persons(row.pk),
        )

    def _joined(self, attempt: _Attempt, row: Room) -> Joined:
        request = attempt.request
        key = (row.pk, request.since, request.epoch, request.page)
        if key not in self.snapshots:
            self.snapshots[key] = snapshot(
                row, request.since, request.epoch, request.page, self.now
            )
        return Joined(
            room_id=row.pk,
            members=attempt.members,
            sockets=attempt.sockets,
            standing=attempt.standing,
            snapshot=self.snapshots[key],
        )


def _policy(attempt: _Attempt) -> Policy:
    """Give the policy that counts: the row's, unless the application has its own."""
    if attempt.request.policy is not None:
        return attempt.request.policy
    if attempt.found is None:
        raise ValueError("a room that is not there has no policy")
    return attempt.found.policy


def _seat(request: JoinRequest, room: Room, now: datetime) -> Seat:
    return Seat(
        room=room,
        connection_id=request.socket_id,
        process_id=request.process_id,
        person_key=request.person.key,
        joined_at=now,
    )


def _leave_grant(attempt: _Attempt) -> None:
    """Let a right password stand for re-joins, re-checks and further tabs."""
    if attempt.found is None or attempt.proof is not Proof.RIGHT:
        return
    if attempt.decision is None or attempt.decision.rule != f"room.access:{Access.PASSWORD}":
        return
    row, person = attempt.found.row, attempt.request.person
    held = Grant.objects.of_person(person.user_id, person.guest_id).filter(
        room=row, via=GrantVia.PASSWORD
    )
    if not held.update(password_version=row.password_version):
        Grant.objects.create(
            room=row,
            user_id=person.user_id,
            guest_id=person.guest_id or "",
            via=GrantVia.PASSWORD,
            password_version=row.password_version,
        )


def _denial(attempt: _Attempt) -> Denial:
    request = attempt.request
    decision = attempt.decision or unknown_room(request.room)
    return Denial(RecordKind.JOIN, request.namespace, request.room, request.person, decision)
