"""Why somebody may or may not: one question to ``decide``, answered with all that staff may know.

Reads what a join would read, counts nothing and writes nothing. Beside the verdict stands what
``decide`` does not know: tries at the password that are left, and who sits where.
Synchronous, for views and commands. Source: DESIGN section 7, "Check access".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

from realtime.conf import options
from realtime.exceptions import Refused
from realtime.namespaces.identity import shown_name
from rooms.models import Invitation, Room
from rooms.models.invitations import token_digest
from rooms.people import (
    NO_POWERS,
    Person,
    Standing,
    load_powers,
    load_standings,
    subject_of,
)
from rooms.policy import decide, shown_code, unknown_room
from rooms.policy_values import Action, Credentials, Decision, Proof, Step
from rooms.presence import Occupancy
from rooms.registry import FoundRoom, find_namespaces, find_rooms
from rooms.shapes import GUEST_PREFIX
from rooms.throttle import Limits, Throttled, see_tries

# A guest whom nothing in the database names.
NEW_GUEST = "new"


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to do what where. ``room`` is None for connecting to the namespace."""

    person: Person
    namespace: str
    room: str | None
    action: Action
    password: str = ""
    invitation: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict, what the person is told, and what ``decide`` does not know.

    ``told`` is the code that clients get, which for a hidden room differs. ``row`` is the room.
    ``is_assumed_joined`` says that sending was asked about as if the person had joined;
    ``is_uncounted`` that the cache, which counts tries, is away.
    """

    question: Question
    decision: Decision
    told: str
    row: Room | None = None
    persons_present: int = 0
    sockets: int = 0
    tries_left: int | None = None
    throttled_until: datetime | None = None
    is_assumed_joined: bool = False
    is_uncounted: bool = False


def explain(question: Question, now: datetime) -> Explanation:
    """Answer a question as a join, a send or a CONNECT at ``now`` would be decided."""
    if question.room is None:
        return _explain_connecting(question, now)
    found = find_rooms({(question.namespace, question.room)}).get(
        (question.namespace, question.room)
    )
    if found is None:
        decision = unknown_room(question.room)
        return Explanation(question, decision, decision.code)
    return _explain_in_room(question, found, now)


def find_user(text: str) -> AbstractBaseUser | None:
    """Find a user by name, or else by id."""
    model = get_user_model()
    users = model._default_manager  # noqa: SLF001 - any user model's
    found: AbstractBaseUser | None = users.filter(**{model.USERNAME_FIELD: text}).first()
    if found is not None:
        return found
    try:
        return users.filter(pk=text).first()
    except (ValueError, TypeError, ValidationError):  # no key of this user model
        return None


def person_of(user: AbstractBaseUser) -> Person:
    """Give the person that a user is to the rooms."""
    key = str(user.pk)
    return Person(key, shown_name(user), user_id=key)


def guest_of(guest_id: str) -> Person:
    """Give the person that a guest's id stands for, written with ``guest:`` or without."""
    bare = guest_id.removeprefix(GUEST_PREFIX) or NEW_GUEST
    return Person(GUEST_PREFIX + bare, GUEST_PREFIX + bare, guest_id=bare)


def split_place(text: str) -> tuple[str, str | None]:
    """Split ``/games/csgo`` into namespace and room; ``/games`` alone has no room."""
    word, slash, room = text.strip().lstrip("/").partition("/")
    return f"/{word}", room if slash and room else None


def _explain_connecting(question: Question, now: datetime) -> Explanation:
    facts = find_namespaces([question.namespace]).get(question.namespace)
    policy = facts.policy if facts is not None else None
    if policy is None:
        decision = Decision(
            allowed=False,
            code="unknown_namespace",
            reason="",
            rule="namespace",
            steps=(Step("namespace exists", "denied", "namespace"),),
        )
        return Explanation(question, decision, decision.code)
    subject = subject_of(question.person, _standing(question.person, Standing()))
    decision = decide(policy, subject, Action.CONNECT, Credentials(now=now))
    return Explanation(question, decision, decision.code)


def _explain_in_room(question: Question, found: FoundRoom, now: datetime) -> Explanation:
    person, row = question.person, found.row
    standings = load_standings({row.pk: found.policy}, [person])
    standing = _standing(person, standings.get((row.pk, person.key), Standing()))
    subject = subject_of(person, standing)
    occupancy = Occupancy.read([row.pk], [person.key], now)
    sockets, persons = occupancy.sockets(row.pk, person.key), occupancy.persons(row.pk)
    credentials = Credentials(
        now=now,
        password=_password_proof(question, row),
        invitation=_invitation_proof(question, row, now),
        is_joined=question.action in {Action.SEND, Action.READ} or sockets > 0,
        is_inside=sockets > 0,
        persons_present=persons,
    )
    decision = decide(found.policy, subject, question.action, credentials)
    told = shown_code(decision, found.policy, subject, Credentials(now=now, is_joined=sockets > 0))
    tries_left = throttled_until = None
    try:
        tries_left, throttled_until = _tries(question, now)
    except Refused:
        is_uncounted = True  # the rest of the answer is of use without it
    else:
        is_uncounted = False
    return Explanation(
        question,
        decision,
        told,
        row=row,
        persons_present=persons,
        sockets=sockets,
        tries_left=tries_left,
        throttled_until=throttled_until,
        is_assumed_joined=question.action in {Action.SEND, Action.READ} and not sockets,
        is_uncounted=is_uncounted,
    )


def _standing(person: Person, standing: Standing) -> Standing:
    powers = load_powers(person.user_id) if person.user_id is not None else NO_POWERS
    return Standing(role=standing.role, grants=standing.grants, powers=powers)


def _password_proof(question: Question, row: Room) -> Proof:
    if not question.password:
        return Proof.ABSENT
    return Proof.RIGHT if row.check_password(question.password) else Proof.WRONG


def _invitation_proof(question: Question, row: Room, now: datetime) -> Proof:
    if not question.invitation:
        return Proof.ABSENT
    standing = Invitation.objects.standing(now).with_uses_left()
    digest = token_digest(question.invitation)
    return Proof.RIGHT if standing.filter(room=row, digest=digest).exists() else Proof.WRONG


def _tries(question: Question, now: datetime) -> tuple[int | None, datetime | None]:
    settings = options()
    limits = Limits(settings.password_tries, settings.password_window_s)
    place = f"{question.namespace}\0{question.room}"
    seen = see_tries(place, question.person.key, question.person.address, limits)
    if isinstance(seen, Throttled):
        return 0, now + timedelta(seconds=seen.retry_after_s)
    return seen.left, None
