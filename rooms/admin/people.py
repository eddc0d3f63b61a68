"""Memberships and grants in the admin, each within the rank of whoever changes them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.admin.impact import ShowsImpact
from rooms.admin.kinds import FormKnowsWriter, FoundByUsername, OwnNamespaces, PicksUsers
from rooms.admin.ranking import rank_in
from rooms.admin.scope import ModeratedRows, scope_of
from rooms.impact import Places
from rooms.models import Grant, Membership, Room
from rooms.ranks import SITE, role_rank


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A role, no higher than that of whoever gives it; ``actor`` is set for each request."""

    actor: Any = None

    class Meta:
        model = Membership
        fields = ("room", "user", "role")

    def clean(self) -> dict[str, Any]:
        """Refuse to act on one who ranks as high, and to give more than one has."""
        cleaned = super().clean() or {}
        # On a room's own page the room is the page's.
        room = cleaned.get("room") or getattr(self.instance, "room", None)
        if room is None:
            return cleaned  # the field says already what is wrong
        self._check_twice(room, cleaned.get("user"))
        mine = rank_in(self.actor, room) if self.actor is not None else SITE
        if mine == SITE or not self.has_changed():
            return cleaned
        held = Membership.objects.filter(pk=self.instance.pk).first()
        if held is not None and role_rank(held.role) >= mine:
            self.add_error("role", _("This member ranks as high as you."))
        elif role_rank(cleaned.get("role")) > mine:
            self.add_error("role", _("This is a higher role than yours."))
        return cleaned

    def _check_twice(self, room: Room, user: Any) -> None:  # noqa: ANN401 - any user model's
        if user is None or room.pk is None:
            return
        others = Membership.objects.filter(room=room, user=user).exclude(pk=self.instance.pk)
        if others.exists():
            self.add_error("user", _("This user has a role in the room already."))


def is_within_rank(request: HttpRequest, row: Membership | None) -> bool:
    """Say whether a member ranks below whoever asks."""
    if row is None or scope_of(request).is_everything:
        return True
    return role_rank(row.role) < rank_in(request.user, row.room)


@admin.register(Membership)
class MembershipAdmin(FormKnowsWriter, ShowsImpact, PicksUsers, FoundByUsername, ModeratedRows):
    """Who belongs where, over all rooms."""

    form = MembershipForm
    list_display = ("user", "room", "role", "created_at")
    list_select_related = ("user", "room__namespace")
    list_filter = ("role", ("room__namespace", OwnNamespaces))
    search_fields = ("room__name",)
    autocomplete_fields = ("room",)
    readonly_fields = ("created_at",)

    def places(self, row: Membership) -> Places:
        """Give its room."""
        return Places(room_ids=frozenset({row.room_id}))

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Look up rooms as well as users."""
        return ("room", *super().get_autocomplete_fields(request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave deletion of many to those whom no rank stops."""
        actions = super().get_actions(request)
        if not scope_of(request).is_everything:
            actions.pop("delete_selected", None)
        return actions

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for a higher rank than the member's."""
        return super().has_change_permission(request, obj) and _is_below(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for a higher rank than the member's."""
        return super().has_delete_permission(request, obj) and _is_below(request, obj)


@admin.register(Grant)
class GrantAdmin(ShowsImpact, FoundByUsername, ModeratedRows):
    """Who was let in by a password or an invitation. Deleting one takes it back."""

    list_display = ("holder", "room", "via", "stands", "created_at")
    list_select_related = ("user", "room__namespace", "invitation")
    list_filter = ("via", ("room__namespace", OwnNamespaces))
    search_fields = ("room__name", "guest_id")
    fields = ("room", "user", "guest_id", "via", "invitation", "stands", "revoked_at", "created_at")

    def places(self, row: Grant) -> Places:
        """Give its room."""
        return Places(room_ids=frozenset({row.room_id}))

    @admin.display(description=_("holder"))
    def holder(self, grant: Grant) -> str:
        """Name the user, or the guest's id."""
        return grant.user.get_username() if grant.user else f"guest:{grant.guest_id}"

    @admin.display(description=_("stands"), boolean=True)
    def stands(self, grant: Grant) -> bool:
        """Say whether it still lets its holder in."""
        if grant.revoked_at is not None:
            return False
        if grant.invitation is not None:
            at = grant.invitation.expires_at
            return grant.invitation.revoked_at is None and (at is None or at > timezone.now())
        return grant.password_version == grant.room.password_version

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a right password or invitation makes one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes one."""
        return False


def _is_below(request: HttpRequest, row: Model | None) -> bool:
    return is_within_rank(request, row if isinstance(row, Membership) else None)
