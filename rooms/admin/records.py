"""Decision records in the admin: why somebody was let in, or was not, found by its reference."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.dashboard.readings import own_records
from rooms.admin.kinds import FoundByUsername, NamedValues, WrittenByTheSite
from rooms.admin.links import admin_url, rule_url
from rooms.admin.local_time import local_time
from rooms.admin.scope import scope_of
from rooms.models import DecisionRecord, Room
from rooms.models.records import RecordKind
from rooms.step_texts import check_text, outcome_text, rule_text


@admin.register(DecisionRecord)
class DecisionRecordAdmin(FoundByUsername, WrittenByTheSite):
    """What was decided, by which rule, step by step."""

    list_display = (
        "ref",
        "at",
        "name",
        "place",
        "outcome",
        "check_access",
        "kind",
        "count",
    )
    list_filter = ("kind", "allowed", ("code", NamedValues), "namespace", "created_at")
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
        "decided_by",
        "step_list",
        "count",
        "created_at",
        "last_at",
        "check_access",
    )
    readonly_fields = ("step_list", "decided_by", "place", "check_access")

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

    @admin.display(description=_("first"), ordering="created_at")
    def at(self, record: DecisionRecord) -> str:
        """Give when, in few words."""
        return date_format(local_time(record.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("outcome"), ordering="code")
    def outcome(self, record: DecisionRecord) -> str:
        """Give the code, or that it was allowed; of what a moderator did, what it was."""
        if record.kind == RecordKind.MODERATION:
            return record.message
        return gettext("allowed") if record.allowed else record.code

    @admin.display(description=_("decided by"))
    def decided_by(self, record: DecisionRecord) -> SafeString:
        """Say what decided, and lead to its row."""
        return _linked(record.rule, record, _room_of(record))

    @admin.display(description=_("steps"))
    def step_list(self, record: DecisionRecord) -> SafeString:
        """List what was asked, in order, with what came of it."""
        room = _room_of(record)
        lines = (
            (
                check_text(step.get("check", "")),
                outcome_text(step.get("check", ""), step.get("outcome", "")),
                _linked(step.get("rule", ""), record, room),
            )
            for step in record.steps
        )
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{} {} {}</li>", lines))


def _room_of(record: DecisionRecord) -> Room | None:
    return Room.objects.filter(namespace__path=record.namespace, name=record.room).first()


def _linked(rule: str, record: DecisionRecord, room: Room | None) -> SafeString:
    """Give what decided in words, as a link to its row where that is one."""
    user_id = str(record.user_id) if record.user_id is not None else None
    url = rule_url(rule, room, record.namespace, user_id) if rule else ""
    if not url:
        return format_html("{}", rule_text(rule))
    return format_html('<a href="{}">{}</a>', url, rule_text(rule))
