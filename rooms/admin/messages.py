"""Messages in the admin: found, read, and removed in place; never edited or deleted alone."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from realtime.exceptions import Refused
from rooms.admin.kinds import FoundByUsername, OwnNamespaces, WrittenByTheSite
from rooms.admin.links import admin_url
from rooms.admin.scope import scope_of, staff_of
from rooms.models import Message
from rooms.services import remove_message

EXCERPT = 80


@admin.register(Message)
class MessageAdmin(FoundByUsername, WrittenByTheSite):
    """What was said, room by room."""

    list_display = ("excerpt", "author", "room", "offset", "created_at", "is_removed", "ban")
    list_select_related = ("room__namespace",)
    list_filter = (
        ("room__namespace", OwnNamespaces),
        ("removed_at", admin.EmptyFieldListFilter),
        "created_at",
    )
    # A table that grows without end: no count over all of it, no order by other rows.
    show_full_result_count = False
    ordering = ("-pk",)
    search_fields = ("text", "author", "author_key", "room__name")
    fields = (
        "room",
        "offset",
        "author",
        "author_key",
        "user",
        "text",
        "data",
        "created_at",
        "removed_at",
        "removed_by",
    )
    actions = ("remove",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Leave out what two users wrote to each other in private."""
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.filter(room__pair="")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out the site's own deletion: it would tear holes into the offsets."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description=_("ban"))
    def ban(self, message: Message) -> str:
        """Lead to the form that bans its author."""
        if not message.author_key:
            return ""
        url = admin_url("rooms_ban_person", message=message.pk)
        return format_html('<a href="{}">{}</a>', url, gettext("Ban…"))

    @admin.display(description=_("text"))
    def excerpt(self, message: Message) -> str:
        """Give the beginning of the text."""
        return Truncator(message.text).chars(EXCERPT)

    @admin.display(description=_("removed"), boolean=True, ordering="removed_at")
    def is_removed(self, message: Message) -> bool:
        """Say whether clients no longer see its text."""
        return message.removed_at is not None

    @admin.action(description=_("Remove the selected messages"), permissions=("remove",))
    def remove(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        """Mark them as removed: each keeps its place, and clients read that it was removed."""
        count = 0
        for message in queryset.filter(removed_at=None):
            try:
                remove_message(message.room_id, message.pk, actor=staff_of(request))
            except Refused as refused:
                self.message_user(request, f"{message}: {refused}", messages.ERROR)
                continue
            self.log_change(request, message, [{"changed": {"fields": ["removed at"]}}])
            count += 1
        text = ngettext("%(count)d message removed.", "%(count)d messages removed.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Let those remove who look after rooms; the list holds their rooms' messages alone."""
        return not scope_of(request).is_empty
