"""Live connections: the list that updates itself, a page for each, and what staff do to one."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from realtime.exceptions import RealtimeError, Refused
from realtime.namespaces.broadcast import of
from rooms.admin.receipts import tell_receipts
from rooms.admin.scope import scope_of, staff_of
from rooms.inspecting import Inspection, inspect_from_thread
from rooms.models import Connection, Seat
from rooms.services import kick

_INSPECTION = "_inspection_for_page"


class LivePages(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """What the pages of connections do beyond a list and rows."""

    change_list_template = "admin/rooms/connection/change_list.html"
    change_form_template = "admin/rooms/connection/change_form.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ANN401
        """Call it what it is."""
        titled = {"title": gettext("Live connections"), **(extra_context or {})}
        return super().changelist_view(request, titled)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave ending whole sockets to those who look after all that they are in."""
        actions = super().get_actions(request)
        if not scope_of(request).is_everything:
            actions.pop("disconnect", None)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description=_("Kick the selected people from their rooms"))
    def kick(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Put these people out of the rooms that one looks after; they may join again."""
        asked_at = time.monotonic()
        seats = Seat.objects.filter(connection__in=queryset.order_by()).select_related("connection")
        places = {(seat.room_id, seat.person_key): seat for seat in scope_of(request).keep(seats)}
        kicked, namespaces = 0, set[str]()
        for (room_id, key), seat in places.items():
            try:
                kick(room_id, key, actor=staff_of(request))
            except Refused as refused:
                self.message_user(request, f"{key}: {refused}", messages.ERROR)
                continue
            self.log_change(request, seat.connection, gettext("Kicked."))
            namespaces.add(seat.connection.namespace)
            kicked += 1
        text = ngettext(
            "%(count)d person was kicked from a room.",
            "%(count)d times somebody was kicked from a room.",
            kicked,
        )
        self.message_user(request, text % {"count": kicked}, messages.SUCCESS)
        tell_receipts(request, namespaces, since=asked_at)

    @admin.action(description=_("Disconnect the selected connections"))
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """End these sockets; their clients may come back."""
        ended = 0
        for row in queryset:
            try:
                of(row.namespace).in_(row.pk).disconnect_sockets()
            except RealtimeError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
                continue
            self.log_change(request, row, gettext("Disconnected."))
            ended += 1
        text = ngettext(
            "%(count)d connection was ended.", "%(count)d connections were ended.", ended
        )
        self.message_user(request, text % {"count": ended}, messages.SUCCESS)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,  # noqa: ANN401
    ) -> HttpResponse:
        """Offer there what the list offers for several."""
        short = {"kick": gettext("Kick"), "disconnect": gettext("Disconnect")}
        offered = [(name, short[name]) for name in self.get_actions(request) if name in short]
        context = {
            **(extra_context or {}),
            "connection_actions": offered,
            "mute_query": self._mute_query(request, object_id),
        }
        return super().change_view(request, object_id, form_url, context)

    def _mute_query(self, request: HttpRequest, socket_id: str) -> str:
        """Say whom to mute, and where if that is one room of the person's."""
        connection = self.get_queryset(request).filter(pk=socket_id).first()
        if connection is None:
            return ""
        whom = {"user": connection.user_id, "guest_id": connection.guest_id}
        rooms = [seat.room_id for seat in connection.seats.all()]
        if len(rooms) == 1:
            whom["room"] = rooms[0]
        return urlencode({name: value for name, value in whom.items() if value})

    # The page of one connection: its row, and what its process says.

    @admin.display(description=_("transport"))
    def live_transport(self, connection: Connection) -> str:
        """Say what carries it now."""
        found = _inspect(connection)
        if found is None:
            return gettext("The process did not answer. It was: %(transport)s") % {
                "transport": connection.transport
            }
        return found.transport

    @admin.display(description=_("last ping"))
    def live_answer(self, connection: Connection) -> str | None:
        """Say when the client last answered."""
        found = _inspect(connection)
        if found is None:
            return None
        if found.answered_s is None:
            return gettext("None was due yet")
        return gettext("Answered %(seconds)d s ago") % {"seconds": round(found.answered_s)}

    @admin.display(description=_("outbox"))
    def live_outbox(self, connection: Connection) -> str | None:
        """Say how much waits for the client."""
        found = _inspect(connection)
        if found is None:
            return None
        size = filesizeformat(found.waiting_bytes)
        return gettext("%(size)s wait for the client") % {"size": size}

    @admin.display(description=_("rooms"))
    def live_rooms(self, connection: Connection) -> str | None:
        """Name the rooms that it is in, as far as they are the person's to see."""
        found = _inspect(connection)
        if found is None:
            return None
        # The rows that came along are those of rooms that the person looks after.
        own = {seat.room.name for seat in connection.seats.all()}
        return ", ".join(name for name in found.rooms if name in own)

    @admin.display(description=_("inbox"))
    def live_inbox(self, connection: Connection) -> str | None:
        """Say how many of the client's events wait for us."""
        found = _inspect(connection)
        if found is None:
            return None
        text = ngettext(
            "%(count)d event waits to be handled",
            "%(count)d events wait to be handled",
            found.waiting_events,
        )
        return text % {"count": found.waiting_events}


def _inspect(connection: Connection) -> Inspection | None:
    """Ask once for each row that is shown."""
    kept = vars(connection)
    if _INSPECTION not in kept:
        kept[_INSPECTION] = inspect_from_thread(connection.pk)
    found: Inspection | None = kept[_INSPECTION]
    return found
