"""Who outranks whom: nobody acts on one who ranks as high, nor grants more than they have.

Pure: values in, numbers out. Source: DESIGN section 7, "Roles".
"""

from rooms.findings import Findings
from rooms.policy_values import Role

STRANGER = 0
MEMBER = 1
MODERATOR = 2
OWNER = 3
# Superusers, and who has ``rooms.moderate_room``.
SITE = 4

_OF_ROLE = {
    Role.MEMBER.value: MEMBER,
    Role.MODERATOR.value: MODERATOR,
    Role.OWNER.value: OWNER,
}


def role_rank(role: str | None) -> int:
    """Give what a role is worth; no role is the least."""
    return _OF_ROLE.get(role, STRANGER) if role is not None else STRANGER


def rank(findings: Findings) -> int:
    """Give what a person is worth in a room: without the power to moderate a member at most."""
    if not findings.power():
        return min(role_rank(findings.subject.role), MEMBER)
    if findings.privilege():
        return SITE
    return max(MODERATOR, role_rank(findings.subject.role))
