"""Namespaces and rooms in the admin: what counts for the next join as soon as it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, F, IntegerField, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.appointing import AppointPage
from rooms.admin.check_access import check_access_view
from rooms.admin.impact import ShowsImpact
from rooms.admin.kinds import OwnNamespaces, PicksMoments, PicksRows, PicksUsers
from rooms.admin.local_time import local_time
from rooms.admin.locks import ShowsLocks
from rooms.admin.people import MembershipForm
from rooms.admin.ranking import rank_in
from rooms.admin.room_actions import RoomActions
from rooms.admin.scope import ModeratedRows, scope_of
from rooms.admin_forms import HASHED_PASSWORD, NamespaceForm, RoomForm
from rooms.impact import Places
from rooms.models import Membership, Message, Namespace, Room, Seat
from rooms.models.registry import RoomAccess
from rooms.ranks import SITE, role_rank

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldOpts as FieldOpts
    from django_stubs_ext import StrOrPromise


# What stands on a room's page, under which heading.
FIELDS: tuple[tuple[StrOrPromise | None, tuple[str, ...]], ...] = (
    (None, ("namespace", "name", "title", "occupancy")),
    (_("Who may join"), ("access", "new_password", HASHED_PASSWORD, "clear_password", "capacity")),
    (_("Groups that may join"), ("groups",)),
    (_("Whether it is there"), ("is_listed", "is_open", "opens_at", "closes_at", "openness")),
    (_("Who may write"), ("is_read_only", "slow_mode_s")),
    (_("What is kept"), ("history_size", "history_days", "last_offset", "created_at")),
)


def with_persons_present(rooms: QuerySet[Room]) -> QuerySet[Room]:
    """Count the persons now in each room, over all processes, within the same query."""
    here = Seat.objects.present(timezone.now()).filter(room=OuterRef("pk")).order_by()
    persons = here.values("room").annotate(persons=Count("person_key", distinct=True))
    counted = Subquery(persons.values("persons"), output_field=IntegerField())
    return rooms.annotate(persons_present=Coalesce(counted, 0))


class OccupiedFilter(admin.SimpleListFilter):
    """Rooms with somebody in them, and rooms without."""

    title = _("occupied")
    parameter_name = "occupied"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> Sequence[tuple[str, Any]]:
        """Give the two choices."""
        return (("yes", _("Somebody is there")), ("full", _("Full")), ("no", _("Empty")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rooms of the choice; the page's own query has counted already."""
        match self.value():
            case "yes":
                return queryset.filter(persons_present__gt=0)
            case "full":
                return queryset.filter(persons_present__gte=F("capacity"))
            case "no":
                return queryset.filter(persons_present=0)
            case _:
                return queryset


class DeletesWithContents(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Deleting names the row and counts what goes with it.

    Django's own page lists every row below, which for a room are ten thousand messages, and asks
    for a permission for each kind of them; what a room holds is the room's.
    """

    def contents(self, rows: Sequence[Any]) -> dict[str, int]:
        """Count what goes with these rows, by its name in the plural."""
        raise NotImplementedError

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Give what the confirmation shows: rows, counts, what permission is missing."""
        rows = list(objs)
        options = self.opts
        missing = set[str]()
        if not self.has_delete_permission(request):
            missing.add(str(options.verbose_name))
        counts = {str(options.verbose_name_plural): len(rows), **self.contents(rows)}
        return [str(row) for row in rows], counts, missing, []


@admin.register(Namespace)
class NamespaceAdmin(ShowsImpact, DeletesWithContents):
    """Which namespaces there are; a new one answers at once."""

    form = NamespaceForm
    list_display = ("path", "title", "access", "is_open", "allow_private", "room_list")
    list_filter = ("access", "is_open")
    search_fields = ("path", "title")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("path", "title", "welcome")}),
        (_("Who may come in"), {"fields": ("access", "groups", "is_open")}),
        (_("What they may do"), {"fields": ("allow_private",)}),
    )

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Show namespaces, with all their rooms, to those who look after all rooms."""
        return scope_of(request).is_everything and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask for Django's own permission beside looking after all rooms."""
        return scope_of(request).is_everything and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for both here as well."""
        return scope_of(request).is_everything and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for both here as well: the rooms go, too."""
        return scope_of(request).is_everything and super().has_delete_permission(request, obj)

    def places(self, row: Namespace) -> Places:
        """Give the namespace."""
        return Places(namespaces=frozenset({row.path}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Namespace]:
        """Count the rooms of each."""
        namespaces: QuerySet[Namespace] = super().get_queryset(request)
        return namespaces.annotate(room_count=Count("rooms"))

    @admin.display(description=_("rooms"), ordering="room_count")
    def room_list(self, namespace: Namespace) -> str:
        """Give the number of rooms, as a link to them."""
        url = reverse(f"{self.admin_site.name}:rooms_room_changelist")
        return format_html(
            '<a href="{}?namespace__id__exact={}">{}</a>',
            url,
            namespace.pk,
            getattr(namespace, "room_count", 0),
        )

    def contents(self, rows: Sequence[Any]) -> dict[str, int]:
        """Count the rooms and messages of these namespaces."""
        inside = Q(room__namespace__in=rows)
        return {
            str(_("rooms")): Room.objects.filter(namespace__in=rows).count(),
            str(_("messages")): Message.objects.filter(inside).count(),
        }


class MembershipFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # not generic at run time
    """The members of one room; nobody ends the membership of one who ranks as high."""

    def clean(self) -> None:
        """Ask about each who is taken out."""
        super().clean()
        actor = self.form.actor
        mine = rank_in(actor, self.instance) if actor is not None and self.instance.pk else SITE
        for form in self.deleted_forms:
            held = Membership.objects.filter(pk=form.instance.pk).first()
            if mine != SITE and held is not None and role_rank(held.role) >= mine:
                raise ValidationError(_("A member who ranks as high as you stays."))


class MembershipInline(PicksUsers, admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """Who belongs to the room."""

    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    extra = 0
    fields = ("user", "role", "created_at")
    readonly_fields = ("created_at",)
    ordering = ("role", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Bring the users along."""
        return super().get_queryset(request).select_related("user", "room__namespace")

    def get_formset(
        self,
        request: HttpRequest,
        obj: Room | None = None,
        **kwargs: Any,  # noqa: ANN401 - Django's own
    ) -> Any:  # noqa: ANN401 - Django's own
        """Let each form know whose rank counts."""
        own_form = type("OwnForm", (MembershipForm,), {"actor": request.user})
        return super().get_formset(request, obj, **{**kwargs, "form": own_form})

    def has_view_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        """Let those look who look after the room."""
        return _looks_after(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        """Let those add who look after the room."""
        return _looks_after(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        """Let those change who look after the room; the forms ask for their rank."""
        return _looks_after(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        """Let those take out who look after the room; the formset asks for their rank."""
        return _looks_after(request, obj)


@admin.register(Room)
class RoomAdmin(
    ShowsImpact,
    ShowsLocks,
    AppointPage,
    RoomActions,
    DeletesWithContents,
    PicksMoments,
    PicksRows,
    ModeratedRows,
):
    """Which rooms there are and what each asks for; it counts at once."""

    room_path = "pk"

    form = RoomForm
    inlines = (MembershipInline,)
    list_display = (
        "name",
        "namespace",
        "access",
        "occupancy",
        "openness",
        "locks",
        "limits",
    )
    list_select_related = ("namespace",)
    list_filter = (
        ("namespace", OwnNamespaces),
        "access",
        OccupiedFilter,
        "is_open",
        "is_listed",
        "is_read_only",
    )
    search_fields = ("name", "title", "namespace__path")
    search_help_text = _("Looks at names, titles and the namespace's path.")
    autocomplete_fields = ("namespace",)
    filter_horizontal = ("groups",)
    readonly_fields = ("occupancy", "openness", "last_offset", "created_at")
    save_on_top = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        """Count who is there."""
        return with_persons_present(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        """Add the pages **Check access** and **Appoint**."""

        def check(request: HttpRequest) -> HttpResponse:
            return check_access_view(self.admin_site, request)

        view = self.admin_site.admin_view
        return [
            path("check-access/", view(check), name="rooms_check_access"),
            path("<int:room_id>/appoint/", view(self.appoint_view), name="rooms_appoint"),
            *super().get_urls(),
        ]

    def places(self, row: Room) -> Places:
        """Give the room."""
        return Places(room_ids=frozenset({row.pk}))

    def room_id_of(self, row: Room) -> int | None:
        """Give its key."""
        return row.pk

    def hidden_fields(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:  # noqa: ANN401
        """Send a new password once more as its hash alone."""
        fields = super().hidden_fields(request, row)
        if row is None or not request.POST.get("new_password"):
            return fields
        kept = [
            (name, value) for name, value in fields if name not in {"new_password", HASHED_PASSWORD}
        ]
        return [*kept, (HASHED_PASSWORD, RoomForm.sign_hashed(row))]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those add who look after all rooms: a new one would be out of others' sight."""
        return scope_of(request).is_everything and request.user.has_perm("rooms.add_room")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for Django's own permission beside the room."""
        return request.user.has_perm("rooms.delete_room") and self.looks_after(request, obj)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """Leave a room's place and name to those who look after all rooms."""
        settled = () if scope_of(request).is_everything else ("namespace", "name")
        return (*self.readonly_fields, *settled)

    def get_fieldsets(
        self, request: HttpRequest, obj: Room | None = None
    ) -> list[tuple[StrOrPromise | None, FieldOpts]]:
        """Leave out what a new room has not got, and what only a change may touch."""
        hidden = set[str]()
        if obj is None:
            hidden |= {"occupancy", "openness", "last_offset", "created_at"}
        if obj is None or not obj.password:
            hidden.add("clear_password")
        if obj is not None and not self.has_change_permission(request, obj):
            hidden |= {"new_password", HASHED_PASSWORD, "clear_password"}
        folds_groups = obj is None or obj.access != RoomAccess.GROUPS
        return [
            (
                title,
                {
                    "fields": tuple(name for name in names if name not in hidden),
                    # Its two lists are tall; Django unfolds them by itself when one is wrong.
                    "classes": ("collapse",) if folds_groups and "groups" in names else (),
                },
            )
            for title, names in FIELDS
        ]

    def view_on_site(self, obj: Model) -> str | None:
        """Give the room's page, where the project has our pages."""
        if not isinstance(obj, Room) or obj.namespace.path == "/":
            return None
        try:
            return reverse("rooms:room", args=(obj.namespace.path.strip("/"), obj.name))
        except NoReverseMatch:
            return None

    @admin.display(description=_("present"), ordering="persons_present")
    def occupancy(self, room: Room) -> str:
        """Give the persons now there, and the places where they are limited."""
        persons = getattr(room, "persons_present", 0)
        return str(persons) if room.capacity is None else f"{persons} / {room.capacity}"

    @admin.display(description=_("now"), ordering="is_open")
    def openness(self, room: Room) -> str:
        """Say in words whether people can get in at this moment."""
        now = timezone.now()
        if not room.is_open:
            return gettext("Closed")
        if room.opens_at and now < room.opens_at:
            return gettext("Opens %(at)s") % {"at": _moment(room.opens_at)}
        if room.closes_at and room.closes_at <= now:
            return gettext("Closed since %(at)s") % {"at": _moment(room.closes_at)}
        if room.closes_at:
            return gettext("Open until %(at)s") % {"at": _moment(room.closes_at)}
        return gettext("Open")

    @admin.display(description=_("limits"))
    def limits(self, room: Room) -> str:
        """Name what is unusual about seeing the room and writing in it."""
        named = []
        if not room.is_listed:
            named.append(gettext("unlisted"))
        if room.is_read_only:
            named.append(gettext("read-only"))
        if room.slow_mode_s:
            named.append(gettext("slow mode, %(seconds)d s") % {"seconds": room.slow_mode_s})
        if not room.history_size:
            named.append(gettext("keeps no messages"))
        return ", ".join(named)

    def contents(self, rows: Sequence[Any]) -> dict[str, int]:
        """Count the memberships and messages of these rooms."""
        now = timezone.now()
        present = Seat.objects.present(now).filter(room__in=rows).order_by()
        return {
            str(_("people in it now")): present.values("room", "person_key").distinct().count(),
            str(_("memberships")): Membership.objects.filter(room__in=rows).count(),
            str(_("messages")): Message.objects.filter(room__in=rows).count(),
        }


def _looks_after(request: HttpRequest, room: Room | None) -> bool:
    scope = scope_of(request)
    return not scope.is_empty if room is None else scope.has(room.pk)


def _moment(at: datetime) -> str:
    return date_format(local_time(at), "SHORT_DATETIME_FORMAT")
