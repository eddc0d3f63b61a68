"""Who belongs to a room: memberships, and the grants that passwords and invitations leave."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rooms.models.invitations import Invitation
from rooms.models.registry import Room
from rooms.models.roles import Role

GUEST_ID_MAX = 64


class Membership(models.Model):
    """A user's role in a room."""

    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        related_name="memberships",
        db_index=False,  # the unique pair begins with it
        verbose_name=_("room"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="room_memberships",
        verbose_name=_("user"),
    )
    role = models.CharField(
        _("role"),
        max_length=10,
        choices=Role,
        default=Role.MEMBER,
        help_text=_("Owners and moderators look after the room; members may always join it."),
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("room", "user")
        constraints = (
            models.UniqueConstraint(
                fields=("room", "user"),
                name="membership_unique_in_room",
                violation_error_message=_("This user has a role in the room already."),
            ),
            models.CheckConstraint(
                name="membership_role_is_known",
                condition=Q(role__in=Role.values),
                violation_error_message=_("There is no such role."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user.get_username()}: {self.get_role_display()}"


class GrantVia(models.TextChoices):
    """What a grant was given for."""

    PASSWORD = "password", _("Password")
    INVITATION = "invitation", _("Invitation")


class GrantQuerySet(models.QuerySet["Grant"]):
    """Reads of grants, and their end."""

    def of_person(self, user_id: str | int | None, guest_id: str | None) -> GrantQuerySet:
        """Keep those of this user, or of this guest where there is no user."""
        if user_id is not None:
            return self.filter(user_id=user_id)
        return self.filter(guest_id=guest_id) if guest_id else self.none()

    def revoke(self, now: datetime) -> int:
        """End those that are not over; they stay as a trace. Say how many."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=now)


class Grant(models.Model):
    """What a right password or invitation leaves behind: its holder need not give it again.

    One of a password stands as long as ``password_version`` is the room's, one of an invitation
    as long as that does; neither after ``revoked_at``.
    """

    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        related_name="grants",
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
    via = models.CharField(_("via"), max_length=10, choices=GrantVia)
    invitation = models.ForeignKey(
        Invitation,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="grants",
        db_index=False,  # the unique pairs begin with it
        verbose_name=_("invitation"),
    )
    password_version = models.CharField(max_length=24, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ("room", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("room", "user"),
                name="grant_of_password_unique_for_user",
                condition=Q(via=GrantVia.PASSWORD, user__isnull=False),
                violation_error_message=_("This user has such a grant already."),
            ),
            models.UniqueConstraint(
                fields=("room", "guest_id"),
                name="grant_of_password_unique_for_guest",
                condition=Q(via=GrantVia.PASSWORD) & ~Q(guest_id=""),
                violation_error_message=_("This guest has such a grant already."),
            ),
            models.UniqueConstraint(
                fields=("invitation", "user"),
                name="grant_of_invitation_unique_for_user",
                condition=Q(via=GrantVia.INVITATION, user__isnull=False),
                violation_error_message=_("This user has such a grant already."),
            ),
            models.UniqueConstraint(
                fields=("invitation", "guest_id"),
                name="grant_of_invitation_unique_for_guest",
                condition=Q(via=GrantVia.INVITATION) & ~Q(guest_id=""),
                violation_error_message=_("This guest has such a grant already."),
            ),
            models.CheckConstraint(
                name="grant_has_one_holder",
                condition=Q(user__isnull=False, guest_id="")
                | (Q(user__isnull=True) & ~Q(guest_id="")),
                violation_error_message=_("A grant is a user's or a guest's."),
            ),
            models.CheckConstraint(
                name="grant_via_is_known",
                condition=Q(via__in=GrantVia.values),
                violation_error_message=_("A grant comes of a password or an invitation."),
            ),
            models.CheckConstraint(
                name="grant_of_password_names_it",
                condition=(Q(via=GrantVia.PASSWORD) & ~Q(password_version=""))
                | (~Q(via=GrantVia.PASSWORD) & Q(password_version="")),
                violation_error_message=_("A password's grant, and no other, names its version."),
            ),
            models.CheckConstraint(
                name="grant_of_invitation_names_it",
                condition=Q(via=GrantVia.INVITATION, invitation__isnull=False)
                | (~Q(via=GrantVia.INVITATION) & Q(invitation__isnull=True)),
                violation_error_message=_("An invitation's grant, and no other, names it."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id or self.guest_id}: {self.get_via_display()}"
