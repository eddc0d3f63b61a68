"""What a denial tells people: one sentence for each code, naming the room or the namespace.

Codes are for programs and never translated; the sentences are. Knows nothing of how it came to
the denial. Source: DESIGN section 6, "Codes".
"""

import math
from datetime import UTC, datetime
from enum import StrEnum

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Code(StrEnum):
    """The denials that a policy, or somebody with power over others, can come to."""

    UNKNOWN_ROOM = "unknown_room"
    LOGIN_REQUIRED = "login_required"
    PASSWORD_REQUIRED = "password_required"  # noqa: S105 - a code
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a code
    INVITATION_REQUIRED = "invitation_required"
    INVALID_INVITATION = "invalid_invitation"
    NOT_A_MEMBER = "not_a_member"
    FORBIDDEN = "forbidden"
    BANNED = "banned"
    MUTED = "muted"
    READ_ONLY = "read_only"
    ROOM_FULL = "room_full"
    ROOM_CLOSED = "room_closed"
    NAMESPACE_CLOSED = "namespace_closed"
    RATE_LIMITED = "rate_limited"
    NOT_JOINED = "not_joined"
    KICKED = "kicked"
    UNKNOWN_MESSAGE = "unknown_message"
    UNKNOWN_USER = "unknown_user"


SENTENCES = {
    Code.UNKNOWN_ROOM: _("Invalid Room Name: %(place)s"),
    Code.LOGIN_REQUIRED: _("Sign in to enter %(place)s."),
    Code.PASSWORD_REQUIRED: _("%(place)s has a password."),
    Code.WRONG_PASSWORD: _("That is not the password of %(place)s."),
    Code.INVITATION_REQUIRED: _("%(place)s is by invitation."),
    Code.INVALID_INVITATION: _("That invitation to %(place)s does not hold, or not any more."),
    Code.NOT_A_MEMBER: _("%(place)s is for its members."),
    Code.FORBIDDEN: _("Your account may not do this in %(place)s."),
    Code.BANNED: _("You are banned from %(place)s."),
    Code.MUTED: _("You can read but not write in %(place)s."),
    Code.READ_ONLY: _("Only moderators can write in %(place)s."),
    Code.ROOM_FULL: _("%(place)s is full."),
    Code.ROOM_CLOSED: _("%(place)s is closed right now."),
    Code.NAMESPACE_CLOSED: _("%(place)s is closed right now."),
    Code.RATE_LIMITED: _("Slow down: try again in %(place)s in %(seconds)s s."),
    Code.NOT_JOINED: _("You are not in the room %(place)s."),
    Code.KICKED: _("You were put out of %(place)s."),
    Code.UNKNOWN_MESSAGE: _("There is no such message in %(place)s."),
    Code.UNKNOWN_USER: _("There is nobody of this id: %(place)s"),
}


def denial_message(
    code: Code,
    place: str,
    *,
    until: datetime | None = None,
    stated_reason: str = "",
    retry_after_s: float = 0,
) -> str:
    """Say why ``place``, a room's name or a namespace's path, is denied, in the active language."""
    message = str(SENTENCES[code]) % {"place": place, "seconds": math.ceil(retry_after_s)}
    if until is not None:
        is_closed = code is Code.ROOM_CLOSED
        ending = (
            gettext("It opens on %(until)s.") if is_closed else gettext("This ends on %(until)s.")
        )
        message += " " + ending % {"until": _moment(until)}
    if stated_reason:
        message += " " + gettext("Reason: %(reason)s") % {"reason": stated_reason}
    return message


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
