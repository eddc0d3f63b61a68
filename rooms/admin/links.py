"""From what a decision names (``"ban:3"``, ``"room.is_open"``) to the admin page of that row."""

from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch, reverse

from rooms.models import Membership, Namespace, Room
from rooms.shapes import GUEST_PREFIX

# What a decision names, and the model whose row it is.
_MODELS = {"rule": "accessrule", "ban": "ban", "mute": "mute", "grant": "grant"}

# Of the greatest key that any database takes.
_KEY_DIGITS = 18


def is_key(text: str) -> bool:
    """Say whether a text that somebody may have typed could be the key of a row of ours."""
    return text.isdecimal() and len(text) <= _KEY_DIGITS


def admin_url(name: str, *args: object, **query: object) -> str:
    """Give one of our admin pages, with a query; values of None are left out."""
    url = reverse(f"admin:{name}", args=args)
    given = {key: value for key, value in query.items() if value not in {None, ""}}
    return f"{url}?{urlencode(given)}" if given else url


def rule_url(rule: str, room: Room | None, namespace: str, user_id: str | None) -> str:
    """Give the page of the row that ``rule`` names, or ``""`` where there is none to open."""
    kind, _colon, key = rule.partition(":")
    if kind in _MODELS and key:
        return admin_url(f"rooms_{_MODELS[kind]}_change", key)
    if kind == "superuser" or rule == "rooms.moderate_room":
        return _user_url(user_id)
    if kind.startswith("namespace"):
        row = Namespace.objects.filter(path=namespace).first()
        return admin_url("rooms_namespace_change", row.pk) if row else ""
    if room is not None and kind == "membership" and user_id is not None:
        member = Membership.objects.filter(room=room, user_id=user_id).first()
        if member is not None:
            return admin_url("rooms_membership_change", member.pk)
    if room is not None and kind.startswith(("room", "membership", "moderator")):
        return admin_url("rooms_room_change", room.pk)
    return ""


def named_in(key: str) -> dict[str, str]:
    """Give the field of a form that a person's id belongs into, with a user's name in its place.

    A name, since somebody may have chosen another's id as theirs.
    """
    if key.startswith(GUEST_PREFIX):
        return {"user": "", "guest": key}
    model = get_user_model()
    try:
        user = model._default_manager.filter(pk=key).first()  # noqa: SLF001 - any user model's
    except (ValueError, TypeError, ValidationError):  # no key of this user model
        user = None
    return {"user": user.get_username() if user is not None else key, "guest": ""}


def _user_url(user_id: str | None) -> str:
    options = get_user_model()._meta  # noqa: SLF001 - documented
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(user_id,))
    except NoReverseMatch:  # a project need not have its users in the admin
        return ""
