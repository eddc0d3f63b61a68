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

from realtime.conf import options
from rooms.findings import find_mute
from rooms.history import Snapshot, snapshot
from rooms.inviting import Invitations, digests_of
from rooms.models import Grant, Room, Seat
from rooms.models.people import GrantVia
from rooms.models.records import RecordKind
from rooms.own_policies import with_laws_of
from rooms.people import (
    Person,
    Powers,
    Standing,
    load_powers,
    load_standings,
    reads_groups,
    subject_of,
)
from rooms.policy import decide, is_final, shown_code, unknown_room
from rooms.policy_values import Access, Action, Credentials, Decision, Policy, Proof, Sanction
from rooms.policy_values import Grant as GrantValue
from rooms.presence import Occupancy
from rooms.records import Denial, record_denials, record_joins
from rooms.registry import FoundRoom, find_places, lock_rooms


@dataclass(frozen=True, slots=True)
class CheckedPassword:
    """What came of a password: it was compared with ``encoded``, outside of any transaction."""

    encoded: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """One socket that asks to join.

    ``password_given`` without ``checked_password`` asks whether a check is needed at all.
    ``policy`` stands in for the row's own where the rooms are rows of another model;
    ``is_missing`` says that there is no such room of that model.
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
    invitation: str | None = None
    since: int | None = None
    epoch: str | None = None
    powers: Powers | None = None
    policy: Policy | None = None
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """A join that was allowed, and all that its answer tells."""

    room_id: int
    members: int
    sockets: int
    standing: Standing
    snapshot: Snapshot
    # What keeps the person from writing there.
    mute: Sanction | None = None


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


@dataclass(frozen=True, slots=True)
class RowNeeded:
    """Nothing is decided yet: make the row under which another model's room is kept, ask again."""


Outcome = Joined | Denied | PasswordNeeded | RowNeeded


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
    # The room, and its place: its own, or the stand-in's for a room that is missing.
    found: FoundRoom | None = None
    place: FoundRoom | None = None
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
    def has_row(self) -> bool:
        """Whether a room of another model has the row under which it is kept."""
        return self.found is not None or self.request.policy is None

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
    places: dict[tuple[str, str], FoundRoom] = field(init=False)
    standings: dict[tuple[int, str], Standing] = field(init=False)
    invitations: Invitations = field(init=False)
    powers: dict[str, Powers] = field(default_factory=dict)
    snapshots: dict[tuple[int, int | None, str | None, int], Snapshot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens = {request.invitation for request in self.requests}
        self.places = find_places(
            {(request.namespace, request.room) for request in self.requests},
            self.persons,
            digests=set(digests_of(tokens).values()),
            seated_at=self.now,
            may_remember=True,
        )
        self.standings = load_standings(self._where_standing_counts(), self.persons)
        is_invited = any(found.has_invitations for found in self.places.values())
        self.invitations = Invitations.read(tokens if is_invited else (), self.persons)

    @property
    def persons(self) -> list[Person]:
        """Those who ask, each once."""
        return list({request.person.key: request.person for request in self.requests}.values())

    def _where_standing_counts(self) -> dict[int, Policy]:
        """Give the rooms in which a role or a grant could change what somebody is answered.

        Nobody's role lifts a ban, so that those who are kept out keep nobody busy.
        """
        counts: dict[int, Policy] = {}
        for request in self.requests:
            found = self.places.get((request.namespace, request.room))
            if found is None or not found.has_standings or found.row.pk in counts:
                continue
            policy = with_laws_of(request.policy, found.policy) if request.policy else found.policy
            subject = subject_of(request.person, Standing(powers=request.powers))
            stranger = decide(policy, subject, Action.JOIN, Credentials(now=self.now))
            if not policy.is_listed or not is_final(stranger):
                counts[found.row.pk] = policy
        return counts

    def decide(self, attempt: _Attempt, occupancy: Occupancy | None = None) -> None:
        """Decide one join; without ``occupancy`` by what was seen of the seats before the lock."""
        request = attempt.request
        if occupancy is None:
            attempt.place = self.places.get((request.namespace, request.room))
            attempt.found = _room_of(attempt)
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
        """Seat those who were allowed.

        Where seats or an invitation's uses are counted, that is decided again under the locks:
        first the rooms', then the invitations'.
        """
        counted = {
            attempt.found.row.pk
            for attempt in attempts
            if attempt.found is not None and _policy(attempt).capacity is not None
        }
        locked = lock_rooms(counted, may_remember=True) if counted else {}
        if any(_is_invited(attempt) for attempt in attempts):
            self.invitations.lock()
            self.invitations.refresh_grants(self.persons)
        occupancy = Occupancy.read(
            {attempt.found.row.pk for attempt in attempts if attempt.found is not None},
            {attempt.request.person.key for attempt in attempts},
            self.now,
        )
        for attempt in attempts:
            self._seat(attempt, counted, locked, occupancy)
        Seat.objects.bulk_create(
            [
                _seat(attempt.request, attempt.found.row, self.now)
                for attempt in attempts
                if attempt.is_allowed and attempt.found is not None
            ],
            ignore_conflicts=True,
        )

    def _seat(
        self,
        attempt: _Attempt,
        counted: set[int],
        locked: dict[int, FoundRoom],
        occupancy: Occupancy,
    ) -> None:
        if attempt.found is None:
            return
        is_counted = attempt.found.row.pk in counted
        if is_counted:
            attempt.found = locked.get(attempt.found.row.pk)
        if is_counted or _is_invited(attempt):
            self.decide(attempt, occupancy)
        if not attempt.is_allowed or attempt.found is None:
            return
        attempt.members, attempt.sockets = occupancy.enter(
            attempt.found.row.pk,
            attempt.request.person.key,
            is_seated=attempt.request.is_joined,
        )
        if _is_invited(attempt):
            self._redeem(attempt)
        else:
            _leave_grant(attempt)

    def _redeem(self, attempt: _Attempt) -> None:
        """Spend the invitation before the next attempt is decided."""
        token, person = attempt.request.invitation, attempt.request.person
        if token is None or attempt.found is None:
            return
        role, grant = self.invitations.redeem(token, person)
        standing = attempt.standing
        attempt.standing = replace(
            standing, role=role or standing.role, grants=(*standing.grants, grant)
        )
        self.standings[attempt.found.row.pk, person.key] = attempt.standing

    def outcomes(self, attempts: Iterable[_Attempt]) -> Iterable[Outcome]:
        """Give what came of each, with the denials recorded, and the joins where that is wanted."""
        attempts = list(attempts)
        denied = [
            attempt
            for attempt in attempts
            if attempt.shown is not None and attempt.needs_password is None and attempt.has_row
        ]
        refs = dict(
            zip(
                map(id, denied),
                record_denials([_decided(attempt) for attempt in denied], self.now),
                strict=True,
            )
        )
        if options().record_joins:
            entered = [one for one in attempts if one.is_allowed and not one.request.is_joined]
            record_joins([_decided(attempt) for attempt in entered], self.now)
        for attempt in attempts:
            if not attempt.has_row:
                yield RowNeeded()
            elif attempt.needs_password is not None:
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
        if attempt.place is not None:
            standing = replace(standing, version=attempt.place.version)
            if known is not None and known.version != attempt.place.people_version:
                known = None  # users or groups have changed since
        attempt.standing = replace(standing, powers=known)
        if attempt.found is not None and reads_groups(_policy(attempt)):
            self._add_powers(attempt)

    def _add_powers(self, attempt: _Attempt) -> bool:
        """Read what the account may do everywhere; false if that is known, or there is none."""
        person = attempt.request.person
        if person.user_id is None or attempt.standing.powers is not None:
            return False
        version = attempt.place.people_version if attempt.place is not None else None
        known = self.powers.get(person.key)
        if known is None or (version is not None and known.version < version):
            self.powers[person.key] = load_powers(person.user_id)
        attempt.standing = replace(attempt.standing, powers=self.powers[person.key])
        return True

    def _decision(self, attempt: _Attempt, occupancy: Occupancy | None) -> Decision:
        if attempt.found is None:
            return unknown_room(attempt.request.room)
        subject = subject_of(attempt.request.person, attempt.standing)
        credentials = self._credentials(attempt, attempt.found, occupancy)
        return decide(_policy(attempt), subject, Action.JOIN, credentials)

    def _shown(self, attempt: _Attempt, decision: Decision) -> Decision:
        if attempt.found is None:
            return decision
        subject = subject_of(attempt.request.person, attempt.standing)
        credentials = self._credentials(attempt, attempt.found, None)
        code = shown_code(decision, _policy(attempt), subject, credentials)
        return decision if code == decision.code else unknown_room(attempt.request.room)

    def _credentials(
        self, attempt: _Attempt, found: FoundRoom, occupancy: Occupancy | None
    ) -> Credentials:
        """Give what the attempt brings, and how full a room it meets."""
        request, row = attempt.request, found.row
        given = Credentials(
            now=self.now,
            password=attempt.proof,
            invitation=self.invitations.proof(request.invitation, row.pk, request.person, self.now),
            is_joined=request.is_joined,
            persons_present=found.persons_present,
        )
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
        policy = _policy(attempt)
        return Joined(
            room_id=row.pk,
            members=attempt.members,
            sockets=attempt.sockets,
            standing=attempt.standing,
            snapshot=self.snapshots[key],
            mute=find_mute(policy, subject_of(request.person, attempt.standing), self.now),
        )


def _room_of(attempt: _Attempt) -> FoundRoom | None:
    place = attempt.place
    return (
        place if place is not None and place.is_there and not attempt.request.is_missing else None
    )


def _policy(attempt: _Attempt) -> Policy:
    """Give the policy that counts: the row's, unless the application has its own."""
    own = attempt.request.policy
    if attempt.found is None:
        if own is not None:
            return own
        raise ValueError("a room that is not there has no policy")
    return with_laws_of(own, attempt.found.policy) if own is not None else attempt.found.policy


def _seat(request: JoinRequest, room: Room, now: datetime) -> Seat:
    return Seat(
        room=room,
        connection_id=request.socket_id,
        process_id=request.process_id,
        person_key=request.person.key,
        joined_at=now,
    )


def _is_invited(attempt: _Attempt) -> bool:
    """Say whether an invitation is what let this attempt in."""
    decision = attempt.decision
    return (
        decision is not None
        and decision.allowed
        and decision.rule == f"room.access:{Access.INVITATION}"
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
    if not held.update(password_version=row.password_version, revoked_at=None):
        Grant.objects.create(
            room=row,
            user_id=person.user_id,
            guest_id=person.guest_id or "",
            via=GrantVia.PASSWORD,
            password_version=row.password_version,
        )
    grant = GrantValue(id="new", password_version=row.password_version)
    standing = attempt.standing
    attempt.standing = replace(standing, grants=(*standing.grants, grant))


def _decided(attempt: _Attempt) -> Denial:
    request = attempt.request
    decision = attempt.decision or unknown_room(request.room)
    return Denial(
        RecordKind.JOIN, request.namespace, request.room, request.person, decision, attempt.shown
    )
