"""What was decided and done about whom, kept so that staff can say why."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.models.messages import PERSON_KEY_MAX

# Crockford's digits without vowels: a reference can be read out and never spells a word.
REF_ALPHABET = "0123456789bcdfghjkmnpqrstvwxyz"
REF_LENGTH = 8


def new_ref() -> str:
    """Make the short word by which a denial that a client was told is found again."""
    # One draw for all digits: a thousand people may have to be told at once.
    number, digits = secrets.randbelow(len(REF_ALPHABET) ** REF_LENGTH), []
    for _digit in range(REF_LENGTH):
        number, digit = divmod(number, len(REF_ALPHABET))
        digits.append(REF_ALPHABET[digit])
    return "".join(digits)


class RecordKind(models.TextChoices):
    """What a record is about."""

    CONNECT = "connect", _("Connecting")
    JOIN = "join", _("Joining")
    SEND = "send", _("Sending")
    EVICTION = "eviction", _("Eviction")
    MODERATION = "moderation", _("Moderation")


class DecisionRecord(models.Model):
    """One decision, or several equal ones within a minute, counted.

    ``namespace`` and ``room`` are as typed, ``steps`` a list of ``{"check", "outcome", "rule"}``.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=RecordKind)
    namespace = models.CharField(_("namespace"), max_length=200)
    room = models.CharField(_("room, as typed"), max_length=200, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    person_key = models.CharField(_("person's id"), max_length=PERSON_KEY_MAX, blank=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("done by"),
    )
    address = models.GenericIPAddressField(_("address"), null=True, blank=True, unpack_ipv4=True)
    allowed = models.BooleanField(_("allowed"), default=False)
    code = models.CharField(_("code"), max_length=40, blank=True, db_index=True)
    message = models.TextField(_("message"), blank=True)
    rule = models.CharField(_("decided by"), max_length=200, blank=True)
    steps = models.JSONField(_("steps"), default=list, blank=True)
    ref = models.CharField(_("reference"), max_length=16, unique=True, default=new_ref)
    count = models.PositiveIntegerField(_("times"), default=1)
    created_at = models.DateTimeField(_("first"), default=timezone.now, db_index=True)
    last_at = models.DateTimeField(_("last"), default=timezone.now)

    class Meta:
        verbose_name = _("decision record")
        verbose_name_plural = _("decision records")
        ordering = ("-created_at", "-pk")
        indexes = (
            # Finds the row that an equal denial within the minute is counted in.
            models.Index(fields=("person_key", "created_at"), name="record_person_created"),
        )
        constraints = (
            models.CheckConstraint(
                name="record_kind_is_known",
                condition=Q(kind__in=RecordKind.values),
                violation_error_message=_("There is no such kind of record."),
            ),
            models.CheckConstraint(
                name="record_counts_from_one",
                condition=Q(count__gte=1),
                violation_error_message=_("A record counts one decision at least."),
            ),
            models.CheckConstraint(
                name="record_denial_has_a_code",
                condition=Q(allowed=True) | ~Q(code=""),
                violation_error_message=_("A denial has a code."),
            ),
        )

    def __str__(self) -> str:
        return self.ref
