"""What the steps of a decision say to people: staff read sentences, programs the stable words.

The words themselves (``"room open"``, ``"passed"``, ``"ban:3"``) are kept in records and never
translated.
"""

from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from rooms.models.registry import NamespaceAccess, RoomAccess
from rooms.models.roles import Role

_CHECKS = {
    "namespace exists": _("Is there such a namespace?"),
    "room exists": _("Is there such a room?"),
    "namespace open": _("Is the namespace open?"),
    "room open": _("Is the room open?"),
    "not banned": _("Is no ban against them?"),
    "no rule against join": _("Is no rule against their joining?"),
    "no rule against send": _("Is no rule against their writing?"),
    "no rule against moderate": _("Is no rule against their moderating?"),
    "namespace access": _("Does the namespace let them in?"),
    "member or moderator": _("Does anything about them let them in?"),
    "room access": _("Does the room's access let them in?"),
    "capacity": _("Is there a place left?"),
    "joined": _("Are they in the room?"),
    "not muted": _("Is no mute against them?"),
    "may write": _("May others than moderators write?"),
    "slow mode": _("Is their last message long enough ago?"),
    "moderator": _("Are they a moderator?"),
}
_OUTCOMES = {"passed": _("yes"), "admitted": _("yes, which decides"), "denied": _("no")}
_RULES = {
    "superuser": _("superuser"),
    "rooms.moderate_room": _("may moderate all rooms"),
    "namespace": _("no such namespace"),
    "room": _("no such room"),
    "namespace.is_open": _("The namespace is closed"),
    "room.is_open": _("The room is closed"),
    "room.opens_at, room.closes_at": _("The room's hours"),
    "room.capacity": _("The room's capacity"),
    "room.is_read_only": _("The room is read-only"),
    "room.slow_mode_s": _("The room's slow mode"),
    "joined": _("not in the room"),
    "moderator": _("no moderator"),
    "kick": _("kicked"),
    "max_rooms": _("in too many rooms"),
    "password_tries": _("too many tries at the password"),
}
# With a key or a value behind the colon.
_NUMBERED = {
    "ban": gettext_lazy("ban %(key)s"),
    "mute": gettext_lazy("mute %(key)s"),
    "rule": gettext_lazy("access rule %(key)s"),
    "grant": gettext_lazy("grant %(key)s"),
    "membership": gettext_lazy("role: %(key)s"),
    "namespace.access": gettext_lazy("The namespace's access: %(key)s"),
    "room.access": gettext_lazy("The room's access: %(key)s"),
}
_KEY_LABELS = {
    "membership": dict(Role.choices),
    "namespace.access": dict(NamespaceAccess.choices),
    "room.access": dict(RoomAccess.choices),
}


def check_text(check: str) -> str:
    """Give the question that a step asks; a check that this release does not know as it is."""
    return str(_CHECKS.get(check, check))


def outcome_text(check: str, outcome: str) -> str:
    """Give what came of a step."""
    if (check, outcome) == ("member or moderator", "passed"):
        # Nothing about them does: the next step asks the room's own access.
        return gettext("no, so the room is asked")
    return str(_OUTCOMES.get(outcome, outcome))


def rule_text(rule: str) -> str:
    """Give what decided in words."""
    kind, colon, key = rule.partition(":")
    if colon and kind in _NUMBERED:
        return str(_NUMBERED[kind]) % {"key": _KEY_LABELS.get(kind, {}).get(key, key)}
    return str(_RULES.get(rule, rule))
