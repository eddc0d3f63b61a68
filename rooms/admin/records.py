"""Decision records in the admin: why somebody was let in, or was not, found by its reference."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.dashboard.readings import own_records
from rooms.admin.kinds import FoundByUsername, WrittenByTheSite
from rooms.admin.links import admin_url
from rooms.admin.scope import scope_of
from rooms.models import DecisionRecord


@admin.register(DecisionRecord)
class DecisionRecordAdmin(FoundByUsername, WrittenByTheSite):
    """What was decided, by which rule, step by step."""

    list_display = (
        "ref",
        "created_at",
        "kind",
        "name",
        "place",
        "allowed",
        "code",
        "rule",
        "count",
        "check_access",
    )
    list_filter = ("kind", "allowed", "code", "namespace", "created_at")
    date_hierarchy = "created_at"
    show_full_result_count = False
    search_fields = ("ref", "name", "person_key", "room")
    search_help_text = _("Looks at references, names, ids and rooms.")
    fields = (
        "ref",
        "kind",
        "place",
        "name",
        "person_key",
        "user",
        "actor",
        "address",
        "allowed",
        "code",
        "message",
        "rule",
        "step_list",
        "count",
        "created_at",
        "last_at",
        "check_access",
    )
    readonly_fields = ("step_list", "place", "check_access")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DecisionRecord]:
        """Keep those about the person's own rooms, by the names that were typed."""
        rows = admin.ModelAdmin.get_queryset(self, request)
        return own_records(scope_of(request), rows)

    def looks_after(self, request: HttpRequest, row: Any) -> bool:  # noqa: ANN401 - as its parent
        """Say whether the person looks after the room that it is about."""
        scope = scope_of(request)
        if row is None or scope.is_everything:
            return not scope.is_empty
        return scope.rooms().filter(namespace__path=row.namespace, name=row.room).exists()

    @admin.display(description=_("check"))
    def check_access(self, record: DecisionRecord) -> SafeString:
        """Lead to the same question, asked now."""
        url = admin_url("rooms_check_access", ref=record.ref)
        return format_html('<a href="{}">{}</a>', url, gettext("Check access"))

    @admin.display(description=_("where"), ordering="room")
    def place(self, record: DecisionRecord) -> str:
        """Give the namespace, and the room as it was typed."""
        return f"{record.namespace.rstrip('/')}/{record.room}"

    @admin.display(description=_("steps"))
    def step_list(self, record: DecisionRecord) -> SafeString:
        """List what was asked, in order, with what came of it."""
        lines = (
            (step.get("check", ""), step.get("outcome", ""), step.get("rule", ""))
            for step in record.steps
        )
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{}: {} {}</li>", lines))
