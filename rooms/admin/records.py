"""Decision records in the admin: why somebody was let in, or was not, found by its reference."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rooms.admin.kinds import FoundByUsername, WrittenByTheSite
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
    )

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
