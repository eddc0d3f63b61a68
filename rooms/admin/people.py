"""Memberships and grants in the admin."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from rooms.admin.kinds import FoundByUsername, PicksUsers
from rooms.models import Grant, Membership


@admin.register(Membership)
class MembershipAdmin(PicksUsers, FoundByUsername, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Who belongs where, over all rooms."""

    list_display = ("user", "room", "role", "created_at")
    list_select_related = ("user", "room__namespace")
    list_filter = ("role", "room__namespace")
    search_fields = ("room__name",)
    autocomplete_fields = ("room",)
    readonly_fields = ("created_at",)

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Look up rooms as well as users."""
        return ("room", *super().get_autocomplete_fields(request))


@admin.register(Grant)
class GrantAdmin(FoundByUsername, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Who was let in by a password or an invitation. Deleting one takes it back."""

    list_display = ("holder", "room", "via", "stands", "created_at")
    list_select_related = ("user", "room__namespace")
    list_filter = ("via", "room__namespace")
    search_fields = ("room__name", "guest_id")
    fields = ("room", "user", "guest_id", "via", "stands", "created_at")

    @admin.display(description=_("holder"))
    def holder(self, grant: Grant) -> str:
        """Name the user, or the guest's id."""
        return grant.user.get_username() if grant.user else f"guest:{grant.guest_id}"

    @admin.display(description=_("stands"), boolean=True)
    def stands(self, grant: Grant) -> bool:
        """Say whether it still lets its holder in: a changed password ends it."""
        return grant.password_version in {"", grant.room.password_version}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a right password or invitation makes one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        """Nobody changes one."""
        return False
