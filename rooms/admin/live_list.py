"""The list of live connections as JSON: what its script writes into the rows that are shown.

The same search, filters, order and page as the list that asks.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache

from rooms.admin.links import admin_url
from rooms.admin.local_time import local_time
from rooms.models import Connection

EVERY_S = 2

Cells = dict[str, dict[str, str]]


class LiveList(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The list's own address for its script, and what the list's page says of it."""

    def get_urls(self) -> list[URLPattern]:
        """Add the rows as JSON."""
        view = self.admin_site.admin_view(never_cache(self.rows_view))
        return [path("rows/", view, name="rooms_connection_rows"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ANN401
        """Say as of when the list is, and where its rows are read."""
        query = request.META.get("QUERY_STRING", "")
        rows_url = admin_url("rooms_connection_rows")
        now = local_time(timezone.now())
        context = {
            "rows_url": f"{rows_url}?{query}" if query else rows_url,
            "as_of": date_format(now, "H:i:s"),
            "as_of_at": now.isoformat(timespec="seconds"),
            "every_s": EVERY_S,
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def rows_view(self, request: HttpRequest) -> HttpResponse:
        """Give the rows that the list would show now; 400 for a query that no list has."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return JsonResponse({"message": gettext("There is no such list.")}, status=400)
        now = local_time(timezone.now())
        count = ngettext("%(count)d connection", "%(count)d connections", shown.result_count)
        return JsonResponse(
            {
                "as_of": date_format(now, "H:i:s"),
                "as_of_at": now.isoformat(timespec="seconds"),
                "count_text": count % {"count": shown.result_count},
                "rows": [self._row(row) for row in shown.result_list],
            }
        )

    def _row(self, row: Connection) -> dict[str, Any]:
        return {
            "key": row.pk,
            # As Django itself names the box.
            "select_label": gettext("Select this object for an action - {}").format(row),
            "cells": self._cells(row),
        }

    def _cells(self, row: Connection) -> Cells:
        none = str(self.get_empty_value_display())
        at = row.connected_at
        return {
            "name": {
                "text": row.name or none,
                "url": admin_url("rooms_connection_change", quote(row.pk)),
            },
            "namespace": {"text": row.namespace},
            "room_names": {"text": ", ".join(sorted(seat.room.name for seat in row.seats.all()))},
            "address": {"text": row.address or none},
            "transport": {"text": row.transport or none},
            "process": {"text": str(row.process)},
            "since": {
                "text": timesince(at, depth=1),
                "datetime": at.isoformat(),
                "title": date_format(local_time(at), "DATETIME_FORMAT"),
            },
            "ban": {
                "text": gettext("Ban…"),
                "url": admin_url("rooms_ban_person", connection=row.pk),
            },
        }
