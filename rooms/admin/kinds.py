"""What several of our admin pages share: fields for users and times, rows that are read only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin, ModelAdmin
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelect
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import DateTimeField, Model
from django.forms import SplitDateTimeField
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy

from rooms.admin.scope import ModeratedRows, scope_of


class RowPicker(AutocompleteSelect):
    """Django's own, which asks the database for what can be no row's key, and breaks of it."""

    def optgroups(
        self,
        name: str,
        value: Sequence[str],
        attrs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - Django's own
        """Give the row that is chosen; what is no key at all chooses none."""
        return super().optgroups(name, [each for each in value if self._is_key(each)], attrs)

    def _is_key(self, text: str) -> bool:
        key = self.field.target_field
        try:
            key.run_validators(key.to_python(text))
        except ValidationError:
            return False
        return True


class PicksRows(BaseModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows are picked by typing part of a name; a key that is none is refused at the field."""

    def formfield_for_foreignkey(
        self,
        db_field: Any,  # noqa: ANN401 - Django's own
        request: HttpRequest,
        **kwargs: Any,  # noqa: ANN401 - Django's own
    ) -> forms.ModelChoiceField[Any] | None:
        """Give the form's field."""
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = RowPicker(db_field, self.admin_site, using=kwargs.get("using"))
        field: forms.ModelChoiceField[Any] | None
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field


class PicksUsers(PicksRows):
    """Users are picked by typing part of a name, where the project's admin can look them up.

    With a custom user model that it cannot search, the field takes the user's id.
    """

    raw_id_fields = ("user",)

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Look for the user's own admin now: at import time it may not be registered yet."""
        lookup = self.admin_site._registry.get(get_user_model())  # noqa: SLF001 - its only way
        can_search = (
            lookup is not None
            and lookup.has_view_permission(request)
            and bool(lookup.get_search_fields(request))
        )
        return ("user",) if can_search else ()


class NamedMoment(AdminSplitDateTime):
    """A day and an hour, each with a name of its own: the field's label is of neither alone."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        names = (gettext_lazy("Date"), gettext_lazy("Time"))
        for part, name in zip(self.widgets, names, strict=True):
            part.attrs["aria-label"] = name


class PicksMoments(BaseModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Moments are a day and an hour that screen readers can tell apart."""

    formfield_overrides = {DateTimeField: {"form_class": SplitDateTimeField, "widget": NamedMoment}}


class FoundByUsername(BaseModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The search looks at usernames too, whatever the user model calls them."""

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Give the page's own fields and the user's name."""
        own = super().get_search_fields(request)  # type: ignore[misc] # ModelAdmin comes after us
        return (*own, f"user__{get_user_model().USERNAME_FIELD}")


class FormKnowsWriter(BaseModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The form asks who writes: it finds what ``known_of`` gives as its own attributes."""

    def known_of(self, request: HttpRequest) -> dict[str, Any]:
        """Give the form's attributes; ``actor`` is whose rank counts."""
        return {"actor": request.user}

    def get_form(
        self,
        request: HttpRequest,
        obj: Model | None = None,
        change: bool = False,
        **kwargs: Any,  # noqa: ANN401 - Django's own
    ) -> Any:  # noqa: ANN401 - Django's own
        """Give a form of this request's own."""
        form = super().get_form(request, obj, change, **kwargs)  # type: ignore[misc] # ModelAdmin comes after us
        return type("OwnForm", (form,), self.known_of(request))


class NamedValues(admin.AllValuesFieldListFilter):
    """Every value that there is; nothing at all has a name too, so that it can be chosen."""

    def choices(self, changelist: Any) -> Iterator[Any]:  # noqa: ANN401 - Django's own
        """Give the choices."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or gettext("none")}


class OwnNamespaces(admin.RelatedFieldListFilter):
    """The namespaces of the rooms that somebody looks after: which others there are is not told."""

    def field_choices(
        self,
        field: Any,  # noqa: ANN401 - Django's own
        request: HttpRequest,
        model_admin: ModelAdmin,  # type: ignore[type-arg]  # not generic at run time
    ) -> list[tuple[str, Any]]:
        """Give the choices."""
        scope = scope_of(request)
        own = None if scope.is_everything else {"pk__in": scope.rooms().values("namespace_id")}
        ordering = self.field_admin_ordering(field, request, model_admin)
        choices: list[tuple[str, Any]] = field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to=own
        )
        return choices


class WrittenByTheSite(ModeratedRows):
    """Rows that running servers write: to be read here, never added, changed or deleted.

    They do go with the room or the user that they hang under, so the permission to delete is
    left to Django, and only our own pages refuse.
    """

    actions: Sequence[str] | None = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes one by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave it to Django, for what they hang under."""
        if not scope_of(request).is_everything:
            return False
        return request.user.has_perm(f"rooms.delete_{self.opts.model_name}")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse."""
        raise PermissionDenied

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row without a way to delete it."""
        context = {**(extra_context or {}), "show_delete": False}
        return super().change_view(request, object_id, form_url, context)
