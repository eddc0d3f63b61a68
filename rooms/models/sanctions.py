"""Bans and mutes: of a user, a guest or a network, in a room, a namespace or everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms import policy_values
from rooms.models.people import GUEST_ID_MAX
from rooms.models.registry import Namespace, Room
from rooms.networks import NETWORK_MAX, NETWORK_PATTERN, parse_network

REASON_MAX = 200


class NetworkField(models.CharField):  # type: ignore[type-arg]  # Django's takes no arguments
    """A network in CIDR notation, kept in its one canonical form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - a field's own
        kwargs["max_length"] = NETWORK_MAX
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:  # noqa: ANN401 - Django's own
        """Leave out the length, which is the field's own."""
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs

    def to_python(self, value: Any) -> Any:  # noqa: ANN401 - what a form was given
        """Bring a text into canonical form; ``ValidationError`` for what is no network."""
        text = super().to_python(value)
        if not text:
            return text
        try:
            return str(parse_network(text))
        except ValueError as error:
            raise ValidationError(str(error), code="network") from None

    def get_prep_value(self, value: Any) -> Any:  # noqa: ANN401 - what a query was given
        """Store the canonical form also past forms; what is no network is for the constraint."""
        text = super(models.CharField, self).get_prep_value(value)
        if not text:
            return text
        try:
            return str(parse_network(str(text)))
        except ValueError:
            return str(text)


class SanctionQuerySet(models.QuerySet[Any]):
    """Reads of bans and mutes."""

    def in_force(self, now: datetime) -> Self:
        """Keep those that are not over."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))

    def of_person(self, user_id: str | int | None, guest_id: str | None) -> Self:
        """Keep those that name this user, or this guest where there is no user."""
        if user_id is not None:
            return self.filter(user_id=user_id)
        return self.filter(guest_id=guest_id) if guest_id else self.none()


class Sanction(models.Model):
    """What bans and mutes have in common: whom, where, why, and until when."""

    namespace = models.ForeignKey(
        Namespace,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="%(class)ss",
        verbose_name=_("namespace"),
        help_text=_("Neither a namespace nor a room: everywhere."),
    )
    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="%(class)ss",
        verbose_name=_("room"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    guest_id = models.CharField(_("guest"), max_length=GUEST_ID_MAX, blank=True)
    network = NetworkField(
        _("network"),
        blank=True,
        help_text=_("An address, or a network such as 192.0.2.0/24 or 2001:db8::/64."),
    )
    guests_only = models.BooleanField(
        _("guests only"),
        default=True,
        help_text=_("Of a network: on, it spares those who are signed in."),
    )
    reason = models.CharField(
        _("reason"),
        max_length=REASON_MAX,
        blank=True,
        help_text=_("The one concerned reads this."),
    )
    expires_at = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("Empty: for good.")
    )
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

    objects = SanctionQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                name="%(class)s_is_of_one_place_at_most",
                condition=Q(namespace__isnull=True) | Q(room__isnull=True),
                violation_error_message=_("Choose a namespace, a room, or neither: not both."),
            ),
            models.CheckConstraint(
                name="%(class)s_concerns_one",
                condition=Q(user__isnull=False, guest_id="", network="")
                | (Q(user__isnull=True, network="") & ~Q(guest_id=""))
                | (Q(user__isnull=True, guest_id="") & ~Q(network="")),
                violation_error_message=_("Choose one: a user, a guest or a network."),
            ),
            models.CheckConstraint(
                name="%(class)s_network_is_one",
                condition=Q(network="") | Q(network__regex=NETWORK_PATTERN),
                violation_error_message=_("This is no network, such as 192.0.2.0/24."),
            ),
            models.CheckConstraint(
                name="%(class)s_ends_after_it_began",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                violation_error_message=_("This is in the past."),
            ),
        )

    def __str__(self) -> str:
        where = self.room or self.namespace or _("everywhere")
        return f"{self.user or self.guest_id or self.network} @ {where}"

    def as_sanction(self) -> policy_values.Sanction:
        """Give the value that decisions are made of."""
        return policy_values.Sanction(
            id=str(self.pk),
            user_id=str(self.user_id) if self.user_id is not None else None,
            guest_id=self.guest_id or None,
            network=parse_network(self.network) if self.network else None,
            guests_only=self.guests_only,
            expires_at=self.expires_at,
            reason=self.reason,
        )


class Ban(Sanction):
    """Keeps somebody out, whatever else would let them in."""

    class Meta(Sanction.Meta):
        verbose_name = _("ban")
        verbose_name_plural = _("bans")


class Mute(Sanction):
    """Lets somebody read but not write."""

    class Meta(Sanction.Meta):
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")


class Block(models.Model):
    """One user who does not want another's private messages."""

    blocker = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # the unique pair begins with it
        verbose_name=_("who blocks"),
    )
    blocked = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("who is blocked"),
    )
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        ordering = ("blocker", "blocked")
        constraints = (
            models.UniqueConstraint(
                fields=("blocker", "blocked"),
                name="block_unique",
                violation_error_message=_("This user is blocked already."),
            ),
            models.CheckConstraint(
                name="block_is_of_another",
                condition=~Q(blocker=F("blocked")),
                violation_error_message=_("Nobody blocks themselves."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.blocker_id}: {self.blocked_id}"
