"""May this actor act on that person in a room? Ranks, asked on rows just read.

Synchronous, for services. Raises ``Refused`` with the code that an event answers. Source: DESIGN
section 7, "Roles".
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils import timezone

from realtime.exceptions import Refused, UsageError
from realtime.namespaces.identity import shown_name
from rooms.denials import Code, denial_message
from rooms.findings import Findings
from rooms.models import Connection, Room
from rooms.models.people import GUEST_ID_MAX
from rooms.people import NO_POWERS, Person, Standing, load_powers, load_standings, subject_of
from rooms.policy import decide, shown_code, unknown_room
from rooms.policy_values import Action, Credentials, Subject
from rooms.ranks import rank, role_rank
from rooms.refusals import refusal
from rooms.registry import FoundRoom, find_places, with_policies
from rooms.shapes import GUEST_PREFIX
from rooms.turns import wait_turn

# Who acts or is acted on: a user, or the id by which clients know a person.
Whom = AbstractBaseUser | Person | str


@dataclass(slots=True)
class Floor:
    """A room as it is now, and who acts in it; None is the site itself, which may do everything.

    ``subjects`` are those whose standing has been read, by their keys.
    """

    found: FoundRoom
    actor: Person | None
    now: datetime = field(default_factory=timezone.now)
    subjects: dict[str, Subject] = field(default_factory=dict)

    @property
    def room(self) -> Room:
        """The room's row."""
        return self.found.row

    @property
    def actor_id(self) -> str | None:
        """The key of the user who acts, if it is one."""
        return self.actor.user_id if self.actor is not None else None

    def require_power_over(self, target: Person, *, but_self: bool = False) -> None:
        """Refuse one who ranks no higher than the target, which nobody does over themselves."""
        if self.actor is None or (but_self and target.key == self.actor.key):
            return
        if self._rank(target) >= self._rank(self.actor):
            raise self._forbidden()

    def require_role_to_give(self, role: str) -> None:
        """Refuse to grant more than the actor has."""
        if self.actor is not None and role_rank(role) > self._rank(self.actor):
            raise self._forbidden()

    def _rank(self, person: Person) -> int:
        policy = self.found.policy
        return rank(Findings(policy.namespace, policy, self.subject(person), self.now))

    def subject(self, person: Person) -> Subject:
        """Give how somebody stands in the room by now; read once."""
        if person.key not in self.subjects:
            self.subjects[person.key] = self._read_subject(person)
        return self.subjects[person.key]

    def _read_subject(self, person: Person) -> Subject:
        room_id = self.found.row.pk
        standing = load_standings({room_id: self.found.policy}, [person]).get(
            (room_id, person.key), Standing()
        )
        powers = load_powers(person.user_id) if person.user_id is not None else NO_POWERS
        return subject_of(person, Standing(standing.role, standing.grants, powers))

    def _forbidden(self) -> Refused:
        name = self.found.row.name
        return Refused(Code.FORBIDDEN.value, denial_message(Code.FORBIDDEN, name), room=name)


def take_floor(
    room: Room | int | Floor,
    actor: AbstractBaseUser | Person | None,
    *,
    about: Whom | None = None,
) -> Floor:
    """Read a room for a moderator's act, inside of a transaction.

    The room is not locked, so that no act waits for the messages that are being stored, nor they
    for it. What is done ``about`` one person there comes one act after the other.

    A floor that was found already is the one; else raises ``Room.DoesNotExist``, and ``Refused``
    where the actor may not moderate the room.
    """
    room_id = _room_id(room)
    if about is not None:
        wait_turn(f"act:{room_id}:{_key_of(about)}")
    if isinstance(room, Floor):
        return room
    # By key: whoever knows it may also act in a room of two users.
    found = next(iter(with_policies(Room.everywhere.filter(pk=room_id))), None)
    if found is None:
        raise Room.DoesNotExist(f"there is no room {room_id}")
    floor = Floor(found, person_of(actor) if actor is not None else None)
    if floor.actor is not None:
        verdict = decide(
            found.policy, floor.subject(floor.actor), Action.MODERATE, Credentials(now=floor.now)
        )
        if not verdict.allowed:
            raise refusal(verdict, found.row.name)
    return floor


def find_floor(namespace: str, name: str, actor: Person, *, is_joined: bool) -> Floor:
    """Find a room for an act of somebody who knows its name; outside of a transaction.

    Raises ``Refused``: ``unknown_room`` for one that they may not know of, as for a missing one.
    """
    found = find_places([(namespace, name)], [actor], may_remember=True).get((namespace, name))
    powers = load_powers(actor.user_id) if actor.user_id is not None else NO_POWERS
    if found is None or not found.is_there:
        raise refusal(unknown_room(name), name)
    policy = found.policy
    places = {found.row.pk: policy} if found.has_standings else {}
    standing = load_standings(places, [actor]).get((found.row.pk, actor.key), Standing())
    subject = subject_of(actor, replace(standing, powers=powers))
    floor = Floor(found, actor, subjects={actor.key: subject})
    credentials = Credentials(now=floor.now, is_joined=is_joined)
    verdict = decide(policy, subject, Action.MODERATE, credentials)
    if verdict.allowed:
        return floor
    if shown_code(verdict, policy, subject, credentials) != verdict.code:
        verdict = unknown_room(name)
    raise refusal(verdict, name)


def person_of(whom: Whom) -> Person:
    """Give the person behind a user or an id; ``Refused("unknown_user")`` for nobody's.

    Raises ``UsageError`` for what is neither.
    """
    if isinstance(whom, Person):
        return whom
    if isinstance(whom, str):
        return _guest(whom) if whom.startswith(GUEST_PREFIX) else _user(whom)
    key = _key_of(whom)
    return Person(key, shown_name(whom), user_id=key)


def room_key(room: Room | int) -> int:
    """Give a room's primary key; raises ``UsageError`` for what is neither a room nor its key."""
    key: Any = room.pk if isinstance(room, Room) else room
    if not isinstance(key, int):
        kind = type(room).__name__
        raise UsageError(f"this {kind} is no room: give a saved Room, or its primary key")
    return key


def _room_id(room: Room | int | Floor) -> int:
    return room.room.pk if isinstance(room, Floor) else room_key(room)


def _key_of(whom: Whom) -> str:
    """Give the id by which clients know a person, whether there is one or not.

    Raises ``UsageError`` for what names nobody.
    """
    if isinstance(whom, Person):
        return whom.key
    if isinstance(whom, str):
        return whom
    pk = getattr(whom, "pk", None)
    if pk is None:
        kind = type(whom).__name__
        raise UsageError(
            f"this {kind} is nobody: give a saved user, a Person, or an id such as '7' or 'guest:…'"
        )
    return str(pk)


def _user(key: str) -> Person:
    users: Any = get_user_model()._default_manager  # noqa: SLF001 - any user model's
    try:
        user = users.filter(pk=key).first()
    except (ValueError, TypeError, OverflowError, ValidationError):  # no key of this model
        user = None
    # A key written in another way, such as "07", is no id that clients know.
    if user is None or str(user.pk) != key:
        raise unknown_user(key)
    return person_of(user)


def is_guest_id(text: str) -> bool:
    """Say whether a guest could have this id, written without ``guest:``."""
    return 0 < len(text) <= GUEST_ID_MAX and text.isprintable()


def _guest(key: str) -> Person:
    guest_id = key.removeprefix(GUEST_PREFIX)
    if not is_guest_id(guest_id):
        raise unknown_user(key)
    seen = Connection.objects.filter(guest_id=guest_id).values_list("name", flat=True).first()
    return Person(key, seen or key, guest_id=guest_id)


def unknown_user(key: str) -> Refused:
    """Give the answer about a person who is not there."""
    return Refused(
        Code.UNKNOWN_USER.value,
        denial_message(Code.UNKNOWN_USER, key[:GUEST_ID_MAX]),
        field="user",
    )
