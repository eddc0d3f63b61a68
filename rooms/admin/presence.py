"""Who is connected, from where and through which process: rows that the servers write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.inner import OfTheSite
from rooms.admin.kinds import FoundByUsername, NamedValues, OwnNamespaces, WrittenByTheSite
from rooms.admin.links import admin_url
from rooms.admin.live import LivePages
from rooms.admin.live_list import LiveList
from rooms.admin.local_time import local_time
from rooms.admin.scope import scope_of
from rooms.models import Connection, Process, Seat


class AliveFilter(admin.SimpleListFilter):
    """Servers whose lease holds, and those whose lease has run out."""

    title = _("alive")
    parameter_name = "alive"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> Sequence[tuple[str, Any]]:
        """Give the two choices."""
        return (("yes", _("Alive")), ("no", _("Lease has run out")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep those of the choice."""
        now = timezone.now()
        match self.value():
            case "yes":
                return queryset.filter(lease_until__gt=now)
            case "no":
                return queryset.filter(lease_until__lte=now)
            case _:
                return queryset


LIVE_FIELDS = ("live_transport", "live_answer", "live_outbox", "live_inbox", "live_rooms")


@admin.register(Process)
class ProcessAdmin(OfTheSite):
    """The servers that run, or that ended without a word and whose lease runs out."""

    list_display = ("id", "name", "host", "pid", "started_at", "lease_until", "is_alive", "sockets")
    list_filter = (AliveFilter,)
    search_fields = ("id", "name", "host")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Process]:
        """Count the sockets of each."""
        processes: QuerySet[Process] = super().get_queryset(request)
        return processes.annotate(socket_count=Count("connections"))

    @admin.display(description=_("alive"), boolean=True, ordering="lease_until")
    def is_alive(self, process: Process) -> bool:
        """Say whether its lease holds."""
        return process.lease_until > timezone.now()

    @admin.display(description=_("sockets"), ordering="socket_count")
    def sockets(self, process: Process) -> int:
        """Give how many sockets it serves."""
        count: int = getattr(process, "socket_count", 0)
        return count


class SeatInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """The rooms that a connection is in."""

    model = Seat
    extra = 0
    can_delete = False
    fields = ("room", "joined_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        """A seat is taken by joining."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        """Show the rooms that the person looks after."""
        return not scope_of(request).is_empty

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seat]:
        """Bring the rooms' names along."""
        rows: QuerySet[Seat] = super().get_queryset(request).select_related("room__namespace")
        return scope_of(request).keep(rows)


@admin.register(Connection)
class ConnectionAdmin(LiveList, LivePages, FoundByUsername, WrittenByTheSite):
    """**Live connections**: who is connected, from where, and in which rooms."""

    room_path = "seats__room"
    inlines = (SeatInline,)
    list_display = (
        "name",
        "namespace",
        "room_names",
        "address",
        "transport",
        "process",
        "since",
        "ban",
    )
    list_select_related = ("process",)
    list_filter = ("namespace", ("transport", NamedValues), "process")
    fieldsets = (
        (None, {"fields": ("name", "user", "guest_id", "namespace", "address", "connected_at")}),
        (
            _("As its process says now"),
            {
                "fields": LIVE_FIELDS,
                "classes": ("rk-live",),
                "description": _("Asked of the process that serves it, each time this is shown."),
            },
        ),
        (_("Where it is served"), {"fields": ("process", "id")}),
    )
    readonly_fields = LIVE_FIELDS
    search_fields = ("id", "name", "guest_id", "address", "seats__room__name")
    search_help_text = _("Looks at names, ids, addresses and rooms.")
    actions = ("kick", "disconnect")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """Keep those whose process is alive, and bring along the rooms that may be seen."""
        connections: QuerySet[Connection] = super().get_queryset(request)
        alive = connections.filter(process__lease_until__gt=timezone.now()).distinct()
        seats = scope_of(request).keep(Seat.objects.select_related("room"))
        return alive.prefetch_related(Prefetch("seats", seats))

    def looks_after(self, request: HttpRequest, row: Any) -> bool:  # noqa: ANN401 - as its parent
        """Say whether the socket is in a room that the person looks after."""
        scope = scope_of(request)
        if row is None or scope.is_everything:
            return not scope.is_empty
        return scope.keep(Seat.objects.filter(connection=row)).exists()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Let a room's page lead to its own connections."""
        own = {"seats__room__id__exact", "user__pk__exact"}
        return lookup in own or super().lookup_allowed(
            lookup,
            value,
            request,
        )

    @admin.display(description=_("rooms"))
    def room_names(self, connection: Connection) -> str:
        """Name the rooms that it is in."""
        return ", ".join(sorted(seat.room.name for seat in connection.seats.all()))

    @admin.display(description=_("since"), ordering="connected_at")
    def since(self, connection: Connection) -> SafeString:
        """Say for how long it is there."""
        at = connection.connected_at
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            at.isoformat(),
            date_format(local_time(at), "DATETIME_FORMAT"),
            timesince(at, depth=1),
        )

    @admin.display(description=_("ban"))
    def ban(self, connection: Connection) -> str:
        """Lead to the form that bans this person."""
        url = admin_url("rooms_ban_person", connection=connection.pk)
        return format_html('<a href="{}">{}</a>', url, gettext("Ban…"))


@admin.register(Seat)
class SeatAdmin(WrittenByTheSite):
    """Every place that somebody has in a room, as long as its process is alive."""

    list_display = ("connection", "room", "person_key", "joined_at")
    list_select_related = ("connection", "room__namespace")
    list_filter = (("room__namespace", OwnNamespaces),)
    search_fields = ("room__name", "person_key", "connection__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seat]:
        """Keep those whose process is alive."""
        seats: QuerySet[Seat] = super().get_queryset(request)
        return seats.filter(process__lease_until__gt=timezone.now())
