"""Rules of rooms and namespaces: who is let in, may write or moderate, or may not."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms import policy_values
from rooms.models.registry import Namespace, Room

NOTE_MAX = 200


class RuleEffect(models.TextChoices):
    """What a rule does to those whom it concerns."""

    ALLOW = policy_values.Effect.ALLOW.value, _("Allow")
    DENY = policy_values.Effect.DENY.value, _("Deny")


class RuleSubject(models.TextChoices):
    """Whom a rule concerns."""

    EVERYONE = policy_values.Audience.EVERYONE.value, _("Everyone")
    AUTHENTICATED = policy_values.Audience.AUTHENTICATED.value, _("Signed-in users")
    USER = policy_values.Audience.USER.value, _("One user")
    GROUP = policy_values.Audience.GROUP.value, _("A group")


class RuleAction(models.TextChoices):
    """What a rule is about."""

    JOIN = policy_values.Action.JOIN.value, _("Join")
    SEND = policy_values.Action.SEND.value, _("Send")
    MODERATE = policy_values.Action.MODERATE.value, _("Moderate")


class AccessRule(models.Model):
    """One allow or deny, of a room or of a whole namespace, for good or for a while."""

    namespace = models.ForeignKey(
        Namespace,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="rules",
        verbose_name=_("namespace"),
        help_text=_("For all of its rooms, and for connecting. Leave it empty for one room."),
    )
    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="rules",
        verbose_name=_("room"),
    )
    effect = models.CharField(_("effect"), max_length=5, choices=RuleEffect)
    subject = models.CharField(
        _("subject"), max_length=13, choices=RuleSubject, default=RuleSubject.EVERYONE
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    group = models.ForeignKey(
        Group,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("group"),
    )
    action = models.CharField(
        _("action"), max_length=8, choices=RuleAction, default=RuleAction.JOIN
    )
    starts_at = models.DateTimeField(
        _("starts at"), null=True, blank=True, help_text=_("Empty: it holds at once.")
    )
    ends_at = models.DateTimeField(
        _("ends at"), null=True, blank=True, help_text=_("Empty: it holds for good.")
    )
    note = models.CharField(
        _("note"), max_length=NOTE_MAX, blank=True, help_text=_("For staff: why it is here.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("access rule")
        verbose_name_plural = _("access rules")
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                name="rule_is_of_one_place",
                condition=Q(namespace__isnull=False, room__isnull=True)
                | Q(namespace__isnull=True, room__isnull=False),
                violation_error_message=_("A rule is a namespace's or a room's."),
            ),
            models.CheckConstraint(
                name="rule_effect_is_known",
                condition=Q(effect__in=RuleEffect.values),
                violation_error_message=_("A rule allows or denies."),
            ),
            models.CheckConstraint(
                name="rule_action_is_known",
                condition=Q(action__in=RuleAction.values),
                violation_error_message=_("There is no such action."),
            ),
            models.CheckConstraint(
                name="rule_names_its_subject",
                condition=Q(subject=RuleSubject.USER, user__isnull=False, group__isnull=True)
                | Q(subject=RuleSubject.GROUP, user__isnull=True, group__isnull=False)
                | Q(
                    subject__in=(RuleSubject.EVERYONE, RuleSubject.AUTHENTICATED),
                    user__isnull=True,
                    group__isnull=True,
                ),
                violation_error_message=_(
                    "A rule for one user names that user, one for a group the group, "
                    "and any other neither."
                ),
            ),
            models.CheckConstraint(
                name="rule_starts_before_it_ends",
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(starts_at__lt=F("ends_at")),
                violation_error_message=_("A rule has to start before it ends."),
            ),
            models.CheckConstraint(
                name="rule_ends_after_it_was_made",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("created_at")),
                violation_error_message=_("A rule cannot end in the past."),
            ),
        )

    def __str__(self) -> str:
        whom = self.user or self.group or self.get_subject_display()
        return f"{self.get_effect_display()} {self.get_action_display()}: {whom}"

    def as_rule(self) -> policy_values.Rule:
        """Give the value that decisions are made of."""
        return policy_values.Rule(
            id=str(self.pk),
            effect=policy_values.Effect(self.effect),
            audience=policy_values.Audience(self.subject),
            action=policy_values.Action(self.action),
            user_id=str(self.user_id) if self.user_id is not None else None,
            group_id=str(self.group_id) if self.group_id is not None else None,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )
