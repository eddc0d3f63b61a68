"""Which people no decision about a place can tell apart, so that one is made for all of them.

Pure, as ``decide`` is: what a place says by name is all that can set two strangers apart.
"""

from dataclasses import dataclass

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
    """Whom the rules and bans of a place speak of by id, and whether any speaks of addresses."""

    ids: frozenset[str]
    has_networks: bool

    @classmethod
    def of(cls, policy: Policy | NamespacePolicy) -> "Mentions":
        """Read a room's with its namespace's, or a namespace's alone; the site's always count."""
        namespace = policy.namespace if isinstance(policy, Policy) else policy
        bans = [*namespace.site_bans, *namespace.bans]
        rules = [*namespace.rules.rules]
        if isinstance(policy, Policy):
            bans += policy.bans
            rules += policy.rules.rules
        ids = [rule.user_id for rule in rules]
        ids += [ban.user_id for ban in bans] + [ban.guest_id for ban in bans]
        return cls(
            frozenset(item for item in ids if item), any(ban.network is not None for ban in bans)
        )

    def unnamed(self, subject: Subject) -> Subject:
        """Drop what no decision on joining there can depend on, so that people alike are equal."""
        user_id, guest_id = subject.user_id, subject.guest_id
        return Subject(
            user_id=user_id if user_id is None or user_id in self.ids else _SOMEBODY,
            guest_id=guest_id if guest_id is None or guest_id in self.ids else _SOMEBODY,
            group_ids=subject.group_ids,
            address=subject.address if self.has_networks else None,
            is_superuser=subject.is_superuser,
            may_moderate_rooms=subject.may_moderate_rooms,
            role=subject.role,
            grants=subject.grants,
        )


class SharedDecisions:
    """Decisions on the same attempt of many people, each made once for all who are alike.

    ``credentials`` are what all of them bring, the instant included.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        # By the policy's identity; it is kept, so that no other one can take that.
        self._places: dict[int, tuple[Policy | NamespacePolicy, Mentions]] = {}
        self._made: dict[tuple[int, Action, Subject], Decision] = {}

    def decide(
        self, policy: Policy | NamespacePolicy, subject: Subject, action: Action
    ) -> Decision:
        """Decide as ``policy.decide`` does."""
        place = id(policy)
        if place not in self._places:
            self._places[place] = (policy, Mentions.of(policy))
        key = (place, action, self._places[place][1].unnamed(subject))
        if key not in self._made:
            self._made[key] = decide(policy, subject, action, self._credentials)
        return self._made[key]
