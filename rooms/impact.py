"""Whom a change would put out: verdicts on the people now connected, before it and after it.

Asks ``decide`` what a live re-check asks. Whoever wants to know makes the change in a transaction
that is rolled back, and looks at both sides. Synchronous reads, a fixed number of queries for any
number of people. Changes nothing itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from django.contrib.auth import get_user_model
from django.db.models import Q

from rooms.likeness import SharedDecisions
from rooms.models import Connection, Room, Seat
from rooms.models.versions import SITE_KEY
from rooms.people import (
    NO_STANDING,
    Person,
    Powers,
    Standing,
    load_powers,
    load_standings,
    subject_of,
)
from rooms.policy_values import Action, Credentials, Decision, NamespacePolicy, Policy
from rooms.registry import FoundRoom, find_namespaces, with_policies

# Beyond this many people a page gives numbers only.
NAMED_MOST = 1_000
# What of a connection says who and where it is.
_WHO = ("pk", "namespace", "user_id", "guest_id", "name", "address")


@dataclass(frozen=True, slots=True)
class Places:
    """Rooms, and namespaces (by path) as a whole, or the whole site."""

    room_ids: frozenset[int] = frozenset()
    namespaces: frozenset[str] = frozenset()
    is_everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Attendance:
    """One socket in one room, or with ``room_id`` None in its namespace alone."""

    socket_id: str
    namespace: str
    room_id: int | None
    room: str
    person: Person


@dataclass(frozen=True, slots=True)
class Flip:
    """One who is let in now and would not be any more, and with which code."""

    attendance: Attendance
    code: str


def find_paths(places: Iterable[Places]) -> set[str]:
    """Give the paths of the namespaces that these are in; for the whole site ``SITE_KEY``."""
    found: set[str] = set()
    room_ids: set[int] = set()
    for place in places:
        found |= {SITE_KEY} if place.is_everywhere else place.namespaces
        room_ids |= place.room_ids
    if room_ids:
        rooms = Room.objects.filter(pk__in=room_ids).order_by()
        found |= set(rooms.values_list("namespace__path", flat=True))
    return found


def find_attendances(now: datetime, places: Places) -> list[Attendance]:
    """Give who is there: in rooms, and for whole namespaces whoever is connected at all."""
    in_rooms = Q(room__in=places.room_ids) | Q(room__namespace__path__in=places.namespaces)
    seats = Seat.objects.present(now).filter(Q() if places.is_everywhere else in_rooms)
    # Plain values: a crowd of model instances costs more than all that is decided about it.
    of_connection = [f"connection__{name}" for name in _WHO]
    found = [
        Attendance(who[0], who[1], room_id, room, _person(*who[2:]))
        for room_id, room, *who in seats.order_by("joined_at", "pk").values_list(
            "room_id", "room__name", *of_connection
        )
    ]
    alive = Connection.objects.filter(process__lease_until__gt=now).order_by("connected_at", "pk")
    if not places.is_everywhere:
        if not places.namespaces:
            return found
        alive = alive.filter(namespace__in=places.namespaces)
    return found + [
        Attendance(who[0], who[1], None, "", _person(*who[2:])) for who in alive.values_list(*_WHO)
    ]


def person_of_connection(row: Connection) -> Person:
    """Give the person that a socket's row is of."""
    return _person(row.user_id, row.guest_id, row.name, row.address)


def judge(attendances: Sequence[Attendance], now: datetime) -> dict[Attendance, str]:
    """Give the code with which each would be put out at ``now``, ``""`` for those who may stay."""
    room_ids = {at.room_id for at in attendances if at.room_id is not None}
    rooms = {found.row.pk: found for found in with_policies(Room.objects.filter(pk__in=room_ids))}
    namespaces = find_namespaces({at.namespace for at in attendances})
    persons = {at.person.key: at.person for at in attendances}
    policies = {pk: found.policy for pk, found in rooms.items()}
    inside = Credentials(now=now, is_joined=True, is_inside=True)
    bench = _Bench(
        load_standings(policies, persons.values()),
        _powers(persons.values()),
        SharedDecisions(inside),
    )
    verdicts: dict[Attendance, str] = {}
    for at in attendances:
        if at.room_id is not None:
            policy = _same_room(at, rooms.get(at.room_id))
            verdicts[at] = bench.code(at, policy, Action.JOIN) if policy else "room_closed"
        elif at.namespace in namespaces:
            verdicts[at] = bench.code(at, namespaces[at.namespace].policy, Action.CONNECT)
        else:
            verdicts[at] = "namespace_closed"
    return verdicts


def flips(before: dict[Attendance, str], after: dict[Attendance, str]) -> list[Flip]:
    """Give those whom the change puts out: each person's room once, however many sockets."""
    found: dict[tuple[str, int | None], Flip] = {}
    for at, code in after.items():
        if code and not before.get(at):
            found.setdefault((at.person.key, at.room_id), Flip(at, code))
    return list(found.values())


@dataclass(slots=True)
class _Bench:
    """What is known of the people concerned; powers are completed where a denial asks for them."""

    standings: dict[tuple[int, str], Standing]
    powers: dict[str, Powers]
    decisions: SharedDecisions

    def code(self, at: Attendance, policy: Policy | NamespacePolicy, action: Action) -> str:
        code = self._decide(at, policy, action).code
        user_id = at.person.user_id
        if not code or user_id is None or self.powers[at.person.key].may_moderate_rooms:
            return code
        # Only now does it matter what the account may do everywhere, which costs queries.
        self.powers[at.person.key] = load_powers(user_id)
        return self._decide(at, policy, action).code

    def _decide(self, at: Attendance, policy: Policy | NamespacePolicy, action: Action) -> Decision:
        standing = self.standings.get((at.room_id or 0, at.person.key), NO_STANDING)
        subject = subject_of(at.person, standing, self.powers[at.person.key])
        return self.decisions.decide(policy, subject, action)


def _person(user_pk: object, guest_id: str, name: str, address: str | None) -> Person:
    user_id = str(user_pk) if user_pk is not None else None
    return Person(
        key=user_id or f"guest:{guest_id}",
        name=name,
        user_id=user_id,
        guest_id=guest_id or None,
        address=ip_address(address) if address else None,
    )


def _same_room(at: Attendance, found: FoundRoom | None) -> Policy | None:
    """Give the room's policy, unless it goes by another name now."""
    if found is None or found.policy.name != at.room:
        return None
    return found.policy if found.policy.namespace.path == at.namespace else None


def _powers(persons: Iterable[Person]) -> dict[str, Powers]:
    """Read the groups of all users among them in one query; what else they may do comes later."""
    user_ids = {person.user_id for person in persons if person.user_id is not None}
    groups: dict[str, set[str]] = {}
    users = get_user_model()._default_manager.filter(pk__in=user_ids)  # noqa: SLF001 - any model's
    if user_ids and hasattr(get_user_model(), "groups"):
        for user_id, group_id in users.values_list("pk", "groups__pk"):
            if group_id is not None:
                groups.setdefault(str(user_id), set()).add(str(group_id))
    return {
        person.key: Powers(group_ids=frozenset(groups.get(person.key, ()))) for person in persons
    }
