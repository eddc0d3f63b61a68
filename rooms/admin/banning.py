"""Ban…: one form for an account, a guest and a network, from wherever staff meet them.

Shows first who would go, then does it in one act, and offers to undo it.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.links import admin_url, is_key, named_in
from rooms.admin.pages import admin_page
from rooms.admin.ranking import outranks
from rooms.admin.receipts import tell_receipts
from rooms.admin.scope import Scope, scope_of, staff_of
from rooms.admin_forms import NO_GUEST, network_problem
from rooms.banning import (
    ALL_MESSAGES,
    Banned,
    BanOrder,
    ban_together,
    find_concerned,
    network_of,
    undo_bans,
)
from rooms.explaining import find_user, guest_of, person_of, split_place
from rooms.models import Ban, Connection, Message, Namespace
from rooms.models.people import GUEST_ID_MAX
from rooms.models.sanctions import REASON_MAX
from rooms.networks import Network, parse_network
from rooms.people import Person
from rooms.powers import is_guest_id
from rooms.shapes import GUEST_PREFIX
from rooms.visitors import visitor_of

# The fields that decide who goes.
WHOM = ("user", "guest", "network", "guests_only", "place")
FOREVER = "forever"
NO_PURGE = "none"
DURATIONS = [
    ("1h", _("An hour")),
    ("1d", _("A day")),
    ("7d", _("A week")),
    ("30d", _("30 days")),
    (FOREVER, _("For good")),
]
_DURATIONS = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
PURGES = [
    (NO_PURGE, _("None")),
    ("hour", _("Of the last hour")),
    ("day", _("Of the last day")),
    ("all", _("All")),
]
_PURGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "all": ALL_MESSAGES}


class BanForm(forms.Form):
    """Whom, where, how long, why, and what becomes of what they wrote."""

    user = forms.CharField(label=_("Account"), required=False, help_text=_("A username or an id."))
    guest = forms.CharField(
        label=_("Guest"), max_length=GUEST_ID_MAX + len(GUEST_PREFIX), required=False
    )
    network = forms.CharField(
        label=_("Address"),
        required=False,
        help_text=_("An address, or a network such as 192.0.2.0/24 or 2001:db8::/64."),
    )
    guests_only = forms.BooleanField(
        label=_("Spare signed-in users"),
        required=False,
        initial=True,
        help_text=_("Of the address: others may share it."),
    )
    place = forms.CharField(
        label=_("Where"),
        required=False,
        help_text=_("/games/csgo for a room, /games for all of it. Empty: everywhere."),
    )
    duration = forms.ChoiceField(label=_("How long"), choices=DURATIONS, initial="1d")
    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_MAX,
        required=False,
        help_text=_("The one concerned reads this."),
    )
    purge = forms.ChoiceField(label=_("Remove their messages"), choices=PURGES, initial=NO_PURGE)

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._request = request
        self._scope: Scope = scope_of(request)
        if not self._scope.is_everything:
            self.fields["place"].required = True
            self.fields["place"].help_text = _("One of your rooms, such as /games/csgo.")

    def clean(self) -> dict[str, Any]:
        """Find whom and where; complain at the field that is wrong."""
        cleaned = super().clean() or {}
        self._find_place(cleaned)
        self._find_persons(cleaned)
        self._find_network(cleaned)
        if not self.errors and not cleaned["persons"] and cleaned["found_network"] is None:
            self.add_error("user", _("Name an account, a guest or an address."))
        if cleaned.get("purge") != NO_PURGE and not self.errors and not cleaned["persons"]:
            self.add_error("purge", _("Messages are an account's or a guest's: name one."))
        return cleaned

    @property
    def whom(self) -> str:
        """What decides who goes, as it was typed: the same words put out the same people."""
        return json.dumps([self[name].value() or "" for name in WHOM])

    def order(self) -> BanOrder:
        """Give what a valid form asks for."""
        cleaned = self.cleaned_data
        length = _DURATIONS.get(cleaned["duration"])
        return BanOrder(
            persons=tuple(cleaned["persons"]),
            network=cleaned["found_network"],
            guests_only=cleaned["guests_only"],
            room=cleaned["room"],
            namespace=cleaned["namespace"],
            expires_at=timezone.now() + length if length else None,
            reason=cleaned["reason"],
            purge=_PURGES.get(cleaned["purge"]),
        )

    def _find_place(self, cleaned: dict[str, Any]) -> None:
        cleaned["room"] = cleaned["namespace"] = None
        text = cleaned.get("place", "")
        if not text:
            return
        path, name = split_place(text)
        if name is not None:
            rooms = self._scope.rooms().select_related("namespace")
            cleaned["room"] = rooms.filter(namespace__path=path, name=name).first()
        elif self._scope.is_everything:
            cleaned["namespace"] = Namespace.objects.filter(path=path).first()
        if cleaned["room"] is None and cleaned["namespace"] is None:
            self.add_error("place", _("There is no such place that you look after."))

    def _find_persons(self, cleaned: dict[str, Any]) -> None:
        persons: list[Person] = []
        cleaned["persons"] = persons
        name, guest = cleaned.get("user"), cleaned.get("guest")
        user = find_user(name) if name else None
        if name and user is None:
            self.add_error("user", _("There is no such user."))
        if user is not None:
            if not outranks(self._request.user, user, cleaned["room"]):
                self.add_error("user", _("This account ranks as high as yours."))
            persons.append(person_of(user))
        if guest:
            if not is_guest_id(guest.removeprefix(GUEST_PREFIX)):
                self.add_error("guest", NO_GUEST)
            persons.append(guest_of(guest))

    def _find_network(self, cleaned: dict[str, Any]) -> None:
        cleaned["found_network"] = None
        if not cleaned.get("network"):
            return
        try:
            network = parse_network(cleaned["network"])
        except ValueError as error:
            self.add_error("network", str(error))
            return
        problem = _problem(self._request, network)
        if problem:
            self.add_error("network", problem)
        cleaned["found_network"] = network


class BanPages(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The pages of **Ban…** in the admin of bans."""

    def ban_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, then who would go, then do it."""
        if scope_of(request).is_empty:
            return HttpResponseRedirect(admin_url("index"))
        is_sent = request.method == "POST"
        form = BanForm(
            request.POST if is_sent else None, initial=_prefilled(request), request=request
        )
        concerned = None
        is_changed = request.POST.get("shown", form.whom) != form.whom
        if is_sent and form.is_valid():
            order = form.order()
            if "confirmed" in request.POST and not is_changed:
                return self._carry_out(request, order)
            concerned = find_concerned(order, timezone.now())
        return admin_page(
            self.admin_site,
            request,
            "ban_person.html",
            gettext("Ban…"),
            opts=self.opts,
            form=form,
            concerned=concerned,
            is_changed=is_changed and "confirmed" in request.POST,
            named={person.key for person in form.cleaned_data["persons"]}
            if concerned is not None
            else (),
        )

    def done_view(self, request: HttpRequest) -> HttpResponse:
        """Show the bans of one act, and undo them."""
        parts = request.GET.get("ids", "").split(",")
        ids = [part for part in parts if is_key(part)]
        bans: QuerySet[Ban] = self.get_queryset(request).filter(pk__in=ids)
        if request.method == "POST":
            lifted = [ban for ban in bans if self.has_delete_permission(request, ban)]
            for ban in lifted:
                self.log_deletions(request, Ban.objects.filter(pk=ban.pk))
            restored = undo_bans(lifted, timezone.now(), staff_of(request))
            text = ngettext(
                "Undone. %(count)d message is back.",
                "Undone. %(count)d messages are back.",
                restored,
            )
            self.message_user(request, text % {"count": restored}, messages.SUCCESS)
            return HttpResponseRedirect(admin_url("rooms_ban_changelist"))
        return admin_page(
            self.admin_site,
            request,
            "ban_done.html",
            gettext("Banned"),
            opts=self.opts,
            bans=bans,
        )

    def _carry_out(self, request: HttpRequest, order: BanOrder) -> HttpResponse:
        now, asked_at = timezone.now(), time.monotonic()
        leaving = find_concerned(order, now)
        banned: Banned = ban_together(order, now, staff_of(request))
        for ban in Ban.objects.filter(pk__in=banned.ban_ids):
            self.log_addition(request, ban, [{"added": {}}])
        text = ngettext(
            "Banned. %(count)d message was removed.",
            "Banned. %(count)d messages were removed.",
            banned.removed,
        )
        self.message_user(request, text % {"count": banned.removed}, messages.SUCCESS)
        tell_receipts(request, {at.namespace for at in leaving}, since=asked_at)
        return HttpResponseRedirect(
            admin_url("rooms_ban_done", ids=",".join(str(key) for key in banned.ban_ids))
        )


def _prefilled(request: HttpRequest) -> dict[str, Any]:
    """Read whom to ban from the page that led here, as far as its row is the person's to see."""
    query, scope = request.GET, scope_of(request)
    fields: dict[str, Any] = {
        name: query[name] for name in ("user", "guest", "network", "place") if name in query
    }
    if not scope.is_everything and len(scope.room_ids) == 1:
        fields.setdefault("place", str(scope.rooms().select_related("namespace").get()))
    if query.get("user"):
        fields |= named_in(query["user"])
    if is_key(query.get("room", "")):
        room = scope.rooms().select_related("namespace").filter(pk=query["room"]).first()
        fields["place"] = str(room) if room is not None else ""
    if is_key(query.get("message", "")):
        rows = scope.keep(Message.objects.filter(pk=query["message"], room__pair=""))
        message = rows.select_related("room__namespace").first()
        if message is not None:
            fields |= named_in(message.author_key) | {"place": str(message.room)}
    # PostgreSQL takes no text with a NUL in it.
    if "connection" in query and query["connection"].isprintable():
        rows = scope.keep(Connection.objects.filter(pk=query["connection"]), "seats__room")
        connection = rows.distinct().first()
        if connection is not None:
            fields |= _of_connection(request, connection)
    return fields


def _of_connection(request: HttpRequest, connection: Connection) -> dict[str, Any]:
    """Give the person, the one room if it is one, and the address where that may be banned."""
    fields: dict[str, Any] = named_in(
        str(connection.user_id or f"{GUEST_PREFIX}{connection.guest_id}")
    )
    seats = scope_of(request).keep(connection.seats.select_related("room__namespace"))
    rooms = [str(seat.room) for seat in seats]
    if len(rooms) == 1:
        fields["place"] = rooms[0]
    elif scope_of(request).is_everything:
        fields["place"] = connection.namespace
    if connection.address:
        network = network_of(connection.address)
        if not _problem(request, network):
            fields["network"] = str(network)
    return fields


def _problem(request: HttpRequest, network: Network) -> str:
    own = visitor_of(request).person.address
    return network_problem(network, str(own) if own else None)
