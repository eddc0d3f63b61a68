"""The plain values that a decision is made of: what a room asks for, who asks, and the answer.

Frozen, hashable where it matters, free of rows and requests: a process may keep a policy and ask
about it as often as it likes. The ids in them are text, so that any user model fits.
Source: DESIGN section 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple


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
    """One allow or deny of a room or a namespace; ``id`` names the row to staff.

    ``user_id`` is set for one user, ``group_id`` for one group, neither for a wider audience.
    """

    id: str
    effect: Effect
    audience: Audience
    action: Action
    user_id: str | None = None
    group_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


_LaidOut = dict[tuple[Effect, Action], dict[tuple[Audience, str | None], list[Rule]]]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules laid out by what they do and to whom: a decision reads only those that concern it.

    ``names_groups``: no decision can be made without the person's groups.
    """

    rules: tuple[Rule, ...] = ()
    _laid_out: _LaidOut = field(init=False, repr=False, compare=False)
    names_groups: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names_groups = any(rule.audience is Audience.GROUP for rule in self.rules)
        object.__setattr__(self, "names_groups", names_groups)
        laid_out: _LaidOut = {}
        for rule in self.rules:
            of_kind = laid_out.setdefault((rule.effect, rule.action), {})
            whom = rule.user_id if rule.audience is Audience.USER else rule.group_id
            of_kind.setdefault((rule.audience, whom), []).append(rule)
        object.__setattr__(self, "_laid_out", laid_out)

    def concerning(self, subject: "Subject", effect: Effect, action: Action) -> Sequence[Rule]:
        """Give the rules of this effect and action that speak of this person, in force or not."""
        if not self.rules:
            return ()
        laid_out = self._laid_out.get((effect, action))
        if laid_out is None:
            return ()
        audiences: list[tuple[Audience, str | None]] = [(Audience.EVERYONE, None)]
        if subject.user_id is not None:
            audiences += ((Audience.AUTHENTICATED, None), (Audience.USER, subject.user_id))
        audiences += [(Audience.GROUP, group_id) for group_id in subject.group_ids]
        return [rule for audience in audiences for rule in laid_out.get(audience, ())]


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
class Laws:
    """What holds in one room beyond its own settings."""

    group_ids: frozenset[str] = frozenset()
    rules: RuleSet = NO_RULES
    bans: tuple[Sanction, ...] = ()
    mutes: tuple[Sanction, ...] = ()


@dataclass(frozen=True, slots=True)
class NamespaceLaws:
    """What holds in one namespace beyond its own settings, and on the whole site."""

    group_ids: frozenset[str] = frozenset()
    rules: RuleSet = NO_RULES
    site_bans: tuple[Sanction, ...] = ()
    bans: tuple[Sanction, ...] = ()
    site_mutes: tuple[Sanction, ...] = ()
    mutes: tuple[Sanction, ...] = ()


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


class Step(NamedTuple):
    """One question that was asked on the way; ``rule`` names the row that answered it.

    A tuple, since each decision makes some ten of them.
    """

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
