"""Locks in the list of rooms: what a new guest is answered who tries to join now.

The same ``decide`` as a join; a fixed number of queries for a page of rooms.
"""

from collections.abc import Sequence

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.links import admin_url
from rooms.models import Room
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Subject
from rooms.registry import with_policies

NEW_GUEST = Subject(guest_id="new")
_CODE = "code_for_a_guest"


class RoomList(ChangeList):
    """A page of rooms that knows of each what a new guest gets."""

    def get_results(self, request: HttpRequest) -> None:
        """Decide about the rooms of this page, all at once."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        _note_codes(self.result_list)


class ShowsLocks(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The column **Locked** of the list of rooms."""

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> type[ChangeList]:
        """Give the list that has decided."""
        return RoomList

    @admin.display(description=_("a new guest"))
    def locks(self, room: Room) -> str:
        """Say what a new guest gets, and lead to why."""
        code = getattr(room, _CODE, "")
        if not code:
            return gettext("is let in")
        url = admin_url("rooms_check_access", room=room.pk)
        return format_html('<a href="{}">{}</a>', url, code)


def _note_codes(rooms: Sequence[Room]) -> None:
    now = timezone.now()
    same = Room.objects.filter(pk__in=[room.pk for room in rooms])
    found = {item.row.pk: item for item in with_policies(same)}
    for room in rooms:
        if room.pk not in found:
            continue  # deleted a moment ago
        persons = getattr(room, "persons_present", 0)
        credentials = Credentials(now=now, persons_present=persons)
        decision = decide(found[room.pk].policy, NEW_GUEST, Action.JOIN, credentials)
        setattr(room, _CODE, decision.code)
