"""Rows that staff rarely need: who blocks whom in private, and the versions that caches follow."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from rooms.admin.kinds import WrittenByTheSite
from rooms.admin.scope import scope_of
from rooms.models import Block, PolicyChange


class OfTheSite(WrittenByTheSite):
    """Rows of no room: for those who look after everything."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give all, since no row is of a room."""
        return admin.ModelAdmin.get_queryset(self, request)

    def looks_after(self, request: HttpRequest, row: Any) -> bool:  # noqa: ANN401 - as its parent
        """Ask for those who look after everything."""
        return scope_of(request).is_everything

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Ask for those who look after everything."""
        return scope_of(request).is_everything


@admin.register(Block)
class BlockAdmin(OfTheSite):
    """Whose private messages somebody does not want."""

    list_display = ("blocker", "blocked", "created_at")
    list_select_related = ("blocker", "blocked")


@admin.register(PolicyChange)
class PolicyChangeAdmin(OfTheSite):
    """How often each namespace, the people, or the whole site has changed."""

    list_display = ("key", "count")
    search_fields = ("key",)
