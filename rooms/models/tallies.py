"""How much happened in each minute, as each process has counted it: what charts are drawn from."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

# Stands in ``room_key`` for what has no room of its own here.
NO_ROOM = 0
KEPT = timedelta(hours=2)


class TallyKind(models.TextChoices):
    """What is counted. Denials and evictions are decision records, and counted there."""

    JOIN = "join", _("Joins let in")
    MESSAGE = "message", _("Messages")
    DROP = "drop", _("Dropped for slow readers")


class TallyQuerySet(models.QuerySet["Tally"]):
    """Reads along the index that begins with the minute."""

    def prune(self, now: datetime) -> int:
        """Delete what is older than ``KEPT``; say how many."""
        return self.filter(minute__lt=now - KEPT).delete()[0]


class Tally(models.Model):
    """One count of one process, room and minute.

    Only the process that counts writes its rows, and always the whole count, so that writing twice
    is harmless. ``process_key`` is empty for processes that serve no sockets, which share a row.
    ``room_key`` is a room's key, or ``NO_ROOM``; no foreign key, so that a count outlives its room.
    """

    minute = models.DateTimeField(_("minute"))
    kind = models.CharField(_("kind"), max_length=10, choices=TallyKind)
    process_key = models.CharField(_("process"), max_length=64, blank=True)
    room_key = models.PositiveBigIntegerField(_("room's number"), default=NO_ROOM)
    count = models.PositiveBigIntegerField(_("count"), default=0)

    objects = TallyQuerySet.as_manager()

    class Meta:
        verbose_name = _("minute's count")
        verbose_name_plural = _("minutes' counts")
        ordering = ("-minute", "kind", "-count", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("minute", "kind", "process_key", "room_key"),
                name="tally_unique_in_minute",
                violation_error_message=_("This is counted already."),
            ),
            models.CheckConstraint(
                name="tally_kind_is_known",
                condition=Q(kind__in=TallyKind.values),
                violation_error_message=_("There is no such kind of count."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.kind}: {self.count}"


class Dashboard(Tally):
    """What the admin's dashboard hangs under; no rows of its own."""

    class Meta:
        proxy = True
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")


def minute_of(at: datetime) -> datetime:
    """Give the beginning of an instant's minute."""
    return at.replace(second=0, microsecond=0)
