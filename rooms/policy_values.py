"""The plain values that a decision is made of: what a room asks for, who asks, and the answer.

Frozen, hashable where it matters, free of rows and requests: a process may keep a policy and ask
about it as often as it likes. The ids in them are text, so that any user model fits.
Source: DESIGN section 7.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network


class Action(StrEnum):
    """What somebody wants to do. READ is for history and the list of members."""

    CONNECT = "connect"
    JOIN = "join"
    SEND = "send"
    READ = "read"
    MODERATE = "moderate"


class Access(StrEnum):
    """How a room (all six) or a namespace (open, login, groups) admits people."""

    OPEN = "open"
    LOGIN = "login"
    PASSWORD = "password"  # noqa: S105 - the name of an access kind
    INVITATION = "invitation"
    MEMBERS = "members"
    GROUPS = "groups"


class Role(StrEnum):
    """What a membership makes of a person in a room."""

    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"


class Effect(StrEnum):
    """What a rule does to those whom it concerns."""

    ALLOW = "allow"
    DENY = "deny"


class Audience(StrEnum):
    """Whom a rule concerns."""

    EVERYONE = "everyone"
    AUTHENTICATED = "authenticated"
    USER = "user"
    GROUP = "group"


class Proof(StrEnum):
    """What came of the password or the invitation that an attempt brings."""

    ABSENT = "absent"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow or deny of a room or a namespace; ``id`` names the row to staff."""

    id: str
    effect: Effect
    audience: Audience
    action: Action
    user_id: str | None = None
    group_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class RuleSet:
    """Rules sorted by what they do, so that a decision reads only those that can matter to it."""

    __slots__ = ("_by_kind",)

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Sort ``rules``, keeping their order among equals."""
        self._by_kind: dict[tuple[Effect, Action], tuple[Rule, ...]] = {}
        for rule in rules:
            kind = (rule.effect, rule.action)
            self._by_kind[kind] = (*self._by_kind.get(kind, ()), rule)

    def of(self, effect: Effect, action: Action) -> tuple[Rule, ...]:
        """Give the rules of this effect that count for this action."""
        return self._by_kind.get((effect, action), ())


NO_RULES = RuleSet()


@dataclass(frozen=True, slots=True)
class Sanction:
    """A ban or a mute, as told by the field that holds it: of a user, a guest or a network.

    Exactly one of the three is set. ``reason`` is what the moderator wrote.
    """

    id: str
    user_id: str | None = None
    guest_id: str | None = None
    network: IPv4Network | IPv6Network | None = None
    guests_only: bool = True
    expires_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NamespacePolicy:
    """What a namespace asks for, and what holds on the whole site."""

    path: str
    is_open: bool = True
    access: str = Access.OPEN
    group_ids: frozenset[str] = frozenset()
    rules: RuleSet = NO_RULES
    site_bans: tuple[Sanction, ...] = ()
    bans: tuple[Sanction, ...] = ()
    site_mutes: tuple[Sanction, ...] = ()
    mutes: tuple[Sanction, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What a room asks for. ``password_version`` is the stamp that a grant has to carry."""

    namespace: NamespacePolicy
    name: str
    access: str = Access.OPEN
    group_ids: frozenset[str] = frozenset()
    password_version: str = ""
    capacity: int | None = None
    is_listed: bool = True
    is_open: bool = True
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    is_read_only: bool = False
    slow_mode_s: int = 0
    rules: RuleSet = NO_RULES
    bans: tuple[Sanction, ...] = ()
    mutes: tuple[Sanction, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a right password (with its version) or an invitation left behind in this room."""

    id: str
    password_version: str | None = None
    expires_at: datetime | None = None
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """One person and their standing in the room: a user (``user_id``) or a guest (``guest_id``).

    ``may_moderate_rooms`` is the permission ``rooms.moderate_room``. ``address`` is an IPv4
    address also where the socket saw it mapped into IPv6.
    """

    user_id: str | None = None
    guest_id: str | None = None
    group_ids: frozenset[str] = frozenset()
    address: IPv4Address | IPv6Address | None = None
    is_superuser: bool = False
    may_moderate_rooms: bool = False
    role: str | None = None
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What this attempt brings along, and the state it meets.

    ``is_joined``: this socket is in the room. ``is_inside``: some socket of this person is.
    ``persons_present`` counts the persons in the room; ``last_sent_at`` is the person's last
    message there.
    """

    now: datetime
    password: Proof = Proof.ABSENT
    invitation: Proof = Proof.ABSENT
    is_joined: bool = False
    is_inside: bool = False
    persons_present: int = 0
    last_sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One question that was asked on the way; ``rule`` names the row that answered it."""

    check: str
    outcome: str  # "passed", "admitted", "denied"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. ``code`` and ``reason`` (words for people) are empty when allowed.

    ``rule`` names what decided, for staff only. ``until``, ``retry_after_s`` and ``stated_reason``
    (a moderator's own words) go with some denials.
    """

    allowed: bool
    code: str = ""
    reason: str = ""
    rule: str = ""
    steps: tuple[Step, ...] = ()
    until: datetime | None = None
    retry_after_s: float | None = None
    stated_reason: str = ""
