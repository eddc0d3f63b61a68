"""Messages in the admin: found, read, and removed in place; never edited or deleted alone."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rooms.admin.kinds import FoundByUsername, WrittenByTheSite
from rooms.models import Message

EXCERPT = 80


@admin.register(Message)
class MessageAdmin(FoundByUsername, WrittenByTheSite):
    """What was said, room by room."""

    list_display = ("excerpt", "author", "room", "offset", "created_at", "is_removed")
    list_select_related = ("room__namespace",)
    list_filter = ("room__namespace", ("removed_at", admin.EmptyFieldListFilter), "created_at")
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

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out the site's own deletion: it would tear holes into the offsets."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

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
        unremoved = queryset.filter(removed_at=None)
        LogEntry.objects.log_actions(
            user_id=str(request.user.pk),
            queryset=unremoved,
            action_flag=CHANGE,
            change_message=[{"changed": {"fields": ["removed at"]}}],
        )
        count = unremoved.update(removed_at=timezone.now(), removed_by=request.user.pk)
        text = ngettext("%(count)d message removed.", "%(count)d messages removed.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission to change messages, which nothing else here uses."""
        return request.user.has_perm("rooms.change_message")
