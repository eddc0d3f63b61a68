"""Who is connected, from where and through which process: rows that the servers write."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.admin.kinds import FoundByUsername, WrittenByTheSite
from rooms.models import Connection, Process, Seat


@admin.register(Process)
class ProcessAdmin(WrittenByTheSite):
    """The servers that run, or that ended without a word and whose lease runs out."""

    list_display = ("id", "name", "host", "pid", "started_at", "lease_until", "is_alive", "sockets")
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seat]:
        """Bring the rooms' names along."""
        return super().get_queryset(request).select_related("room__namespace")


@admin.register(Connection)
class ConnectionAdmin(FoundByUsername, WrittenByTheSite):
    """Who is connected, from where, and in which rooms."""

    inlines = (SeatInline,)
    list_display = (
        "name",
        "namespace",
        "room_names",
        "address",
        "transport",
        "process",
        "connected_at",
    )
    list_select_related = ("process",)
    list_filter = ("namespace", "transport", "process")
    search_fields = ("id", "name", "guest_id", "address", "seats__room__name")
    search_help_text = _("Looks at names, ids, addresses and rooms.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """Keep those whose process is alive, and bring their rooms along."""
        connections: QuerySet[Connection] = super().get_queryset(request)
        alive = connections.filter(process__lease_until__gt=timezone.now())
        return alive.prefetch_related("seats__room")

    @admin.display(description=_("rooms"))
    def room_names(self, connection: Connection) -> str:
        """Name the rooms that it is in."""
        return ", ".join(sorted(seat.room.name for seat in connection.seats.all()))


@admin.register(Seat)
class SeatAdmin(WrittenByTheSite):
    """Every place that somebody has in a room."""

    list_display = ("connection", "room", "person_key", "joined_at")
    list_select_related = ("connection", "room__namespace")
    list_filter = ("room__namespace",)
    search_fields = ("room__name", "person_key", "connection__name")
