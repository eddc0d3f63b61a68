"""Which people no decision about a place can tell apart, so that one is made for all of them.

Pure, as ``decide`` is: what a place says by name is all that can set two strangers apart.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from rooms.policy import decide
from rooms.policy_values import (
    Action,
    Credentials,
    Decision,
    NamespacePolicy,
    Policy,
    Subject,
)

# Stands for anybody of whom nothing speaks by name.
_SOMEBODY = "*"


@dataclass(frozen=True, slots=True)
class Mentions:
    """Whom the rules, bans and mutes of a place name, and whether any speaks of addresses."""

    ids: frozenset[str]
    has_networks: bool

    @classmethod
    def of(cls, policy: Policy | NamespacePolicy) -> "Mentions":
        """Read a room's with its namespace's, or a namespace's alone; the site's always count."""
        namespace = policy.namespace if isinstance(policy, Policy) else policy
        sanctions = [*namespace.site_bans, *namespace.bans]
        sanctions += [*namespace.site_mutes, *namespace.mutes]
        rules = [*namespace.rules.rules]
        if isinstance(policy, Policy):
            sanctions += [*policy.bans, *policy.mutes]
            rules += policy.rules.rules
        ids = [rule.user_id for rule in rules]
        ids += [item.user_id for item in sanctions] + [item.guest_id for item in sanctions]
        return cls(
            frozenset(item for item in ids if item),
            any(item.network is not None for item in sanctions),
        )

    def kind(self, subject: Subject) -> Hashable:
        """Give all that a decision there can depend on: equal for people who are alike."""
        user_id, guest_id = subject.user_id, subject.guest_id
        return (
            user_id if user_id is None or user_id in self.ids else _SOMEBODY,
            guest_id if guest_id is None or guest_id in self.ids else _SOMEBODY,
            subject.group_ids,
            subject.address if self.has_networks else None,
            subject.is_superuser,
            subject.may_moderate_rooms,
            subject.role,
            subject.grants,
        )


class SharedDecisions:
    """Decisions on the same attempt of many people, each made once for all who are alike.

    ``credentials`` are what all of them bring, the instant included.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        # By the policy's identity; it is kept, so that no other one can take that.
        self._places: dict[int, tuple[Policy | NamespacePolicy, Mentions]] = {}
        self._made: dict[tuple[int, Action, Hashable], Decision] = {}

    @property
    def now(self) -> datetime:
        """The instant that all of them are made for."""
        return self._credentials.now

    def decide(
        self, policy: Policy | NamespacePolicy, subject: Subject, action: Action
    ) -> Decision:
        """Decide as ``policy.decide`` does."""
        place = id(policy)
        if place not in self._places:
            self._places[place] = (policy, Mentions.of(policy))
        key = (place, action, self._places[place][1].kind(subject))
        if key not in self._made:
            self._made[key] = decide(policy, subject, action, self._credentials)
        return self._made[key]
