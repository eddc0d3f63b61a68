"""Check access: may this person do that there, asked as a join asks, step by step.

Pre-filled from a user, a room, a connection, or the reference of a denial.
"""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rooms.admin.links import admin_url, is_key, named_in, rule_url
from rooms.admin.pages import admin_page
from rooms.admin.scope import scope_of
from rooms.explaining import (
    NEW_GUEST,
    Explanation,
    Question,
    explain,
    find_user,
    guest_of,
    person_of,
    split_place,
)
from rooms.models import Connection, DecisionRecord, Room
from rooms.people import Person
from rooms.policy_values import Action
from rooms.shapes import GUEST_PREFIX
from rooms.step_texts import check_text, outcome_text, rule_text

ACTIONS = [
    (Action.JOIN.value, _("Join")),
    (Action.SEND.value, _("Send")),
    (Action.READ.value, _("Read history and members")),
    (Action.MODERATE.value, _("Moderate")),
    (Action.CONNECT.value, _("Connect to the namespace")),
]


class CheckAccessForm(forms.Form):
    """Who, where, what; and what they bring along."""

    user = forms.CharField(
        label=_("User"),
        required=False,
        help_text=_("A username or an id. Neither a user nor a guest: a new guest."),
    )
    guest = forms.CharField(
        label=_("Guest"), required=False, help_text=_("A guest's id, such as guest:k3v9….")
    )
    address = forms.GenericIPAddressField(
        label=_("Address"),
        required=False,
        unpack_ipv4=True,
        help_text=_("Where they connect from, for bans by network."),
    )
    place = forms.CharField(label=_("Where"), help_text=_("Such as /games/csgo."))
    action = forms.ChoiceField(label=_("What"), choices=ACTIONS, initial=Action.JOIN.value)
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    invitation = forms.CharField(
        label=_("Invitation"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._scope = scope_of(request)

    def clean(self) -> dict[str, Any]:
        """Find the person and the place; complain at the field that is wrong."""
        cleaned = super().clean() or {}
        self._find_person(cleaned)
        self._find_place(cleaned)
        return cleaned

    def question(self) -> Question:
        """Give the question of a valid form."""
        cleaned = self.cleaned_data
        return Question(
            person=cleaned["person"],
            namespace=cleaned["namespace"],
            room=cleaned["room"],
            action=Action(cleaned["action"]),
            password=cleaned.get("password", ""),
            invitation=cleaned.get("invitation", ""),
        )

    def _find_person(self, cleaned: dict[str, Any]) -> None:
        name, guest = cleaned.get("user"), cleaned.get("guest")
        if name and guest:
            self.add_error("guest", _("Ask about a user or a guest, not both."))
            return
        user = find_user(name) if name else None
        if name and user is None:
            self.add_error("user", _("There is no such user."))
            return
        person = person_of(user) if user is not None else guest_of(guest or NEW_GUEST)
        address = cleaned.get("address")
        cleaned["person"] = _at_address(person, address) if address else person

    def _find_place(self, cleaned: dict[str, Any]) -> None:
        if not cleaned.get("place") or not cleaned.get("action"):
            return
        namespace, room = split_place(cleaned["place"])
        if cleaned["action"] == Action.CONNECT:
            room = None
        elif room is None:
            self.add_error("place", _("Name a room as well, such as /games/csgo."))
            return
        rooms = Room.objects.filter(namespace__path=namespace, name=room)
        if not self._scope.is_everything and not self._scope.keep(rooms, "pk").exists():
            # Said of rooms that are not there too.
            self.add_error("place", _("You look after no such room."))
            return
        cleaned["namespace"], cleaned["room"] = namespace, room


def check_access_view(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the form; with POST the verdict too, so that no password stands in an address."""
    form = CheckAccessForm(
        request.POST if request.method == "POST" else None,
        initial=_prefilled(request),
        request=request,
    )
    answer = None
    record = _find_record(request)
    if request.GET.get("ref") and record is None:
        messages.warning(request, gettext("There is no record of this reference that you may see."))
    if form.is_bound and form.is_valid():
        answer = explain(form.question(), timezone.now())
    return admin_page(
        site,
        request,
        "check_access.html",
        gettext("Check access"),
        form=form,
        answer=answer,
        ref=request.GET.get("ref", ""),
        record=record,
        record_url=admin_url("rooms_decisionrecord_change", record.pk) if record else "",
        steps=_steps(answer) if answer else (),
    )


def _prefilled(request: HttpRequest) -> dict[str, Any]:
    """Read whom and what to ask about from the page that led here."""
    query = request.GET
    fields = {name: query.get(name, "") for name in ("user", "guest", "address", "place")}
    if fields["user"]:
        fields |= named_in(fields["user"])
    fields["action"] = query.get("action", Action.JOIN.value)
    record = _find_record(request)
    if record is not None:
        fields |= _of_record(record)
    if is_key(query.get("room", "")):
        row = scope_of(request).rooms().filter(pk=query["room"]).select_related("namespace").first()
        fields["place"] = str(row) if row else ""
    if "connection" in query and query["connection"].isprintable():
        fields |= _of_connection(request, query["connection"])
    return fields


def _find_record(request: HttpRequest) -> DecisionRecord | None:
    """Find the record of the reference that the page was asked with, where it may be seen."""
    ref = request.GET.get("ref", "").strip().lower()
    # PostgreSQL takes no text with a NUL in it.
    record = DecisionRecord.objects.filter(ref=ref).first() if ref and ref.isprintable() else None
    if record is None:
        return None
    scope = scope_of(request)
    own = Room.objects.filter(namespace__path=record.namespace, name=record.room)
    return record if scope.is_everything or scope.keep(own, "pk").exists() else None


def _of_record(record: DecisionRecord) -> dict[str, Any]:
    place = f"{record.namespace.rstrip('/')}/{record.room}"
    action = record.kind if record.kind in {Action.CONNECT, Action.SEND} else Action.JOIN.value
    return {
        **named_in(record.person_key),
        "address": record.address or "",
        "place": place,
        "action": action,
    }


def _of_connection(request: HttpRequest, socket_id: str) -> dict[str, Any]:
    connections = scope_of(request).keep(Connection.objects.filter(pk=socket_id), "seats__room")
    row = connections.first()
    if row is None:
        return {}
    key = f"{GUEST_PREFIX}{row.guest_id}" if row.user_id is None else str(row.user_id)
    return {**named_in(key), "address": row.address or ""}


def _at_address(person: Person, address: str) -> Person:
    return replace(person, address=ip_address(address))


def _steps(answer: Explanation) -> list[dict[str, Any]]:
    """Give each step with the page of the row that answered it."""
    question = answer.question
    return [
        {
            "check": check_text(step.check),
            "outcome": step.outcome,
            "outcome_text": outcome_text(step.check, step.outcome),
            "rule": rule_text(step.rule),
            "url": rule_url(step.rule, answer.row, question.namespace, question.person.user_id),
        }
        for step in answer.decision.steps
    ]
