"""Who is connected, and in which rooms: rows that count while their process renews its lease."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.messages import PERSON_KEY_MAX
from rooms.models.people import GUEST_ID_MAX
from rooms.models.registry import Room


class Process(models.Model):
    """One running server; what hangs under it counts only until ``lease_until``."""

    id = models.CharField(_("id"), primary_key=True, max_length=64)
    name = models.CharField(_("name"), max_length=100, blank=True)
    host = models.CharField(_("host"), max_length=255, blank=True)
    pid = models.PositiveIntegerField(_("process number"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    lease_until = models.DateTimeField(_("lease until"), db_index=True)

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        ordering = ("started_at", "id")

    def __str__(self) -> str:
        return self.name or self.id


class Connection(models.Model):
    """One client's socket in one namespace, on one process.

    ``id`` is the socket's public id. The session's sid is a secret and is not kept.
    """

    id = models.CharField(_("socket"), primary_key=True, max_length=64)
    process = models.ForeignKey(
        Process, on_delete=models.CASCADE, related_name="connections", verbose_name=_("process")
    )
    namespace = models.CharField(_("namespace"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    guest_id = models.CharField(_("guest"), max_length=GUEST_ID_MAX, blank=True, db_index=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True, unpack_ipv4=True)
    transport = models.CharField(_("transport"), max_length=20, blank=True)
    connected_at = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ("-connected_at", "id")
        constraints = (
            models.CheckConstraint(
                name="connection_is_one_person",
                condition=Q(user__isnull=False, guest_id="")
                | (Q(user__isnull=True) & ~Q(guest_id="")),
                violation_error_message=_("A connection is a user's or a guest's."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.namespace})"


class SeatQuerySet(models.QuerySet["Seat"]):
    """Reads over all processes; an expired lease never counts."""

    def present(self, now: datetime) -> SeatQuerySet:
        """Keep the seats whose process is alive at ``now``."""
        return self.filter(process__lease_until__gt=now)


class Seat(models.Model):
    """A connection's place in a room. ``person_key`` is ``"7"`` or ``"guest:…"``."""

    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        related_name="seats",
        db_index=False,  # the index of room and person begins with it
        verbose_name=_("room"),
    )
    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="seats",
        db_index=False,  # the unique pair begins with it
        verbose_name=_("connection"),
    )
    process = models.ForeignKey(
        Process, on_delete=models.CASCADE, related_name="seats", verbose_name=_("process")
    )
    person_key = models.CharField(_("person"), max_length=PERSON_KEY_MAX)
    joined_at = models.DateTimeField(_("since"), default=timezone.now)
    # Somebody was told to leave: the process that holds the seat frees it, and says why.
    kicked_at = models.DateTimeField(null=True, blank=True, editable=False)
    kick_reason = models.CharField(max_length=200, blank=True, editable=False)

    objects = SeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        ordering = ("room", "joined_at")
        indexes = (
            models.Index(fields=("room", "person_key"), name="seat_room_person"),
            models.Index(
                fields=("room",), name="seat_kicked", condition=Q(kicked_at__isnull=False)
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("connection", "room"),
                name="seat_unique_in_room",
                violation_error_message=_("This connection is in the room already."),
            ),
            models.CheckConstraint(
                name="seat_has_a_person",
                condition=~Q(person_key=""),
                violation_error_message=_("A seat is somebody's."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.person_key} @ {self.room_id}"
