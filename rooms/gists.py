"""The gist of what a person may do in a room: what a page that shows it has to read anew.

Pure. Mutes and the pace of slow mode are left out: whoever is muted hears ``muted``, and who has
just sent a message knows.
"""

from dataclasses import dataclass, field
from datetime import datetime

from rooms.denials import Code
from rooms.findings import Findings
from rooms.likeness import SharedDecisions
from rooms.policy_values import Action, Credentials, Decision, Policy, Subject

_TOLD_APART = frozenset({Code.MUTED, Code.RATE_LIMITED})


@dataclass(frozen=True, slots=True)
class Gist:
    """``refused`` is the code that a message would be answered, or empty.

    ``slow_mode_s`` is 0 for those whom it spares; ``closes_at`` is when all have to leave.
    ``refusing`` is the decision that a message would meet, a mute's too; two gists are the same
    whatever its words.
    """

    role: str | None
    moderates: bool
    refused: str
    slow_mode_s: int
    closes_at: datetime | None
    refusing: Decision | None = field(default=None, compare=False)


def gist_of(policy: Policy, subject: Subject, decisions: SharedDecisions) -> Gist:
    """Give the gist for somebody who is in the room, at the instant of these decisions."""
    sending = decisions.decide(policy, subject, Action.SEND)
    return Gist(
        role=subject.role,
        moderates=decisions.decide(policy, subject, Action.MODERATE).allowed,
        refused="" if sending.code in _TOLD_APART else sending.code,
        slow_mode_s=slow_mode_s(policy, subject, decisions.now) if policy.slow_mode_s else 0,
        closes_at=policy.closes_at,
        refusing=None if sending.allowed else sending,
    )


def slow_mode_s(policy: Policy, subject: Subject, now: datetime) -> int:
    """Give the time between two messages of this person; 0 for those whom slow mode spares."""
    return 0 if Findings(policy.namespace, policy, subject, now).power() else policy.slow_mode_s


def inside(now: datetime) -> Credentials:
    """Give what somebody brings who has a seat: a capacity that was lowered evicts nobody."""
    return Credentials(now=now, is_joined=True, is_inside=True)
