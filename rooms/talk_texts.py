"""The words that the scripts of talking show: messages, private talk, menus, moderation.

``rooms.page_texts`` hands them to the page with its own.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as LazyText

TALK_TEXTS: "dict[str, LazyText]" = {
    "log_start.room": _("This is where {name} begins, as far as its messages are kept."),
    "log_empty.room": _("Nothing has been said in {name} yet. Say the first word."),
    "log_silent.room": _("Nothing has been said in {name} yet."),
    "log_start.private": _("This is where you and {name} began to write to each other."),
    "log_empty.private": _("What you write here goes to {name} alone."),
    "may_write": _("You can write here again."),
    "open_until": _("Open until {until}."),
    "read_only": _("Only moderators can write here. You can read along."),
    "muted": _("You can read but not write here until a moderator lifts that."),
    "muted_until": _("You can read but not write here until {until}."),
    "muted_in_until": _("You can read but not write in {room} until {until}."),
    "is_muted": _("muted"),
    "is_muted_until": _("muted until {until}"),
    "fact.by": _("by {name}"),
    "reason_is": _("Reason: {reason}"),
    "until_is": _("Until {until}"),
    # Menus.
    "menu.message": _("Actions for a message of {name}"),
    "menu.person": _("Actions for {name}"),
    "menu.copy": _("Copy text"),
    "menu.mention": _("Mention {name}"),
    "menu.private": _("Write to {name} in private"),
    "menu.block": _("Block {name}"),
    "menu.unblock": _("Unblock {name}"),
    "menu.remove": _("Remove message…"),
    "menu.mute": _("Mute…"),
    "menu.unmute": _("Let them write again"),
    "menu.role": _("Change role…"),
    "menu.kick": _("Remove from room…"),
    "menu.ban": _("Ban…"),
    "menu.invite": _("Invite people…"),
    "menu.sanctions": _("Bans and mutes…"),
    "moderate": _("Moderate this room"),
    "copied": _("Copied."),
    "not_copied": _("The browser did not let the text be copied. Select it and copy it by hand."),
    # Moderation.
    "act.kick": _("Remove {name} from {room}?"),
    "act.kick.words": _("They are put out at once and may join again."),
    "act.kick.do": _("Remove"),
    "act.mute": _("Mute {name}?"),
    "act.mute.words": _("They can read {room} but not write in it. They are told."),
    "act.mute.do": _("Mute"),
    "act.ban": _("Ban {name} from {room}?"),
    "act.ban.words": _("They are put out at once and cannot come back until the ban ends."),
    "act.ban.do": _("Ban"),
    "act.setRole": _("The role of {name}"),
    "act.setRole.words": _("What they are in {room}. It holds at once."),
    "act.setRole.do": _("Change role"),
    "act.remove": _("Remove this message of {name}?"),
    "act.remove.words": _("Everybody sees that it was removed; nobody can read it any more."),
    "act.remove.do": _("Remove"),
    "done.kick": _("{name} was removed from the room."),
    "done.mute": _("{name} is muted."),
    "done.unmute": _("{name} can write again."),
    "done.ban": _("{name} is banned."),
    "done.unban": _("{name} is not banned any more."),
    "done.setRole": _("The role of {name} was changed."),
    "done.remove": _("The message was removed."),
    "done.block": _("You get no more private messages from {name}."),
    "done.unblock": _("{name} can write to you in private again."),
    "for.10_minutes": _("10 minutes"),
    "for.1_hour": _("1 hour"),
    "for.1_day": _("1 day"),
    "for.1_week": _("1 week"),
    "for.without_end": _("Without an end"),
    "purge.nothing": _("Nothing"),
    "purge.1_hour": _("The last hour"),
    "purge.1_day": _("The last day"),
    "a_role.owner": _("Owner"),
    "a_role.moderator": _("Moderator"),
    "a_role.member": _("Member"),
    "a_role.none": _("No role"),
    "sanctions": _("Bans and mutes in {room}"),
    "lift_ban": _("Lift the ban"),
    "lift_mute": _("Lift the mute"),
    "invite.heading": _("Invite people to {room}"),
    # Private talk.
    "private": _("Private"),
    "private_off": _("Private messages are turned off in this namespace."),
    "private_sign_in": _("Sign in to write to {name} in private. Guests cannot."),
    "private_guest": _("{name} is a guest, and guests get no private messages."),
    "private_refused": _("You cannot write to {name} in private here."),
    "somebody": _("Somebody"),
    "says_private": _("{name} writes in private: {text}"),
    "you_block": _("You block {name}: they cannot write to you in private."),
    "is_blocked": _("blocked"),
}
TALK_PLURALS: "dict[str, LazyText]" = {
    "members_more": ngettext_lazy(
        "and {count} more who is not listed", "and {count} more who are not listed"
    ),
    "slow_mode_terms": ngettext_lazy(
        "Slow mode: one message a second.", "Slow mode: one message every {count} s."
    ),
    "slow_mode": ngettext_lazy(
        "Slow mode: you can write again in {count} second.",
        "Slow mode: you can write again in {count} seconds.",
    ),
    "copied_links": ngettext_lazy("{count} link copied.", "{count} links copied."),
    "invite.made": ngettext_lazy("{count} invitation made.", "{count} invitations made."),
}
