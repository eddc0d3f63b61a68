"""Live connections: the list that updates itself, and what staff do to one socket."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from realtime.exceptions import RealtimeError, Refused
from realtime.namespaces.broadcast import of
from rooms.admin.receipts import tell_receipt
from rooms.admin.scope import scope_of, staff_of
from rooms.models import Connection, Seat
from rooms.services import kick


class LivePages(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """What the list of connections does beyond a list."""

    change_list_template = "admin/rooms/connection/change_list.html"

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
        text = ngettext("%(count)d kicked.", "%(count)d kicked.", kicked)
        self.message_user(request, text % {"count": kicked}, messages.SUCCESS)
        for namespace in sorted(namespaces):
            tell_receipt(request, namespace)

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
        text = ngettext("%(count)d disconnected.", "%(count)d disconnected.", ended)
        self.message_user(request, text % {"count": ended}, messages.SUCCESS)
