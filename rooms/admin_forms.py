"""The admin's forms: what contradicts itself is refused at the field that has to change.

The database's constraints say the same once more, for what comes past a form.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from realtime.conf import trusted_proxies
from rooms.models import AccessRule, Namespace, Room
from rooms.models.invitations import LABEL_MAX
from rooms.models.registry import NamespaceAccess, RoomAccess
from rooms.models.roles import Role
from rooms.models.rules import RuleSubject
from rooms.moderating import INVITATIONS_AT_ONCE
from rooms.networks import Network, parse_network
from rooms.powers import is_guest_id
from rooms.requests import COUNT_MAX
from rooms.shapes import GUEST_PREFIX

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
# A new password on its way through the page that asks again: hashed, signed, for an hour.
HASHED_PASSWORD = "hashed_password"  # noqa: S105 - a field's name
_HASHED_SALT = "rooms.admin_forms.hashed_password"
_HASHED_AGE_S = 3600
NO_GROUPS = _("With access by groups and no group here, nobody could come in.")


class NamespaceForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A namespace, with the groups that its access needs."""

    class Meta:
        model = Namespace
        fields = ("path", "title", "welcome", "access", "groups", "is_open", "allow_private")

    def clean(self) -> dict[str, Any]:
        """Refuse access by groups without a group."""
        cleaned = super().clean() or {}
        if cleaned.get("access") == NamespaceAccess.GROUPS and not cleaned.get("groups"):
            self.add_error("groups", NO_GROUPS)
        return cleaned


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A room, with a password that goes in and never comes out."""

    new_password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    # A new password that has come back from the page that asks first.
    hashed_password = forms.CharField(required=False, widget=forms.HiddenInput)
    clear_password = forms.BooleanField(
        label=_("Remove the password"),
        required=False,
        help_text=_("Those whom it let in have to be let in by something else from then on."),
    )

    class Meta:
        model = Room
        fields = (
            "namespace",
            "name",
            "title",
            "access",
            "groups",
            "capacity",
            "is_listed",
            "is_open",
            "opens_at",
            "closes_at",
            "is_read_only",
            "slow_mode_s",
            "history_size",
            "history_days",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- Django's own
        super().__init__(*args, **kwargs)
        # A person who may only look gets the form without these fields.
        if "new_password" in self.fields:
            self.fields["new_password"].help_text = self._password_help()
        if not self.instance.password:
            self.fields.pop("clear_password", None)

    def clean(self) -> dict[str, Any]:
        """Refuse what contradicts itself, at the field that the person has to mend."""
        cleaned = super().clean() or {}
        self._hashed = self._read_hashed() if "new_password" in self.fields else None
        self._check_groups(cleaned)
        self._check_password(cleaned)
        self._check_hours(cleaned)
        self._check_name(cleaned)
        return cleaned

    def save(self, commit: bool = True) -> Room:
        """Hash a new password, or drop the old one, and save the rest."""
        if self.cleaned_data.get("new_password"):
            self.instance.set_password(self.cleaned_data["new_password"])
        elif self._hashed is not None:
            self.instance.password, self.instance.password_version = self._hashed
        elif self.cleaned_data.get("clear_password"):
            self.instance.set_password(None)
        room: Room = super().save(commit)
        return room

    def _password_help(self) -> StrOrPromise:
        if self.data.get(HASHED_PASSWORD):
            return _("The new password is kept. Write another one, or nothing to use it.")
        if self.instance.password:
            return _("A password is set. Write another to change it, or nothing to keep it.")
        return _("No password is set.")

    @staticmethod
    def sign_hashed(room: Room) -> str:
        """Give a saved room's new password as ``hashed_password`` takes it: never in the clear."""
        return signing.dumps([room.password, room.password_version], salt=_HASHED_SALT)

    def _read_hashed(self) -> tuple[str, str] | None:
        signed = self.data.get(HASHED_PASSWORD)
        if not signed:
            return None
        try:
            password, version = signing.loads(signed, salt=_HASHED_SALT, max_age=_HASHED_AGE_S)
        except signing.BadSignature:
            self.add_error("new_password", _("Write the password once more."))
            return None
        return password, version

    def _check_groups(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("access") == RoomAccess.GROUPS and not cleaned.get("groups"):
            self.add_error("groups", NO_GROUPS)

    def _check_password(self, cleaned: dict[str, Any]) -> None:
        new, clear = cleaned.get("new_password"), cleaned.get("clear_password")
        if clear:
            self._hashed = None
        new = new or self._hashed
        needs_one = cleaned.get("access") == RoomAccess.PASSWORD
        if new and clear:
            self.add_error("clear_password", _("Write a new password or remove it, not both."))
        elif clear and needs_one:
            self.add_error(
                "clear_password", _("Choose another access first: this one needs the password.")
            )
        elif needs_one and not new and not self.instance.password:
            self.add_error("new_password", _("A room with access by password needs a password."))

    def _check_hours(self, cleaned: dict[str, Any]) -> None:
        opens_at, closes_at = cleaned.get("opens_at"), cleaned.get("closes_at")
        if opens_at and closes_at and closes_at <= opens_at:
            self.add_error("closes_at", _("A room has to open before it closes."))
        elif closes_at and "closes_at" in self.changed_data and closes_at <= timezone.now():
            self.add_error(
                "closes_at", _("This is in the past. To close the room now, untick “Open” above.")
            )

    def _check_name(self, cleaned: dict[str, Any]) -> None:
        namespace, name = cleaned.get("namespace"), cleaned.get("name")
        if namespace is None or not name:
            return
        others = Room.objects.filter(namespace=namespace, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            self.add_error("name", _("This namespace has a room of this name already."))


IN_THE_PAST = _("This is in the past.")
NO_GUEST = _("This is no guest's id, such as guest:k3v9….")


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """One allow or deny, of a namespace or of a room."""

    class Meta:
        model = AccessRule
        fields = (
            "namespace",
            "room",
            "effect",
            "subject",
            "user",
            "group",
            "action",
            "starts_at",
            "ends_at",
            "note",
        )

    def clean(self) -> dict[str, Any]:
        """Refuse what contradicts itself, at the field that the person has to mend."""
        cleaned = super().clean() or {}
        namespace, room = cleaned.get("namespace"), cleaned.get("room")
        if namespace and room:
            self.add_error("room", _("Choose a namespace or a room, not both."))
        elif not namespace and not room and not {"namespace", "room"} & set(self.errors):
            self.add_error("room", _("Choose a namespace or a room."))
        self._check_subject(cleaned, RuleSubject.USER, "user", _("Choose the user."))
        self._check_subject(cleaned, RuleSubject.GROUP, "group", _("Choose the group."))
        self._check_times(cleaned)
        return cleaned

    def _check_subject(
        self, cleaned: dict[str, Any], subject: RuleSubject, field: str, missing: StrOrPromise
    ) -> None:
        if field in self.errors or "subject" not in cleaned:
            return
        is_asked, is_given = cleaned["subject"] == subject, bool(cleaned.get(field))
        if is_asked and not is_given:
            self.add_error(field, missing)
        elif is_given and not is_asked:
            self.add_error(field, _("Counts for another subject: choose that, or leave it empty."))

    def _check_times(self, cleaned: dict[str, Any]) -> None:
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if ends_at and "ends_at" in self.changed_data and ends_at <= timezone.now():
            self.add_error("ends_at", IN_THE_PAST)
        elif starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("A rule has to start before it ends."))


class SanctionForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A ban or a mute: one person or network, in one place or everywhere.

    ``own_address`` is that of whoever writes it.
    """

    own_address: str | None = None

    def clean_guest_id(self) -> str:
        """Take a guest's id as it is shown everywhere, too."""
        guest_id: str = self.cleaned_data["guest_id"].removeprefix(GUEST_PREFIX)
        if self.cleaned_data["guest_id"] and not is_guest_id(guest_id):
            raise forms.ValidationError(NO_GUEST)
        return guest_id

    def clean(self) -> dict[str, Any]:
        """Refuse what contradicts itself, at the field that the person has to mend."""
        cleaned = super().clean() or {}
        # One that is there has its place and its person, which no form offers to change.
        if "room" in self.fields and cleaned.get("namespace") and cleaned.get("room"):
            self.add_error("room", _("Choose a namespace, a room, or neither: not both."))
        if "user" in self.fields:
            self._check_whom(cleaned)
        self._check_network(cleaned)
        expires_at = cleaned.get("expires_at")
        if expires_at and "expires_at" in self.changed_data and expires_at <= timezone.now():
            self.add_error("expires_at", IN_THE_PAST)
        return cleaned

    def _check_whom(self, cleaned: dict[str, Any]) -> None:
        names = ("user", "guest_id", "network")
        given = [name for name in names if cleaned.get(name)]
        if set(names) & set(self.errors):
            return
        if not given:
            self.add_error("user", _("Choose one: a user, a guest or a network."))
        for name in given[1:]:
            self.add_error(name, _("Choose one: a user, a guest or a network."))

    def _check_network(self, cleaned: dict[str, Any]) -> None:
        if not cleaned.get("network"):
            return
        try:
            problem = network_problem(parse_network(cleaned["network"]), self.own_address)
        except ValueError as error:
            problem = str(error)
        if problem:
            self.add_error("network", problem)


def network_problem(network: Network, own_address: str | None) -> str:
    """Say why a network may not be banned: it would hit the machine, its proxies or its moderator.

    ``""`` if it may.
    """
    if any(network.overlaps(loop) for loop in LOOPBACK if loop.version == network.version):
        return gettext("This network covers the machine itself.")
    proxies = [proxy for proxy in trusted_proxies() if proxy.version == network.version]
    if any(network.overlaps(proxy) for proxy in proxies):
        return gettext("This network covers a trusted proxy, and with it everybody behind it.")
    own = ip_address(own_address) if own_address else None
    if own is not None and own.version == network.version and own in network:
        return gettext("This network covers your own address, %(address)s.") % {"address": own}
    return ""


class InviteForm(forms.Form):
    """How many invitations, and what each is good for."""

    count = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=INVITATIONS_AT_ONCE, initial=1
    )
    max_uses = forms.IntegerField(
        label=_("Persons for each"),
        min_value=1,
        max_value=COUNT_MAX,
        required=False,
        initial=1,
        help_text=_("Empty: no limit."),
    )
    expires_at = forms.SplitDateTimeField(
        label=_("Until"),
        required=False,
        widget=AdminSplitDateTime(),
        help_text=_("Empty: until it is revoked."),
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MEMBER.value)
    label = forms.CharField(
        label=_("Label"),
        max_length=LABEL_MAX,
        required=False,
        help_text=_("For staff: whom they are for."),
    )

    def __init__(self, *args: Any, roles: Collection[str], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        field.choices = [choice for choice in Role.choices if choice[0] in roles]  # type: ignore[attr-defined]  # a choice field's
        # The field's label is of neither of its two inputs.
        parts = self.fields["expires_at"].widget.widgets
        parts[0].attrs["aria-label"] = _("Until, date")
        parts[1].attrs["aria-label"] = _("Until, time")

    def clean_expires_at(self) -> datetime | None:
        """Refuse an end in the past."""
        expires_at: datetime | None = self.cleaned_data.get("expires_at")
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError(IN_THE_PAST)
        return expires_at
