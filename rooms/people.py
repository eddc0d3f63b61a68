"""Who asks, and where they stand: the subjects of decisions, read from the database.

Synchronous reads for the pool, one query for any number of persons and rooms. Decides nothing.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    Q,
    QuerySet,
    Value,
    When,
)

from rooms.models import Grant, Membership
from rooms.policy_values import Access, NamespacePolicy, Policy, Subject
from rooms.policy_values import Grant as GrantValue
from rooms.reading_versions import people_version
from rooms.shapes import GUEST_PREFIX, Shape, person_shape

PERMISSION = "rooms.moderate_room"
_NOTHING = Value("", output_field=CharField())
_NEVER = Value(None, output_field=DateTimeField())
_FALSE = Value(value=False, output_field=BooleanField())
# Room, user, guest, role, grant, its password's version, its end, whether it was revoked.
_Row = tuple[int, object, str, str, int, str, datetime | None, bool]


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in user (``user_id``) or a guest (``guest_id``), as sockets show them.

    ``key`` is the id that clients read: ``"7"`` or ``"guest:…"``.
    """

    key: str
    name: str
    user_id: str | None = None
    guest_id: str | None = None
    address: IPv4Address | IPv6Address | None = None

    @property
    def shape(self) -> Shape:
        """The User that clients read."""
        return person_shape(self.key, self.name)


@dataclass(frozen=True, slots=True)
class Powers:
    """What an account may do everywhere. None of it, for a guest.

    ``version`` is that of users and groups before this was read.
    """

    is_active: bool = True
    is_superuser: bool = False
    may_moderate_rooms: bool = False
    group_ids: frozenset[str] = frozenset()
    version: int = 0


NO_POWERS = Powers()


class KnownPowers:
    """What a socket remembers of its account, for a while."""

    def __init__(self) -> None:
        self._powers: Powers | None = None
        self._read_at = 0.0
        self._forgotten: Powers | None = None

    def fresh(self, within_s: float) -> Powers | None:
        """Give what was read within so many seconds, or None."""
        return self._powers if time.monotonic() - self._read_at <= within_s else None

    def forget(self) -> None:
        """Have it read anew by whatever is decided next."""
        self._forgotten, self._powers = self._powers or self._forgotten, None

    def remember(self, powers: Powers | None) -> None:
        """Note what has just been read; what was remembered before does not count as read.

        Neither does what was forgotten while somebody decided by it.
        """
        if powers is not None and powers is not self._powers and powers is not self._forgotten:
            self._powers = powers
            self._read_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one person stands in one room, and when (monotonic seconds) that was read.

    ``powers`` are None as long as nothing has asked for them: most decisions never do.
    ``version`` is that of what held in the namespace before this was read.
    """

    role: str | None = None
    grants: tuple[GrantValue, ...] = ()
    powers: Powers | None = None
    version: int = 0
    read_at: float = field(default_factory=time.monotonic)


NO_STANDING = Standing()


def subject_of(person: Person, standing: Standing, powers: Powers | None = None) -> Subject:
    """Give the value that ``decide`` takes; ``powers`` are the standing's own unless given."""
    powers = powers or standing.powers or NO_POWERS
    return Subject(
        user_id=person.user_id,
        guest_id=person.guest_id,
        group_ids=powers.group_ids,
        address=person.address,
        is_superuser=powers.is_superuser,
        may_moderate_rooms=powers.may_moderate_rooms,
        role=standing.role,
        grants=standing.grants,
    )


def reads_groups(policy: Policy | NamespacePolicy) -> bool:
    """Say whether no decision about this place can be made without the person's groups.

    A rule that denies them to a group has to be known before anything admits.
    """
    if policy.access == Access.GROUPS or policy.rules.names_groups:
        return True
    return isinstance(policy, Policy) and reads_groups(policy.namespace)


def load_powers(user_id: str) -> Powers:
    """Read an account's powers anew: three queries for most, none left over from its log-in."""
    # A custom user model need not call its manager "objects".
    users = get_user_model()._default_manager  # noqa: SLF001 - Django's documented name
    active = users.filter(pk=user_id, is_active=True)
    user = active.annotate(known_people=people_version()).first()
    if user is None:
        return Powers(is_active=False)
    groups = user.groups.values_list("pk", flat=True) if hasattr(user, "groups") else ()
    return Powers(
        is_superuser=bool(getattr(user, "is_superuser", False)),
        may_moderate_rooms=bool(user.has_perm(PERMISSION)),
        group_ids=frozenset(str(pk) for pk in groups),
        version=user.known_people,
    )


def load_standings(
    rooms: Mapping[int, Policy], persons: Collection[Person]
) -> dict[tuple[int, str], Standing]:
    """Read roles and grants of these persons in these rooms, by room and person's key.

    At most one query, and none where nothing could count: guests have no roles, and an open room
    needs no grant. A pair that is missing is a stranger's.
    """
    user_ids = {person.user_id for person in persons if person.user_id is not None}
    guest_ids = {person.guest_id for person in persons if person.guest_id is not None}
    # Whatever the access kind is by now: a grant outlives a change of it.
    granting = [pk for pk, policy in rooms.items() if policy.access != Access.OPEN]
    parts: list[QuerySet[Any, _Row]] = []
    if user_ids and rooms:
        parts.append(_roles(rooms, user_ids))
    if granting:
        parts.append(_grants(granting, user_ids, guest_ids))
    if not parts:
        return {}
    found: dict[tuple[int, str], Standing] = {}
    for row in parts[0].union(*parts[1:], all=True):
        room_id, user_id, guest_id, role, grant_id, version, expires_at, is_revoked = row
        key = (room_id, str(user_id) if user_id is not None else f"{GUEST_PREFIX}{guest_id}")
        before = found.get(key, Standing())
        if not grant_id:
            found[key] = Standing(role, before.grants)
        else:
            grant = GrantValue(
                id=str(grant_id),
                password_version=version or None,
                expires_at=expires_at,
                is_revoked=bool(is_revoked),
            )
            found[key] = Standing(before.role, (*before.grants, grant))
    return found


def _roles(rooms: Collection[int], user_ids: set[str]) -> "QuerySet[Any, _Row]":
    return (
        Membership.objects.filter(room_id__in=rooms, user_id__in=user_ids)
        .order_by()
        .values_list("room_id", "user_id", _NOTHING, "role", Value(0), _NOTHING, _NEVER, _FALSE)
    )


def _grants(
    rooms: Collection[int], user_ids: set[str], guest_ids: set[str]
) -> "QuerySet[Any, _Row]":
    return (
        Grant.objects.filter(
            Q(user_id__in=user_ids) | Q(guest_id__in=guest_ids),
            room_id__in=rooms,
            revoked_at__isnull=True,
        )
        .order_by()
        .values_list(
            "room_id",
            "user_id",
            "guest_id",
            _NOTHING,
            "pk",
            "password_version",
            "invitation__expires_at",
            Case(
                When(invitation__revoked_at__isnull=False, then=Value(value=True)),
                default=_FALSE,
                output_field=BooleanField(),
            ),
        )
    )
