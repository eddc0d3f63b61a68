"""Invitations: tokens of which only a digest is kept, for so many persons and so long."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.registry import Room
from rooms.models.roles import Role

# 192 random bits, as text of 32 characters.
TOKEN_BYTES = 24
# As many characters of the token as are kept, so that staff can tell invitations apart.
HINT_LENGTH = 4
LABEL_MAX = 100


def token_digest(token: str) -> str:
    """Give the text by which a token is found: a database that leaks lets nobody in."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return a token that nobody can guess, and that no command takes for an option of its own."""
    while (token := secrets.token_urlsafe(TOKEN_BYTES)).startswith("-"):
        pass
    return token


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Making invitations, and reads of them."""

    def issue(self, room: Room, **fields: Any) -> tuple[Invitation, str]:  # noqa: ANN401 - a row's
        """Make one and give it with its token, which nobody can read again.

        Raises ``ValidationError`` for fields that no invitation may have.
        """
        token = new_token()
        invitation = self.model(
            room=room, digest=token_digest(token), hint=token[:HINT_LENGTH], **fields
        )
        invitation.full_clean(exclude=["room"])
        invitation.save(force_insert=True)
        return invitation, token

    def standing(self, now: datetime) -> InvitationQuerySet:
        """Keep those that are neither revoked nor expired, used up or not."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True
        )

    def with_uses_left(self) -> InvitationQuerySet:
        """Keep those that one more person may use."""
        return self.filter(Q(max_uses__isnull=True) | Q(uses__lt=F("max_uses")))


class Invitation(models.Model):
    """Lets whoever brings its token into a room; its grants end when it is revoked or expires."""

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("room")
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=HINT_LENGTH, blank=True, editable=False)
    label = models.CharField(
        _("label"), max_length=LABEL_MAX, blank=True, help_text=_("For staff: whom it is for.")
    )
    role = models.CharField(
        _("role"),
        max_length=10,
        choices=Role,
        default=Role.MEMBER,
        help_text=_("What it makes of a signed-in user; guests are let in and no more."),
    )
    max_uses = models.PositiveIntegerField(
        _("persons at most"), null=True, blank=True, default=1, help_text=_("Empty: no limit.")
    )
    uses = models.PositiveIntegerField(_("used"), default=0, editable=False)
    expires_at = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("Empty: until it is revoked.")
    )
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                name="invitation_role_is_known",
                condition=Q(role__in=Role.values),
                violation_error_message=_("There is no such role."),
            ),
            models.CheckConstraint(
                name="invitation_is_for_somebody",
                condition=Q(max_uses__isnull=True) | Q(max_uses__gte=1),
                violation_error_message=_("An invitation is for one person at least."),
            ),
            models.CheckConstraint(
                name="invitation_is_not_overused",
                condition=Q(max_uses__isnull=True) | Q(uses__lte=F("max_uses")),
                violation_error_message=_("More persons than that have used it already."),
            ),
            models.CheckConstraint(
                name="invitation_ends_after_it_began",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                violation_error_message=_("This is in the past."),
            ),
        )

    def __str__(self) -> str:
        # Thirty that were made together have one label.
        return f"{self.label} ({self.hint}…)" if self.label else f"{self.hint}…"
