"""Invite: many invitations at once, their links shown this one time; who used them; revoking."""

from __future__ import annotations

import csv
import time
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from realtime.exceptions import Refused
from rooms.admin.kinds import OwnNamespaces
from rooms.admin.links import admin_url
from rooms.admin.pages import admin_page
from rooms.admin.ranking import roles_to_give
from rooms.admin.receipts import tell_receipts
from rooms.admin.scope import ModeratedRows, scope_of, staff_of
from rooms.admin_forms import InviteForm
from rooms.models import Grant, Invitation, Room
from rooms.services import issue_invitations, revoke_invitation

# A cell that begins with one of these is a formula to a spreadsheet.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Beyond this many names a cell of the list says how many more there are.
NAMES_SHOWN = 5


class RevokeForm(forms.Form):
    """What becomes of those who came in."""

    remove_people = forms.BooleanField(
        label=_("Remove those who came in with them"),
        required=False,
        help_text=_("Guests go in any case; this ends the memberships of signed-in users too."),
    )


@admin.register(Invitation)
class InvitationAdmin(ModeratedRows):
    """Who was invited, and who came. Adding is **Invite**; nothing of an invitation changes."""

    list_display = (
        "named",
        "room",
        "used",
        "redeemed_by",
        "stands",
        "expires_at",
        "role",
        "created_by",
    )
    list_select_related = ("room__namespace", "created_by")
    list_filter = (
        ("room__namespace", OwnNamespaces),
        "role",
        ("revoked_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("label", "hint", "room__name")
    fields = (
        "room",
        "label",
        "hint",
        "role",
        "used",
        "redeemed_by",
        "expires_at",
        "revoked_at",
        "created_by",
        "created_at",
    )
    readonly_fields = fields
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """Bring along who used them."""
        rows: QuerySet[Invitation] = super().get_queryset(request)
        return rows.prefetch_related("grants__user")

    def get_urls(self) -> list[URLPattern]:
        """Add the page that makes them."""
        view = self.admin_site.admin_view
        return [
            path("invite/<int:room_id>/", view(self.invite_view), name="rooms_invite"),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deletion: a revoked invitation says who came with it."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They go with their room."""
        return False

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: Any = None,  # noqa: ANN401 - Django's own
    ) -> HttpResponse:
        """Lead to the room's own page: an invitation begins with a room."""
        self.message_user(request, gettext("Choose a room, and there “Invite”."), messages.INFO)
        return HttpResponseRedirect(admin_url("rooms_room_changelist"))

    def invite_view(self, request: HttpRequest, room_id: int) -> HttpResponse:
        """Ask how many and for whom; then show the links, or give them as CSV."""
        rooms = scope_of(request).rooms().select_related("namespace")
        room = rooms.filter(pk=room_id).first()
        if room is None:
            self.message_user(request, gettext("You look after no such room."), messages.ERROR)
            return HttpResponseRedirect(admin_url("rooms_room_changelist"))
        form = InviteForm(
            request.POST if request.method == "POST" else None,
            roles=roles_to_give(request.user, room),
        )
        if form.is_bound and form.is_valid():
            try:
                return self._issue(request, room, form.cleaned_data)
            except Refused as refused:
                form.add_error(None, refused.message)
        return admin_page(
            self.admin_site,
            request,
            "invite.html",
            gettext("Invite to %(room)s") % {"room": room},
            opts=self.opts,
            room=room,
            form=form,
        )

    @admin.action(description=_("Revoke the selected invitations"), permissions=("change",))
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse | None:
        """Ask what becomes of those who came in, then revoke."""
        form = RevokeForm(request.POST if "confirmed" in request.POST else None)
        standing = queryset.filter(revoked_at=None).select_related("room__namespace")
        if not form.is_bound or not form.is_valid():
            came = Grant.objects.filter(invitation__in=standing.order_by(), revoked_at=None)
            text = ngettext(
                "%(count)d person came in with them.",
                "%(count)d people came in with them.",
                came.count(),
            )
            return admin_page(
                self.admin_site,
                request,
                "confirm_action.html",
                gettext("Revoke"),
                opts=self.opts,
                rows=standing,
                action="revoke",
                sentence=text % {"count": came.count()},
                form=form,
                checkbox=ACTION_CHECKBOX_NAME,
            )
        asked_at, rows = time.monotonic(), list[Invitation]()
        spared = list[str]()
        for row in standing:
            try:
                spared += revoke_invitation(
                    row,
                    removes_members=form.cleaned_data["remove_people"],
                    actor=staff_of(request),
                )
            except Refused as refused:
                self.message_user(request, f"{row}: {refused.message}", messages.ERROR)
                continue
            self.log_change(request, row, [{"changed": {"fields": ["revoked at"]}}])
            rows.append(row)
        text = ngettext(
            "%(count)d invitation revoked.", "%(count)d invitations revoked.", len(rows)
        )
        self.message_user(request, text % {"count": len(rows)}, messages.SUCCESS)
        if spared:
            self.message_user(
                request,
                gettext("Members who rank as high as you, or were raised since, stay: %(names)s.")
                % {"names": ", ".join(spared)},
                messages.WARNING,
            )
        tell_receipts(request, {row.room.namespace.path for row in rows}, since=asked_at)
        return None

    @admin.display(description=_("invitation"), ordering="label")
    def named(self, row: Invitation) -> str:
        """Give its label, and what its token begins with."""
        return str(row)

    @admin.display(description=_("used"), ordering="uses")
    def used(self, row: Invitation) -> str:
        """Give how often it was used, of how often it may be."""
        return f"{row.uses} / {row.max_uses}" if row.max_uses is not None else str(row.uses)

    @admin.display(description=_("redeemed by"))
    def redeemed_by(self, row: Invitation) -> str:
        """Name who came in with it."""
        grants = list(row.grants.all())
        names = [
            (grant.user.get_username() if grant.user else f"guest:{grant.guest_id}",)
            for grant in grants[:NAMES_SHOWN]
        ]
        shown: str = format_html_join(", ", "{}", names)
        more = len(grants) - NAMES_SHOWN
        return f"{shown} + {more}" if more > 0 else shown

    @admin.display(description=_("stands"), boolean=True)
    def stands(self, row: Invitation) -> bool:
        """Say whether it still lets somebody in."""
        is_over = row.expires_at is not None and row.expires_at <= timezone.now()
        is_used_up = row.max_uses is not None and row.uses >= row.max_uses
        return row.revoked_at is None and not is_over and not is_used_up

    def _issue(self, request: HttpRequest, room: Room, wanted: dict[str, Any]) -> HttpResponse:
        made = issue_invitations(
            room,
            wanted["count"],
            max_uses=wanted["max_uses"],
            expires_at=wanted["expires_at"],
            role=wanted["role"],
            label=wanted["label"],
            actor=staff_of(request),
        )
        for invitation, _token in made:
            self.log_addition(request, invitation, [{"added": {}}])
        links = [
            {"label": invitation.label, "token": token, "url": _link(request, room, token)}
            for invitation, token in made
        ]
        if "csv" in request.POST:
            return _as_csv(links)
        return admin_page(
            self.admin_site,
            request,
            "invitations_made.html",
            gettext("Invitations to %(room)s") % {"room": room},
            opts=self.opts,
            room=room,
            links=links,
        )


def _link(request: HttpRequest, room: Room, token: str) -> str:
    """Give the room's address with the token; without pages of ours, the token alone."""
    try:
        page = reverse("rooms:room", args=(room.namespace.path.strip("/"), room.name))
    except NoReverseMatch:
        return token
    return request.build_absolute_uri(f"{page}?{urlencode({'invite': token})}")


def _as_csv(links: list[dict[str, str]]) -> HttpResponse:
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="invitations.csv"'},
    )
    writer = csv.writer(response)
    writer.writerow(["label", "url", "token"])
    for link in links:
        writer.writerow([_harmless(link[name]) for name in ("label", "url", "token")])
    return response


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
