"""What holds for one person at one instant: which rule, ban, role or grant concerns them.

Finds and names; whether that admits or refuses, and in which order it counts, is ``policy``'s to
say. Pure, as all that a decision is made of. Source: DESIGN section 7.
"""

from dataclasses import dataclass
from datetime import datetime

from rooms.policy_values import (
    Action,
    Effect,
    Grant,
    NamespacePolicy,
    Policy,
    Role,
    Rule,
    Sanction,
    Subject,
)

MODERATING_ROLES = frozenset({Role.OWNER.value, Role.MODERATOR.value})


@dataclass(frozen=True, slots=True)
class Findings:
    """A person before a room, or before a namespace where ``room`` is None.

    The methods give names for staff, such as ``"ban:3"`` or ``"membership:owner"``, or ``""``.
    """

    namespace: NamespacePolicy
    room: Policy | None
    subject: Subject
    now: datetime

    def privilege(self) -> str:
        """Name what raises the person above every room's own roles."""
        if self.subject.is_superuser:
            return "superuser"
        return "rooms.moderate_room" if self.subject.may_moderate_rooms else ""

    def power(self) -> str:
        """Name what makes the person a moderator of the room, unless a rule ends that."""
        named = self.privilege()
        if not named and self.subject.role in MODERATING_ROLES:
            named = f"membership:{self.subject.role}"
        if not named:
            named = self.rule(Effect.ALLOW, Action.MODERATE)
        if named and self.rule(Effect.DENY, Action.MODERATE):
            return ""
        return named

    def admission(self) -> str:
        """Name the first thing about the person that admits, whatever the room's access kind."""
        if self.subject.is_superuser:
            return "superuser"
        power = self.power()
        if power:
            return power
        if self.subject.role is not None:
            return f"membership:{self.subject.role}"
        return self.rule(Effect.ALLOW, Action.JOIN) or self._grant()

    def rule(self, effect: Effect, action: Action) -> str:
        """Name the first rule in force, the namespace's before the room's."""
        named = self.namespace_rule(effect, action)
        if named or self.room is None:
            return named
        return self._first(self.room, effect, action)

    def namespace_rule(self, effect: Effect, action: Action) -> str:
        """Name the first rule in force of the namespace alone."""
        return self._first(self.namespace, effect, action)

    def ban(self) -> Sanction | None:
        """Find the ban that keeps the person out longest: on the site, here, or in the room."""
        here = self.room.bans if self.room else ()
        return self._longest((*self.namespace.site_bans, *self.namespace.bans, *here))

    def mute(self) -> Sanction | None:
        """Find the mute that lasts longest: on the site, here, or in the room."""
        here = self.room.mutes if self.room else ()
        return self._longest((*self.namespace.site_mutes, *self.namespace.mutes, *here))

    def _first(self, holder: NamespacePolicy | Policy, effect: Effect, action: Action) -> str:
        for rule in holder.rules.concerning(self.subject, effect, action):
            if self._is_in_force(rule):
                return f"rule:{rule.id}"
        return ""

    def _is_in_force(self, rule: Rule) -> bool:
        if rule.starts_at is not None and self.now < rule.starts_at:
            return False
        return rule.ends_at is None or self.now < rule.ends_at

    def _grant(self) -> str:
        standing = (grant for grant in self.subject.grants if self._stands(grant))
        grant = next(standing, None)
        return f"grant:{grant.id}" if grant else ""

    def _stands(self, grant: Grant) -> bool:
        """Say whether a grant holds: password unchanged, invitation neither over nor revoked."""
        if self.room is None or grant.is_revoked:
            return False
        if grant.expires_at is not None and grant.expires_at <= self.now:
            return False
        return grant.password_version in {None, self.room.password_version}

    def _longest(self, sanctions: tuple[Sanction, ...]) -> Sanction | None:
        # The longest, not the first: the end that people are told has to be true.
        concerning = [sanction for sanction in sanctions if self._concerns(sanction)]
        return max(concerning, key=_lasts_until, default=None)

    def _concerns(self, sanction: Sanction) -> bool:
        subject = self.subject
        if sanction.expires_at is not None and sanction.expires_at <= self.now:
            return False
        if sanction.user_id is not None:
            return sanction.user_id == subject.user_id
        if sanction.guest_id is not None:
            return sanction.guest_id == subject.guest_id
        if sanction.network is None or subject.address is None:
            return False
        is_spared = sanction.guests_only and subject.user_id is not None
        return not is_spared and subject.address in sanction.network


def find_mute(policy: Policy, subject: Subject, now: datetime) -> Sanction | None:
    """Find the mute that keeps a person from writing in a room the longest, if any does."""
    namespace = policy.namespace
    if not (policy.mutes or namespace.mutes or namespace.site_mutes):
        return None
    return Findings(namespace, policy, subject, now).mute()


def _lasts_until(sanction: Sanction) -> tuple[bool, float]:
    """Order sanctions by their end; one without an end lasts longest."""
    until = sanction.expires_at
    return (True, 0.0) if until is None else (False, until.timestamp())
