"""The admin's forms: what contradicts itself is refused at the field that has to change.

The database's constraints say the same once more, for what comes past a form.
"""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from rooms.models import Namespace, Room
from rooms.models.registry import NamespaceAccess, RoomAccess

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
            self.fields["new_password"].help_text = (
                _("A password is set. Write another to change it, or nothing to keep it.")
                if self.instance.password
                else _("No password is set.")
            )
        if not self.instance.password:
            self.fields.pop("clear_password", None)

    def clean(self) -> dict[str, Any]:
        """Refuse what contradicts itself, at the field that the person has to mend."""
        cleaned = super().clean() or {}
        self._check_groups(cleaned)
        self._check_password(cleaned)
        self._check_hours(cleaned)
        self._check_name(cleaned)
        return cleaned

    def save(self, commit: bool = True) -> Room:
        """Hash a new password, or drop the old one, and save the rest."""
        if self.cleaned_data.get("new_password"):
            self.instance.set_password(self.cleaned_data["new_password"])
        elif self.cleaned_data.get("clear_password"):
            self.instance.set_password(None)
        room: Room = super().save(commit)
        return room

    def _check_groups(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("access") == RoomAccess.GROUPS and not cleaned.get("groups"):
            self.add_error("groups", NO_GROUPS)

    def _check_password(self, cleaned: dict[str, Any]) -> None:
        new, clear = cleaned.get("new_password"), cleaned.get("clear_password")
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

    def _check_name(self, cleaned: dict[str, Any]) -> None:
        namespace, name = cleaned.get("namespace"), cleaned.get("name")
        if namespace is None or not name:
            return
        others = Room.objects.filter(namespace=namespace, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            self.add_error("name", _("This namespace has a room of this name already."))
