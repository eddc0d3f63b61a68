"""The dashboard's page, the same as JSON, and the counts by the minute as rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from rooms.admin.dashboard.panels import Dashboard as Shown
from rooms.admin.dashboard.panels import make_dashboard
from rooms.admin.dashboard.readings import own_tallies, read_dashboard
from rooms.admin.kinds import WrittenByTheSite
from rooms.admin.links import admin_url
from rooms.admin.pages import admin_page
from rooms.admin.scope import scope_of
from rooms.models import Dashboard, Room, Tally
from rooms.models.tallies import NO_ROOM

EVERY_S = 5


def dashboard_for(request: HttpRequest) -> Shown:
    """Make the dashboard that this person may see; raises ``PermissionDenied`` for others."""
    scope = scope_of(request)
    if scope.is_empty:
        raise PermissionDenied
    return make_dashboard(read_dashboard(scope, timezone.now()))


@admin.register(Dashboard)
class DashboardAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """One page in place of a list."""

    def get_urls(self) -> list[URLPattern]:
        """Give the page and its JSON; there are no rows to add or change."""
        view = self.admin_site.admin_view
        return [
            path("", view(never_cache(self.page_view)), name="rooms_dashboard_changelist"),
            path("data/", view(never_cache(self.data_view)), name="rooms_dashboard_data"),
        ]

    def page_view(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return admin_page(
            self.admin_site,
            request,
            "dashboard.html",
            gettext("Dashboard"),
            dashboard=dashboard_for(request),
            data_url=admin_url("rooms_dashboard_data"),
            every_s=EVERY_S,
            is_everything=scope_of(request).is_everything,
        )

    def data_view(self, request: HttpRequest) -> HttpResponse:
        """Give what the page shows, as JSON."""
        return JsonResponse(dashboard_for(request).as_json())

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to those who look after something."""
        return not scope_of(request).is_empty

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Show it to those who look after something; what it counts is theirs alone."""
        return not scope_of(request).is_empty

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is nothing to add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is nothing to change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is nothing to delete."""
        return False


@admin.register(Tally)
class TallyAdmin(WrittenByTheSite):
    """Joins let in and messages of the last two hours, by minute, room and process."""

    list_display = ("minute", "kind", "room_name", "process_key", "count")
    list_filter = ("kind", "minute")
    show_full_result_count = False
    fields = ("minute", "kind", "room_name", "process_key", "count")
    readonly_fields = ("room_name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tally]:
        """Keep those of the person's own rooms, and bring the rooms' names along."""
        rows: QuerySet[Tally] = admin.ModelAdmin.get_queryset(self, request)
        names = Room.objects.filter(pk=OuterRef("room_key")).values("name")
        return own_tallies(scope_of(request), rows).annotate(known_name=Subquery(names))

    def room_id_of(self, row: Any) -> int | None:  # noqa: ANN401 - as its parent
        """Give the key of the row's room; None where it has none."""
        return None if row.room_key == NO_ROOM else row.room_key

    @admin.display(description=_("room"))
    def room_name(self, row: Tally) -> str:
        """Name the room, if it is still there."""
        if row.room_key == NO_ROOM:
            return gettext("private, or of many rooms")
        return getattr(row, "known_name", None) or gettext("deleted")
