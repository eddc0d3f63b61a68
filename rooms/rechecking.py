"""Asking again, for many sockets at once, whether they may still be where they are.

One unit of database work: a fixed number of queries for all of them, and the same ``decide`` as
at the door. Writes nothing and carries out nothing. Source: DESIGN section 7, "Live".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone

from realtime.exceptions import Refused
from rooms.accounts import Account, find_ended_sessions, read_accounts
from rooms.denials import Code, denial_message
from rooms.findings import find_mute
from rooms.gists import Gist, gist_of, inside
from rooms.likeness import SharedDecisions
from rooms.models import Room, Seat
from rooms.models.records import RecordKind
from rooms.own_policies import with_laws_of
from rooms.people import Person, Standing, load_standings, subject_of
from rooms.policy_values import (
    Action,
    Decision,
    NamespacePolicy,
    Policy,
    RuleSet,
    Sanction,
)
from rooms.records import Denial, name_denials
from rooms.refusals import refusal
from rooms.registry import (
    FoundRoom,
    NamespaceDefaults,
    default_facts,
    find_namespaces,
    with_policies,
)

SIGNED_OUT = "signed_out"
_UNKNOWN_NAMESPACE = "unknown_namespace"


@dataclass(frozen=True, slots=True)
class Attendance:
    """One socket and where it is. ``rooms`` are names and keys of the rooms that it is in.

    ``shown`` are those of them whose rights its client shows, and therefore wants to know.
    ``session_key`` and ``auth_hash`` are those of its sign-in. ``own_policies`` hold where the
    rooms are rows of another model; None in it says that there is no such room.
    """

    socket_id: str
    namespace: str
    person: Person
    rooms: tuple[tuple[str, int], ...] = ()
    shown: frozenset[str] = frozenset()
    session_key: str | None = None
    auth_hash: str | None = None
    defaults: NamespaceDefaults | None = None
    own_policies: Mapping[str, Policy | None] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of one socket.

    ``ended`` is the code with which it ends, or empty; ``evicted`` what it is told of each room
    that it has to leave; ``standings`` how it stands in the others, and ``mutes`` what keeps it
    from writing in some of them; ``rights`` what it may do in those where that is shown.
    """

    socket_id: str
    account: Account | None
    ended: str = ""
    evicted: Mapping[str, Refused] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    mutes: Mapping[str, Sanction] = field(default_factory=dict)
    rights: Mapping[str, Gist] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """One re-check's verdicts, and by namespace when something is known to begin or end."""

    verdicts: list[Verdict]
    next_at: dict[str, datetime]
    # To be kept once those concerned are gone: ``records.keep_named``.
    denials: list[tuple[str, Denial]]


def find_changed_accounts(
    known: Sequence[tuple[Attendance, Account | None]],
) -> set[str]:
    """Say which sockets' accounts or sessions are not what was known of them."""
    attendances = [attendance for attendance, _account in known]
    accounts, ended = _read_people(attendances)
    return {
        attendance.socket_id
        for attendance, account in known
        if (user_id := attendance.person.user_id) is not None
        and (account is None or accounts.get(user_id) != account or attendance.session_key in ended)
    }


def recheck(
    attendances: Sequence[Attendance], now: datetime, *, may_remember: bool = False
) -> Findings:
    """Decide about each socket and each of its rooms anew.

    ``may_remember`` as in ``registry.find_rooms``.
    """
    asking = _Asking(attendances, now, may_remember=may_remember)
    asking.run()
    return Findings(asking.verdicts(), asking.next_at(), asking.name_denials())


def recheck_alone(attendances: list[Attendance]) -> list[Findings | Exception]:
    """Decide about sockets that each have somebody waiting for them; one reading for all."""
    found = recheck(attendances, timezone.now())
    return [
        Findings(
            [verdict],
            found.next_at,
            [named for named in found.denials if named[1].person is attendance.person],
        )
        for attendance, verdict in zip(attendances, found.verdicts, strict=True)
    ]


@dataclass(slots=True)
class _Gone:
    """Somebody who has to leave a room, or without one the namespace."""

    attendance: Attendance
    room: str
    decision: Decision
    ref: str = ""


class _Asking:
    """What one re-check has read and found."""

    def __init__(
        self, attendances: Sequence[Attendance], now: datetime, *, may_remember: bool
    ) -> None:
        self.attendances = attendances
        self.now = now
        self.rooms = _read_rooms(attendances, may_remember=may_remember)
        self.namespaces = _read_namespaces(attendances, self.rooms.values())
        persons = {attendance.person.key: attendance.person for attendance in attendances}
        policies = {pk: found.policy for pk, found in self.rooms.items()}
        self.standings = load_standings(policies, persons.values()) if policies else {}
        self.accounts, self.ended_sessions = _read_people(attendances)
        self.kicks = _read_kicks(attendances)
        self.ended: dict[str, str] = {}
        self.gone: list[_Gone] = []
        self.staying: dict[str, dict[str, Standing]] = {}
        self.mutes: dict[str, dict[str, Sanction]] = {}
        self.rights: dict[str, dict[str, Gist]] = {}
        self._decisions = SharedDecisions(inside(now))
        self._merged: dict[tuple[int, int], Policy] = {}
        self._strangers: dict[int, Standing] = {}

    def run(self) -> None:
        """Decide about everybody."""
        for attendance in self.attendances:
            if self._is_signed_out(attendance):
                self.ended[attendance.socket_id] = SIGNED_OUT
            elif not self._refuse_namespace(attendance):
                self._ask_rooms(attendance)
        refs = name_denials([_denial(gone) for gone in self.gone])
        for gone, ref in zip(self.gone, refs, strict=True):
            gone.ref = ref

    def name_denials(self) -> list[tuple[str, Denial]]:
        """Give what is to be kept of those who were sent away, by ref."""
        return [(gone.ref, _denial(gone)) for gone in self.gone]

    def verdicts(self) -> list[Verdict]:
        """Give what is to become of each socket, in order."""
        evicted: dict[str, dict[str, Refused]] = {}
        for gone in self.gone:
            if gone.room:
                rooms = evicted.setdefault(gone.attendance.socket_id, {})
                rooms[gone.room] = refusal(gone.decision, gone.room, ref=gone.ref)
        return [
            Verdict(
                socket_id=attendance.socket_id,
                account=self.accounts.get(attendance.person.user_id or ""),
                ended=self.ended.get(attendance.socket_id, ""),
                evicted=evicted.get(attendance.socket_id, {}),
                standings=self.staying.get(attendance.socket_id, {}),
                mutes=self.mutes.get(attendance.socket_id, {}),
                rights=self.rights.get(attendance.socket_id, {}),
            )
            for attendance in self.attendances
        ]

    def next_at(self) -> dict[str, datetime]:
        """Give for each namespace the next instant at which a decision may turn out otherwise."""
        instants: dict[str, list[datetime]] = {}
        for path, policy in self.namespaces.items():
            instants[path] = [at for at in _instants_of_namespace(policy) if at > self.now]
        for attendance in self.attendances:
            for own in (attendance.own_policies or {}).values():
                if own is not None:
                    instants.setdefault(attendance.namespace, []).extend(instants_of(own))
        for found in self.rooms.values():
            path = found.row.namespace.path
            instants.setdefault(path, []).extend(instants_of(found.policy))
        for (room_id, _person), standing in self.standings.items():
            ends = [grant.expires_at for grant in standing.grants if grant.expires_at is not None]
            instants.setdefault(self.rooms[room_id].row.namespace.path, []).extend(ends)
        coming = {path: [at for at in found if at > self.now] for path, found in instants.items()}
        return {path: min(found) for path, found in coming.items() if found}

    def _is_signed_out(self, attendance: Attendance) -> bool:
        user_id = attendance.person.user_id
        if user_id is None:
            return False
        account = self.accounts.get(user_id)
        return (
            account is None
            or account.auth_hash != attendance.auth_hash
            or attendance.session_key in self.ended_sessions
        )

    def _refuse_namespace(self, attendance: Attendance) -> bool:
        policy = self._namespace_policy(attendance)
        if policy is None:
            self.ended[attendance.socket_id] = _UNKNOWN_NAMESPACE
            return True
        subject = subject_of(attendance.person, self._standing(attendance, None))
        decision = self._decisions.decide(policy, subject, Action.CONNECT)
        if decision.allowed:
            return False
        self.ended[attendance.socket_id] = decision.code
        self.gone.append(_Gone(attendance, "", decision))
        return True

    def _namespace_policy(self, attendance: Attendance) -> NamespacePolicy | None:
        path = attendance.namespace
        if path not in self.namespaces and attendance.defaults is not None:
            self.namespaces[path] = default_facts(path, attendance.defaults).policy
        return self.namespaces.get(path)

    def _ask_rooms(self, attendance: Attendance) -> None:
        for name, room_id in attendance.rooms:
            standing = self._standing(attendance, room_id)
            decision = self._decide_room(attendance, name, room_id, standing)
            if decision.allowed:
                self.staying.setdefault(attendance.socket_id, {})[name] = standing
            else:
                self.gone.append(_Gone(attendance, name, decision))

    def _decide_room(
        self, attendance: Attendance, name: str, room_id: int, standing: Standing
    ) -> Decision:
        found = self.rooms.get(room_id)
        if found is None or (found.row.name, found.row.namespace.path) != (
            name,
            attendance.namespace,
        ):
            return _room_is_gone(name)
        policy: Policy | None = found.policy
        if attendance.own_policies is not None:
            own = attendance.own_policies.get(name)
            policy = self._merge(own, found) if own is not None else None
        if policy is None:
            return _room_is_gone(name)
        reason = self.kicks.get((attendance.socket_id, room_id))
        if reason is not None:
            return _kicked_out(name, reason)
        subject = subject_of(attendance.person, standing)
        mute = find_mute(policy, subject, self.now)
        if mute is not None:
            self.mutes.setdefault(attendance.socket_id, {})[name] = mute
        if name in attendance.shown:
            gist = gist_of(policy, subject, self._decisions)
            self.rights.setdefault(attendance.socket_id, {})[name] = gist
        return self._decisions.decide(policy, subject, Action.JOIN)

    def _merge(self, own: Policy, found: FoundRoom) -> Policy:
        """Put what staff do on top of an application's own policy, once for all who share it."""
        key = (id(own), found.row.pk)
        if key not in self._merged:
            self._merged[key] = with_laws_of(own, found.policy)
        return self._merged[key]

    def _standing(self, attendance: Attendance, room_id: int | None) -> Standing:
        person = attendance.person
        account = self.accounts.get(person.user_id) if person.user_id is not None else None
        powers = account.powers if account is not None else None
        found = self.rooms.get(room_id) if room_id is not None else None
        if room_id is None or found is None:
            return Standing(powers=powers)
        # Rooms are read before people, so that what changed in between counts as not read yet.
        standing = self.standings.get((room_id, person.key))
        if standing is None and powers is None:
            # Most of a crowd: guests who hold nothing.
            if room_id not in self._strangers:
                self._strangers[room_id] = Standing(version=found.version)
            return self._strangers[room_id]
        if powers is not None:
            powers = replace(powers, version=found.people_version)
        return replace(standing or Standing(), powers=powers, version=found.version)


def _read_namespaces(
    attendances: Iterable[Attendance], rooms: Iterable[FoundRoom]
) -> dict[str, NamespacePolicy]:
    """Give the namespaces' policies; those of the rooms that were read came with them."""
    known = {found.policy.namespace.path: found.policy.namespace for found in rooms}
    others = {attendance.namespace for attendance in attendances} - set(known)
    facts = find_namespaces(others) if others else {}
    return {**known, **{path: found.policy for path, found in facts.items()}}


def _read_rooms(attendances: Iterable[Attendance], *, may_remember: bool) -> dict[int, FoundRoom]:
    room_ids = {room_id for attendance in attendances for _name, room_id in attendance.rooms}
    if not room_ids:
        return {}
    rooms = Room.objects.filter(pk__in=room_ids)
    return {found.row.pk: found for found in with_policies(rooms, may_remember=may_remember)}


def _read_people(attendances: Iterable[Attendance]) -> tuple[dict[str, Account], set[str]]:
    signed_in = [item for item in attendances if item.person.user_id is not None]
    user_ids = {item.person.user_id for item in signed_in if item.person.user_id is not None}
    session_keys = {item.session_key for item in signed_in if item.session_key is not None}
    return read_accounts(user_ids), find_ended_sessions(session_keys)


def _read_kicks(attendances: Sequence[Attendance]) -> dict[tuple[str, int], str]:
    """Give why whose seats are to be freed, by socket and room."""
    room_ids = {room_id for attendance in attendances for _name, room_id in attendance.rooms}
    if not room_ids:
        return {}
    # By room, not by socket: there are few kicked seats anywhere, and an index of those alone.
    kicked = Seat.objects.filter(room_id__in=room_ids, kicked_at__isnull=False)
    return {
        (socket_id, room_id): reason
        for socket_id, room_id, reason in kicked.order_by().values_list(
            "connection_id", "room_id", "kick_reason"
        )
    }


def _kicked_out(name: str, reason: str) -> Decision:
    """Give the denial of somebody whom a moderator has put out; they may join again."""
    return Decision(
        allowed=False,
        code=Code.KICKED.value,
        reason=denial_message(Code.KICKED, name, stated_reason=reason),
        rule="kick",
        stated_reason=reason,
    )


def _room_is_gone(name: str) -> Decision:
    """Give the denial of a room that was deleted or renamed, or has moved to another namespace."""
    return Decision(
        allowed=False,
        code=Code.ROOM_CLOSED.value,
        reason=denial_message(Code.ROOM_CLOSED, name),
        rule="room",
    )


def _denial(gone: _Gone) -> Denial:
    attendance = gone.attendance
    return Denial(
        RecordKind.EVICTION, attendance.namespace, gone.room, attendance.person, gone.decision
    )


def instants_of(policy: Policy) -> Iterable[datetime]:
    """Give when something that is known of a room begins or ends."""
    own = [policy.opens_at, policy.closes_at]
    own += [sanction.expires_at for sanction in (*policy.bans, *policy.mutes)]
    return [
        *(at for at in own if at is not None),
        *_instants_of_rules(policy.rules),
        *_instants_of_namespace(policy.namespace),
    ]


def _instants_of_namespace(policy: NamespacePolicy) -> Iterable[datetime]:
    bans, mutes = (*policy.site_bans, *policy.bans), (*policy.site_mutes, *policy.mutes)
    ends = [sanction.expires_at for sanction in (*bans, *mutes)]
    return [*(at for at in ends if at is not None), *_instants_of_rules(policy.rules)]


def _instants_of_rules(rules: RuleSet) -> Iterable[datetime]:
    bounds = [at for rule in rules.rules for at in (rule.starts_at, rule.ends_at)]
    return [at for at in bounds if at is not None]
