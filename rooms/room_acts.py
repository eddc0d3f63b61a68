"""What staff do to a whole room beyond closing it: open it again, clear its history.

Synchronous, each in one transaction, audited. Trusts its caller: whether somebody may is asked
before.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from rooms.models import DecisionRecord, Message, Room
from rooms.models.records import RecordKind


def open_room(room: Room, *, actor: Any = None) -> None:  # noqa: ANN401 - any user model's
    """Open a room, within its hours; opening twice is a no-op."""
    with transaction.atomic():
        row = Room.objects.select_for_update(of=("self",)).get(pk=room.pk)
        if row.is_open:
            return
        row.is_open = True
        row.save(update_fields=["is_open"])
        _audit(room, actor, "open_room", _("Opened the room."))


def clear_history(room: Room, *, actor: Any = None) -> int:  # noqa: ANN401 - as above
    """Delete all messages of a room and say how many; offsets go on from where they are."""
    with transaction.atomic():
        # Under the room's lock nobody takes an offset meanwhile.
        Room.objects.select_for_update(of=("self",)).get(pk=room.pk)
        count = Message.objects.filter(room=room).delete()[0]
        _audit(room, actor, "clear_history", _("Cleared the history of %d messages.") % count)
    return count


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
