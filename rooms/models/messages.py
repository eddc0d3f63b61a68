"""The messages of the rooms that keep them, found by room and offset."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.people import GUEST_ID_MAX
from rooms.models.registry import Room
from rooms.names import NONCE_MAX, TEXT_MAX

PERSON_KEY_MAX = GUEST_ID_MAX + len("guest:")
# As long as the longest username of Django's own user model.
AUTHOR_MAX = 150
PRUNE_LIMIT = 1_000
# How many messages are looked at in one go for their age.
PAGE = 100


class MessageQuerySet(models.QuerySet["Message"]):
    """Reads of a room's history; each is served by the index of room and offset."""

    def kept(self, room: Room, now: datetime) -> MessageQuerySet:
        """Keep the room's messages that its ``history_size`` and ``history_days`` still hold.

        Reads ``room.last_offset``: give a row that is fresh enough.
        """
        messages = self.filter(room=room, offset__gt=room.last_offset - room.history_size)
        if room.history_days is None:
            return messages
        return messages.filter(created_at__gte=now - timedelta(days=room.history_days))

    def prune(self, room: Room, now: datetime, *, limit: int = PRUNE_LIMIT) -> int:
        """Delete the room's oldest messages beyond what it keeps, ``limit`` at most; say how many.

        Costs in proportion to what it deletes, whatever the room holds. Call it again while it
        returns ``limit``. Safe to run twice at once.
        """
        in_order = self.filter(room=room).order_by("offset")
        oldest = in_order.values_list("offset", flat=True).first()
        if oldest is None:
            return 0
        last = min(max(room.last_offset - room.history_size, oldest - 1), oldest + limit - 1)
        if room.history_days is not None:
            expired_before = now - timedelta(days=room.history_days)
            last = _last_expired(in_order.filter(offset__lt=oldest + limit), last, expired_before)
        return in_order.filter(offset__lte=last).delete()[0] if last >= oldest else 0


class Message(models.Model):
    """One message; a removed one keeps its place and its offset."""

    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        related_name="messages",
        db_index=False,  # the unique pair of room and offset begins with it
        verbose_name=_("room"),
    )
    offset = models.PositiveBigIntegerField(_("offset"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    author = models.CharField(
        _("author"),
        max_length=AUTHOR_MAX,
        blank=True,
        help_text=_("The name shown at the time; it outlives the account."),
    )
    author_key = models.CharField(
        _("author's id"),
        max_length=PERSON_KEY_MAX,
        blank=True,
        help_text=_("The user's or guest's id as clients know it. Empty: the site itself."),
    )
    text = models.TextField(_("text"), max_length=TEXT_MAX)
    data = models.JSONField(_("data"), null=True, blank=True)
    nonce = models.CharField(_("nonce"), max_length=NONCE_MAX, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    removed_at = models.DateTimeField(_("removed at"), null=True, blank=True)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("removed by"),
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("room", "offset")
        constraints = (
            models.UniqueConstraint(
                fields=("room", "offset"),
                name="message_offset_unique_in_room",
                violation_error_message=_("The room has a message of this offset already."),
            ),
            models.UniqueConstraint(
                fields=("room", "author_key", "nonce"),
                name="message_nonce_unique_by_author",
                condition=~Q(nonce=""),
                violation_error_message=_("The author has sent this message already."),
            ),
            models.CheckConstraint(
                name="message_offset_is_positive",
                condition=Q(offset__gte=1),
                violation_error_message=_("Offsets begin at 1."),
            ),
            models.CheckConstraint(
                name="message_has_a_text",
                condition=~Q(text=""),
                violation_error_message=_("The text may not be empty."),
            ),
            models.CheckConstraint(
                name="message_user_has_a_key",
                condition=Q(user__isnull=True) | ~Q(author_key=""),
                violation_error_message=_("A user's message names its author's id."),
            ),
            models.CheckConstraint(
                name="message_remover_removed_it",
                condition=Q(removed_by__isnull=True) | Q(removed_at__isnull=False),
                violation_error_message=_("Only a removed message has somebody who removed it."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.offset}: {self.author}"


def _last_expired(messages: MessageQuerySet, offset: int, before: datetime) -> int:
    """Go on from ``offset`` over messages older than ``before``; give the last one's offset."""
    while True:
        page = list(messages.filter(offset__gt=offset).values_list("offset", "created_at")[:PAGE])
        expired = [at for at, _made in takewhile(lambda row: row[1] < before, page)]
        offset = expired[-1] if expired else offset
        if len(expired) < PAGE:
            return offset
