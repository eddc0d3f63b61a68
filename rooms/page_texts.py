"""The words that the pages' scripts show, in the visitor's language.

A text that counts comes in every form that a language may have: the script picks the one that the
browser's plural rules name, and never evaluates a rule that the server sent.
"""

from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from rooms.talk_texts import TALK_PLURALS, TALK_TEXTS

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as LazyText

# A count for each CLDR plural category at which every language that has the category uses it.
SAMPLES = {"zero": 0, "one": 1, "two": 2, "few": 3, "many": 11, "other": 100}

ACCESS_TEXTS: "dict[str, LazyText]" = {
    "open": _("Open"),
    "login": _("Account"),
    "password": _("Password"),
    "invitation": _("Invitation"),
    "members": _("Members"),
    "groups": _("Groups"),
}
STATE_TEXTS: "dict[str, LazyText]" = {
    "joined": _("Joined"),
    "locked": _("Locked"),
    "login_required": _("Sign in to join"),
    "password_required": _("Locked"),
    "invitation_required": _("Locked"),
    "not_a_member": _("Not for you"),
    "forbidden": _("Not for you"),
    "banned": _("You are banned"),
    "room_full": _("Full"),
    "room_closed": _("Closed"),
    "namespace_closed": _("Closed"),
}
# The sprite's pictures for them, where the lock says too little.
STATE_ICONS = {
    "locked": "lock",
    "joined": "check",
    "not_a_member": "stop",
    "forbidden": "stop",
    "banned": "stop",
    "room_full": "full",
    "room_closed": "closed",
    "namespace_closed": "closed",
}
TEXTS: "dict[str, LazyText]" = {
    **{f"access.{kind}": words for kind, words in ACCESS_TEXTS.items()},
    **{f"state.{code}": words for code, words in STATE_TEXTS.items()},
    "site": _("Roomkey"),
    "away": _("There is no connection right now."),
    "no_answer": _("The server did not answer in time."),
    "chip.connecting": _("Connecting"),
    "chip.reconnecting": _("Reconnecting"),
    "chip.live": _("Live"),
    "chip.polling": _("Live, by polling"),
    "chip.polling_why": _(
        "Something between here and the server keeps WebSockets away. Messages still come at once."
    ),
    "chip.live_again": _("Connected again."),
    "chip.offline": _("Offline"),
    "chip.refused": _("Not let in"),
    "chip.signed_out": _("Signed out"),
    "signed_out_words": _(
        "You are not signed in here any more. What you typed is kept in this tab: sign in to go on."
    ),
    "signed_in_words": _(
        "You have signed in since this page was made. Load it again to be yourself here."
    ),
    "signed_out": _("This page is no longer yours"),
    "load_again": _("Load the page again"),
    "namespace_refused": _("This namespace is not open to you"),
    "choose_room": _("Choose a room"),
    "no_rooms": _("There is no room here yet."),
    "no_room_found": _("No room has that in its name."),
    "joining": _("Joining {room}"),
    "namespace_closed": _("This namespace is closed right now"),
    "namespace_at": _("Namespace {path}"),
    "refused": _("You are not in {room}"),
    "refused.unknown_room": _("There is no such room here"),
    "refused.room_closed": _("{room} is closed right now"),
    "refused.room_full": _("{room} is full"),
    "refused.banned": _("You are banned from {room}"),
    "evicted": _("You were removed from {room}"),
    "evicted.room_closed": _("{room} has closed"),
    "evicted.banned": _("You were banned from {room}"),
    "evicted.signed_out": _("You are signed out"),
    "told.banned": _("You cannot come in, and hear nothing of what is said here."),
    "told.room_closed": _("Nobody can come in for now."),
    "told.room_full": _("All its places are taken."),
    "told.kicked": _("A moderator put you out. The others go on without you."),
    "over.room_closed": _("{room} is open again"),
    "over.namespace_closed": _("{room} is open again"),
    "over.room_full": _("There is a place in {room}"),
    "over.banned": _("You are not banned from {room} any more"),
    "over": _("{room} lets you in now"),
    "over_words.lifted": _("What kept you out does not hold any more."),
    "over_words": _("You waited for this: come in."),
    "watch": _("Watch for reopening"),
    "notify_me": _("Notify me when there is a place"),
    "watching": _("You will be told. Stop waiting"),
    "see_why": _("See why"),
    "missed_elsewhere": _("{room}: {words}"),
    "open_it": _("Join"),
    "you_left": _("You left {room}"),
    "you_left_words": _("The others have been told. You hear nothing of this room until you join."),
    "join": _("Join"),
    "join_again": _("Join again"),
    "join_heading": _("Join {room}"),
    "joining_now": _("Joining"),
    "join_in": _("Join in {time}"),
    "seconds": _("{seconds} s"),
    "no_attempts_left": _("That was the last try for now."),
    "too_many_attempts": _("Too many tries. Wait a little, then try again."),
    "asks.password": _("This room has a password."),
    "asks.invitation": _("This room is by invitation."),
    "asks.sign_in": _("This room asks who you are."),
    "nothing_given.password": _("Enter the room's password."),
    "nothing_given.invitation": _("Enter an invitation, or the link that carries it."),
    "bring.password": _("Enter the password"),
    "bring.invitation": _("Enter an invitation"),
    "try_again": _("Try again"),
    "reference": _("Reference for staff: {ref}"),
    "fact.reason": _("Reason"),
    "fact.until": _("Until"),
    "fact.opens": _("Opens"),
    "next.unknown_room": _("The list shows the rooms that are here."),
    "next.room_full": _("A place is free as soon as somebody leaves."),
    "next.room_closed": _("You can wait here: the page knows when it opens."),
    # A page outside hears nothing of it, unless it asks again and again.
    "next.namespace_closed": _("Watch for reopening, and this page comes back by itself."),
    "next.banned": _("If this is a mistake, ask one of its moderators or the site's staff."),
    "next.kicked": _("You may come back, if you keep to the rules of the room."),
    "next.invalid_invitation": _("Ask the one who invited you for a new one."),
    "next.not_a_member": _("Ask one of its moderators to make you a member."),
    "next.forbidden": _("Ask a moderator or the site's staff for access."),
    "next.invitation_required": _("Ask one of its moderators for an invitation."),
    "role.owner": _("Owners"),
    "role.moderator": _("Moderators"),
    "role.member": _("Members"),
    "role.visitor": _("Visitors"),
    "my_role.owner": _("You own this room"),
    "my_role.moderator": _("You moderate this room"),
    "my_role.member": _("You are a member"),
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "note.away": _("You were away. What was said meanwhile is not kept in this room."),
    "note.remade": _("This room was made anew; its earlier messages are gone."),
    "removed": _("This message was removed."),
    "sending": _("Sending"),
    "send_later": _("Waits for the connection"),
    "not_sent": _("Not sent. {reason}"),
    "to_latest": _("To the latest"),
    "write_to": _("Write to {room}"),
    "says": _("{name}: {text}"),
    "typing_one": _("{names} is typing"),
    "typing_some": _("{names} are typing"),
    "typing_many": _("Several people are typing"),
}
PLURALS: "dict[str, LazyText]" = {
    "people": ngettext_lazy("{count} person", "{count} people"),
    "people_of": ngettext_lazy("{count} of {capacity}", "{count} of {capacity}"),
    "unread": ngettext_lazy("{count} new", "{count} new"),
    "mentions": ngettext_lazy("{count} mention", "{count} mentions"),
    "new_messages": ngettext_lazy("{count} new message", "{count} new messages"),
    "devices": ngettext_lazy("{count} device", "{count} devices"),
    "joined": ngettext_lazy("{names} joined", "{names} joined"),
    "left": ngettext_lazy("{names} left", "{names} left"),
    "others": ngettext_lazy("{count} other", "{count} others"),
    "gap": ngettext_lazy(
        "{count} message is not shown here.", "{count} messages are not shown here."
    ),
    "gap_lost": ngettext_lazy(
        "{count} message is not kept any more.", "{count} messages are not kept any more."
    ),
    "caught_up": ngettext_lazy("{count} missed message loaded", "{count} missed messages loaded"),
    "characters_left": ngettext_lazy("{count} character left", "{count} characters left"),
    "too_long": ngettext_lazy("{count} character too many", "{count} characters too many"),
    "attempts_left": ngettext_lazy("{count} try left.", "{count} tries left."),
    "chip.waiting": ngettext_lazy("Reconnecting in {count} s", "Reconnecting in {count} s"),
}

# What the first page's scripts show: rows of rooms, and the state of the connection.
HOME_TEXTS = ("access.", "state.", "chip.", "people")


def page_texts(beginnings: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """Give ``{"lang", "texts": {key: text}, "plurals": {key: {category: text}}}``.

    Only texts whose keys begin with one of ``beginnings``.
    """
    texts, plurals = TEXTS | TALK_TEXTS, PLURALS | TALK_PLURALS
    return {
        "lang": get_language() or "en",
        "texts": {key: str(words) for key, words in texts.items() if key.startswith(beginnings)},
        "plurals": {
            key: _forms(words) for key, words in plurals.items() if key.startswith(beginnings)
        },
    }


def counted(key: str, count: int, **values: object) -> str:
    """Give the text of a count as the scripts would show it."""
    return str(PLURALS[key] % count).format(count=count, **values)


def _forms(words: "LazyText") -> dict[str, str]:
    # A lazy plural without a number in it is chosen, and not filled, by "%".
    forms = {category: str(words % count) for category, count in SAMPLES.items()}
    # Most languages have few forms: a category that is not named here reads as "other".
    other = forms["other"]
    return {key: form for key, form in forms.items() if key == "other" or form != other}
