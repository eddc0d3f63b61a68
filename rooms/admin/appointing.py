"""Appoint: make somebody of the staff who sees one room and looks after it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from realtime.exceptions import Refused
from rooms.admin.links import admin_url
from rooms.admin.pages import admin_page
from rooms.admin.ranking import outranks, roles_to_give
from rooms.admin.scope import scope_of, staff_of
from rooms.explaining import find_user
from rooms.models import Room
from rooms.models.roles import Role
from rooms.services import set_role


class AppointForm(forms.Form):
    """Whom, and as what."""

    user = forms.CharField(label=_("Account"), help_text=_("A username or an id."))
    role = forms.ChoiceField(label=_("Role"), initial=Role.MODERATOR.value)
    is_staff = forms.BooleanField(
        label=_("May use this admin"),
        required=False,
        initial=True,
        help_text=_("There they see and look after this room, and nothing else."),
    )

    def __init__(self, *args: Any, request: HttpRequest, room: Room, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._request, self._room = request, room
        may_give = roles_to_give(request.user, room)
        field = self.fields["role"]
        field.choices = [choice for choice in Role.choices if choice[0] in may_give]  # type: ignore[attr-defined]  # a choice field's
        if not may_make_staff(request):
            del self.fields["is_staff"]

    def clean_user(self) -> Any:  # noqa: ANN401 - any user model's
        """Find the account, and ask whether it may be acted on."""
        user = find_user(self.cleaned_data["user"])
        if user is None:
            raise forms.ValidationError(_("There is no such user."))
        if not outranks(self._request.user, user, self._room):
            raise forms.ValidationError(_("This account ranks as high as yours."))
        return user


class AppointPage(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The page **Appoint** of a room."""

    def appoint_view(self, request: HttpRequest, room_id: int) -> HttpResponse:
        """Give somebody a role in the room, and the admin's door if that is asked for."""
        rooms = scope_of(request).rooms().select_related("namespace")
        room = rooms.filter(pk=room_id).first()
        if room is None:
            self.message_user(request, gettext("You look after no such room."), messages.ERROR)
            return HttpResponseRedirect(admin_url("rooms_room_changelist"))
        form = AppointForm(
            request.POST if request.method == "POST" else None, request=request, room=room
        )
        if form.is_bound and form.is_valid():
            try:
                return self._appoint(request, room, form.cleaned_data)
            except Refused as refused:
                form.add_error(None, refused.message)
        return admin_page(
            self.admin_site,
            request,
            "appoint.html",
            gettext("Appoint in %(room)s") % {"room": room},
            form=form,
            room=room,
        )

    def _appoint(self, request: HttpRequest, room: Room, wanted: dict[str, Any]) -> HttpResponse:
        user, role = wanted["user"], wanted["role"]
        with transaction.atomic():
            set_role(room, user, role, actor=staff_of(request))
            if wanted.get("is_staff") and not user.is_staff:
                user.is_staff = True
                user.save(update_fields=["is_staff"])
        # As Django words what its inlines do; its history page needs all three keys.
        what = {"name": "membership", "object": f"{user}: {Role(role).label}", "fields": ["role"]}
        self.log_change(request, room, [{"changed": what}])
        text = gettext("%(name)s is %(role)s of %(room)s now.") % {
            "name": user,
            "role": Role(role).label,
            "room": room,
        }
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(admin_url("rooms_room_change", room.pk))


def may_make_staff(request: HttpRequest) -> bool:
    """Say whether a person may let others into the admin: as Django asks, to change users."""
    options = get_user_model()._meta  # noqa: SLF001 - documented
    may = request.user.has_perm(f"{options.app_label}.change_{options.model_name}")
    return may and hasattr(get_user_model(), "is_staff")
