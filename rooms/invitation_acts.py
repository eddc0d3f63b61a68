"""Making invitations for staff, and revoking them, with or without those who came in.

Synchronous, each in one transaction, audited; the rows are what live sockets feel. Trusts its
caller: whether somebody may is asked before.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from rooms.models import DecisionRecord, Invitation, Membership, Room
from rooms.models.records import RecordKind


def issue_invitations(
    room: Room,
    count: int,
    actor: Any,  # noqa: ANN401 - any user model's, or None
    **fields: Any,  # noqa: ANN401 - a row's fields
) -> list[tuple[Invitation, str]]:
    """Make so many alike; each comes with its token, which nobody can read again."""
    with transaction.atomic():
        made = [
            Invitation.objects.issue(room, created_by=actor, **fields) for _number in range(count)
        ]
        _audit(room, actor, "invite", _("Made %(count)d invitations.") % {"count": count})
    return made


def revoke_invitations(
    invitations: Sequence[Invitation],
    now: datetime,
    actor: Any,  # noqa: ANN401 - any user model's, or None
    *,
    removes_members: bool,
    may_remove: Callable[[str, Room], bool],
) -> list[str]:
    """Revoke them; what they granted ends with them. Give the names of members that were spared.

    ``removes_members`` ends the memberships of those who came in too, of the roles for which
    ``may_remove`` says so.
    """
    spared: list[str] = []
    with transaction.atomic():
        for row in invitations:
            row.revoked_at = now
            row.save(update_fields=["revoked_at"])
            _audit(row.room, actor, "revoke", _("Revoked %(what)s.") % {"what": row})
            if removes_members:
                spared += _remove_members(row, may_remove)
    return spared


def _remove_members(row: Invitation, may_remove: Callable[[str, Room], bool]) -> list[str]:
    users = row.grants.filter(user__isnull=False).values("user_id")
    spared: list[str] = []
    for membership in Membership.objects.filter(room=row.room, user_id__in=users):
        if may_remove(membership.role, row.room):
            membership.delete()
        else:
            spared.append(membership.user.get_username())
    return spared


def _audit(room: Room, actor: Any, act: str, message: str) -> None:  # noqa: ANN401 - as above
    now = timezone.now()
    DecisionRecord.objects.create(
        kind=RecordKind.MODERATION,
        namespace=room.namespace.path,
        room=room.name,
        actor_id=actor.pk if actor is not None else None,
        allowed=True,
        message=message,
        rule=act,
        created_at=now,
        last_at=now,
    )
