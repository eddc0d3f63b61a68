"""May this actor act on that person in a room? Ranks, asked on rows just read.

Synchronous, for services. Raises ``Refused`` with the code that an event answers. Source: DESIGN
section 7, "Roles".
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils import timezone

from realtime.exceptions import Refused
from realtime.namespaces.identity import shown_name
from rooms.denials import Code, denial_message
from rooms.findings import Findings
from rooms.models import Connection, Room
from rooms.models.people import GUEST_ID_MAX
from rooms.people import NO_POWERS, Person, Standing, load_powers, load_standings, subject_of
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Subject
from rooms.ranks import rank, role_rank
from rooms.refusals import refusal
from rooms.registry import FoundRoom, lock_rooms
from rooms.shapes import GUEST_PREFIX

# Who acts or is acted on: a user, or the id by which clients know a person.
Whom = AbstractBaseUser | Person | str


@dataclass(slots=True)
class Floor:
    """A locked room, and who acts in it; None is the site itself, which may do everything."""

    found: FoundRoom
    actor: Person | None
    now: datetime = field(default_factory=timezone.now)

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
        """Give how somebody stands in the room by now."""
        room_id = self.found.row.pk
        standing = load_standings({room_id: self.found.policy}, [person]).get(
            (room_id, person.key), Standing()
        )
        powers = load_powers(person.user_id) if person.user_id is not None else NO_POWERS
        return subject_of(person, Standing(standing.role, standing.grants, powers))

    def _forbidden(self) -> Refused:
        name = self.found.row.name
        return Refused(Code.FORBIDDEN.value, denial_message(Code.FORBIDDEN, name), room=name)


def take_floor(room: Room | int, actor: AbstractBaseUser | Person | None) -> Floor:
    """Lock a room for a moderator's act, inside of a transaction.

    Raises ``Room.DoesNotExist``, and ``Refused`` where the actor may not moderate the room.
    """
    room_id = room if isinstance(room, int) else room.pk
    found = lock_rooms({room_id}).get(room_id)
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


def person_of(whom: Whom) -> Person:
    """Give the person behind a user or an id; ``Refused("unknown_user")`` for nobody's."""
    if isinstance(whom, Person):
        return whom
    if isinstance(whom, str):
        return _guest(whom) if whom.startswith(GUEST_PREFIX) else _user(whom)
    key = str(whom.pk)
    return Person(key, shown_name(whom), user_id=key)


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


def _guest(key: str) -> Person:
    guest_id = key.removeprefix(GUEST_PREFIX)
    if not 0 < len(guest_id) <= GUEST_ID_MAX or not guest_id.isprintable():
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
