"""Access rules, bans and mutes in the admin. Deleting a ban or a mute lifts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.banning import BanPages
from rooms.admin.impact import ShowsImpact
from rooms.admin.kinds import (
    FormKnowsWriter,
    FoundByUsername,
    OwnNamespaces,
    PicksMoments,
    PicksUsers,
)
from rooms.admin.links import admin_url
from rooms.admin.ranking import outranks
from rooms.admin.scope import ModeratedRows, scope_of, staff_of
from rooms.admin_forms import RuleForm, SanctionForm
from rooms.banning import audit_sanction
from rooms.impact import Places
from rooms.models import AccessRule, Ban, Mute
from rooms.models.rules import RuleEffect
from rooms.visitors import visitor_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def places_of(row: Any) -> Places:  # noqa: ANN401 - a rule, a ban or a mute
    """Give where a rule or a ban holds; one that holds everywhere, in every namespace."""
    if row.room_id is not None:
        return Places(room_ids=frozenset({row.room_id}))
    if row.namespace_id is not None:
        return Places(namespaces=frozenset({row.namespace.path}))
    return Places(is_everywhere=True)


class InForceFilter(admin.SimpleListFilter):
    """Those that hold now, and those that are over."""

    title = _("in force")
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:  # noqa: ANN401
        """Give the two choices."""
        return (("yes", _("Now")), ("no", _("Over")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep those of the choice."""
        now = timezone.now()
        match self.value():
            case "yes":
                return queryset.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
            case "no":
                return queryset.filter(expires_at__lte=now)
            case _:
                return queryset


class RankedRuleForm(RuleForm):
    """A rule; who looks after some rooms alone denies nothing to one who ranks as high there."""

    actor: Any = None

    def clean(self) -> dict[str, Any]:
        """Refuse to act on one who ranks as high."""
        cleaned = super().clean()
        user, room = cleaned.get("user"), cleaned.get("room")
        is_denied = user and room and cleaned.get("effect") == RuleEffect.DENY
        if is_denied and self.actor and not outranks(self.actor, user, room):
            self.add_error("user", _("This account ranks as high as yours."))
        return cleaned


@admin.register(AccessRule)
class AccessRuleAdmin(
    FormKnowsWriter, ShowsImpact, PicksMoments, PicksUsers, FoundByUsername, ModeratedRows
):
    """Who is let in, may write or moderate, or may not: owners write those of their rooms."""

    form = RankedRuleForm
    list_display = ("__str__", "room", "namespace", "starts_at", "ends_at", "note")
    list_select_related = ("room__namespace", "namespace", "user", "group")
    list_filter = ("effect", "action", "subject", ("namespace", OwnNamespaces))
    search_fields = ("room__name", "namespace__path", "note")
    autocomplete_fields = ("room",)
    readonly_fields = ("created_at",)

    def places(self, row: AccessRule) -> Places:
        """Give where it holds."""
        return places_of(row)

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Look up rooms as well as users."""
        return ("room", *super().get_autocomplete_fields(request))

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Offer whole namespaces only to those who look after all rooms."""
        return () if scope_of(request).is_everything else ("namespace",)

    def known_of(self, request: HttpRequest) -> dict[str, Any]:
        """Let nobody's rank count who looks after everything."""
        return {"actor": None if scope_of(request).is_everything else request.user}

    def looks_after(self, request: HttpRequest, row: Any) -> bool:  # noqa: ANN401 - as its parent
        """Ask for the room's owner: a rule reaches over moderators too."""
        scope = scope_of(request)
        if row is None:
            return scope.is_everything or bool(scope.owned_ids)
        return scope.owns(self.room_id_of(row))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let moderators look."""
        scope = scope_of(request)
        return not scope.is_empty if obj is None else scope.has(self.room_id_of(obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let owners add."""
        return self.looks_after(request, None)

    def formfield_for_foreignkey(
        self,
        db_field: Any,  # noqa: ANN401 - Django's own
        request: HttpRequest,
        **kwargs: Any,  # noqa: ANN401 - Django's own
    ) -> forms.ModelChoiceField[Any] | None:
        """Offer the rooms that the person owns."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        scope = scope_of(request)
        if db_field.name == "room" and field is not None and not scope.is_everything:
            field.queryset = scope.rooms().filter(pk__in=scope.owned_ids)
        return field


class RankedSanctionForm(SanctionForm):
    """A ban or a mute of somebody who ranks below whoever writes it; ``actor`` is set for each."""

    actor: Any = None

    def clean(self) -> dict[str, Any]:
        """Refuse to act on one who ranks as high."""
        cleaned = super().clean()
        user = cleaned.get("user")
        if user and self.actor and not outranks(self.actor, user, cleaned.get("room")):
            self.add_error("user", _("This account ranks as high as yours."))
        return cleaned


class SanctionAdmin(
    FormKnowsWriter, ShowsImpact, PicksMoments, PicksUsers, FoundByUsername, ModeratedRows
):
    """What the pages of bans and of mutes share."""

    form = RankedSanctionForm
    list_display = ("whom", "where", "reason", "expires_at", "created_by", "created_at")
    list_select_related = ("room__namespace", "namespace", "user", "created_by")
    list_filter = (InForceFilter, ("namespace", OwnNamespaces), "created_at")
    search_fields = ("room__name", "guest_id", "network", "reason")
    fields = (
        "namespace",
        "room",
        "user",
        "guest_id",
        "network",
        "guests_only",
        "reason",
        "expires_at",
        "created_by",
        "created_at",
    )
    autocomplete_fields = ("room",)
    # Whom and where is settled once: another person is another ban.
    settled = ("namespace", "room", "user", "guest_id", "network")
    lifted: StrOrPromise = ""

    def places(self, row: Ban | Mute) -> Places:
        """Give where it holds."""
        return places_of(row)

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Look up rooms as well as users."""
        return ("room", *super().get_autocomplete_fields(request))

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """Keep whom and where as they are, once made."""
        made = ("created_by", "created_at")
        return made if obj is None else (*self.settled, *made)

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Offer whole namespaces only to those who look after all rooms."""
        return () if scope_of(request).is_everything else ("namespace",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Leave out what the person is not offered."""
        hidden = self.get_exclude(request, obj)
        return tuple(name for name in self.fields if name not in hidden)

    def known_of(self, request: HttpRequest) -> dict[str, Any]:
        """Let the form know where its writer sits, too."""
        address = visitor_of(request).person.address
        return {**super().known_of(request), "own_address": str(address) if address else None}

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for a higher rank than theirs whom it is about, as events do."""
        return super().has_change_permission(request, obj) and _is_below(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Ask for the same: nobody lifts what others have put on them, or on a peer."""
        return super().has_delete_permission(request, obj) and _is_below(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:  # noqa: ANN401
        """Note who made it, and keep a record."""
        if not change:
            obj.created_by_id = staff_of(request).pk
        super().save_model(request, obj, form, change)
        if not change:
            self._audit(request, obj, gettext("Muted %(whom)s."))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Call the deletion of many what it does."""
        actions = super().get_actions(request)
        deletion = actions.get("delete_selected")
        if deletion is not None:
            function, name, _label = deletion
            actions["delete_selected"] = (function, name, gettext("Lift the selected ones"))
        return actions

    def delete_model(self, request: HttpRequest, obj: Any) -> None:  # noqa: ANN401 - a ban or mute
        """Lift it, and keep a record."""
        self._audit(request, obj, self.lifted)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Lift them, and keep a record of each."""
        with transaction.atomic():
            for row in queryset:
                self._audit(request, row, self.lifted)
            super().delete_queryset(request, queryset)

    def _audit(self, request: HttpRequest, row: Ban | Mute, message: StrOrPromise) -> None:
        audit_sanction(row, staff_of(request), timezone.now(), str(message) % {"whom": row})

    @admin.display(description=_("whom"))
    def whom(self, row: Ban | Mute) -> str:
        """Name the user, the guest or the network."""
        if row.user is not None:
            return row.user.get_username()
        return f"guest:{row.guest_id}" if row.guest_id else row.network

    @admin.display(description=_("where"))
    def where(self, row: Ban | Mute) -> str:
        """Name the room, the namespace, or everywhere."""
        return str(row.room or row.namespace or _("everywhere"))


@admin.register(Ban)
class BanAdmin(BanPages, SanctionAdmin):
    """Who is kept out. Adding one is the form **Ban…**, as from everywhere else."""

    lifted = _("Lifted the ban of %(whom)s.")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of **Ban…**."""
        view = self.admin_site.admin_view
        return [
            path("person/", view(self.ban_view), name="rooms_ban_person"),
            path("done/", view(self.done_view), name="rooms_ban_done"),
            *super().get_urls(),
        ]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: Any = None,  # noqa: ANN401
    ) -> HttpResponse:
        """Lead to the one form."""
        return HttpResponseRedirect(admin_url("rooms_ban_person", **request.GET.dict()))


@admin.register(Mute)
class MuteAdmin(SanctionAdmin):
    """Who may read but not write."""

    lifted = _("Lifted the mute of %(whom)s.")


def _is_below(request: HttpRequest, row: Model | None) -> bool:
    """Say whether the one whom a ban or a mute is about ranks below whoever asks."""
    if not isinstance(row, Ban | Mute) or row.user is None or scope_of(request).is_everything:
        return True
    return outranks(request.user, row.user, row.room)
