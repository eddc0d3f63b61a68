"""The moderators' events: kick, ban, mute, their undoing, roles, removals, invitations.

Each is a service of ``rooms.moderating``, asked as the person behind the socket; an eviction is
acknowledged once every process that lives has confirmed it. Source: DESIGN section 6.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import msgspec
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.exceptions import Refused
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from rooms import answers, moderating, requests
from rooms.even_time import in_even_time
from rooms.live import confirm_everywhere
from rooms.models.sanctions import REASON_MAX
from rooms.people import Person
from rooms.policy_values import Role
from rooms.powers import find_floor
from rooms.requests import InRoom
from rooms.rights import read_sanctions
from rooms.shapes import Shape
from rooms.site_paths import room_url

Result = TypeVar("Result")

# A century: nobody means more, and dates end.
SECONDS_MOST = 100 * 365 * 86_400


class OnPerson(msgspec.Struct, frozen=True):
    """An event about one person in a room."""

    room: str
    user: str


class Kick(msgspec.Struct, frozen=True):
    """``kick``: whom, and why."""

    room: str
    user: str
    reason: str | None = None


class BanPerson(msgspec.Struct, frozen=True):
    """``ban``: whom, why, how long, whether by address too, and what of theirs to remove."""

    room: str
    user: str
    reason: str | None = None
    for_s: float | None = None
    address: bool = False
    purge_s: float | None = None


class MutePerson(msgspec.Struct, frozen=True):
    """``mute``: whom, why, how long."""

    room: str
    user: str
    reason: str | None = None
    for_s: float | None = None


class SetRole(msgspec.Struct, frozen=True):
    """``setRole``: null ends the membership."""

    room: str
    user: str
    role: str | None


class RemoveMessage(msgspec.Struct, frozen=True):
    """``remove``: which message."""

    room: str
    id: str


class Invite(msgspec.Struct, frozen=True):
    """``invite``: how many invitations, and what each is good for."""

    room: str
    count: int = 1
    max_uses: int | None = 1
    expires_s: float | None = None
    role: str = Role.MEMBER.value


class ModeratorEvents(NamespaceConsumer):
    """What moderators may send, beside what everybody may."""

    _person: Person

    @event("kick", codes=answers.ON_PERSON_CODES)
    async def kick(self, request: Kick) -> answers.Done:
        """Put somebody out of a room; they may join again."""
        reason = _clean_reason(request.reason)
        await self._moderate(request.room, moderating.kick, request.user, reason=reason)
        return await self._confirmed()

    @event("ban", codes=answers.ON_PERSON_CODES)
    async def ban(self, request: BanPerson) -> answers.Done:
        """Keep somebody out of a room."""
        address = self._person.address
        await self._moderate(
            request.room,
            moderating.ban,
            request.user,
            reason=_clean_reason(request.reason),
            for_s=_clean_seconds(request.for_s, "for_s"),
            address=request.address,
            purge_s=_clean_seconds(request.purge_s, "purge_s"),
            spared=[str(address)] if address is not None else [],
        )
        return await self._confirmed()

    @event("unban", codes=answers.ON_PERSON_CODES)
    async def unban(self, request: OnPerson) -> answers.Done:
        """Let somebody in again, as the room's access would."""
        await self._moderate(request.room, moderating.unban, request.user)
        return {"ok": True}

    @event("mute", codes=answers.ON_PERSON_CODES)
    async def mute(self, request: MutePerson) -> answers.Done:
        """Let somebody read but not write."""
        await self._moderate(
            request.room,
            moderating.mute,
            request.user,
            reason=_clean_reason(request.reason),
            for_s=_clean_seconds(request.for_s, "for_s"),
        )
        return await self._told()

    @event("unmute", codes=answers.ON_PERSON_CODES)
    async def unmute(self, request: OnPerson) -> answers.Done:
        """Let somebody write again."""
        await self._moderate(request.room, moderating.unmute, request.user)
        return await self._told()

    @event("setRole", codes=answers.ON_PERSON_CODES)
    async def set_role(self, request: SetRole) -> answers.Done:
        """Make somebody a member, a moderator or an owner, or none of them any more."""
        if request.role is not None and request.role not in {role.value for role in Role}:
            raise requests.bad_request(_("There is no such role."), "role")
        await self._moderate(request.room, moderating.set_role, request.user, request.role)
        return await self._confirmed()

    @event("remove", codes=answers.REMOVE_CODES)
    async def remove(self, request: RemoveMessage) -> answers.Done:
        """Take a message's text away."""
        await self._moderate(request.room, moderating.remove_message, request.id)
        return {"ok": True}

    @event("invite", codes=answers.MODERATE_CODES)
    async def invite(self, request: Invite) -> answers.Invitations:
        """Make invitations; their tokens are shown this once."""
        expires_s = _clean_seconds(request.expires_s, "expires_s")
        if request.role not in {role.value for role in Role}:
            raise requests.bad_request(_("There is no such role."), "role")
        if request.max_uses is not None and not 1 <= request.max_uses <= requests.COUNT_MAX:
            raise requests.bad_request(_("An invitation is for one person at least."), "max_uses")
        expires_at = (
            timezone.now() + timedelta(seconds=expires_s) if expires_s is not None else None
        )
        name = requests.clean_name(request.room)
        made = await self._moderate(
            name,
            moderating.issue_invitations,
            request.count,
            max_uses=request.max_uses,
            expires_at=expires_at,
            role=request.role,
        )
        return {
            "ok": True,
            "invitations": [
                {
                    "id": str(row.pk),
                    "token": token,
                    "url": room_url(self.namespace, name, invitation=token),
                }
                for row, token in made
            ],
        }

    @event("sanctions", codes=answers.MODERATE_CODES)
    async def sanctions(self, request: str | InRoom) -> answers.Sanctions:
        """List who is banned from a room, and who may not write in it."""
        name = requests.room_named(request)
        person = self._person
        is_joined = name in self.rooms

        def read() -> tuple[list[Shape], list[Shape]]:
            floor = find_floor(self.namespace, name, person, is_joined=is_joined)
            return read_sanctions(floor.room.pk)

        bans, mutes = await in_even_time(read)
        return {
            "ok": True,
            "bans": cast("list[answers.Sanction]", bans),
            "mutes": cast("list[answers.Sanction]", mutes),
        }

    async def _moderate(
        self, room: str, act: Callable[..., Result], *args: object, **details: object
    ) -> Result:
        """Run one act in a room, as this socket's person."""
        name = requests.clean_name(room)
        person = self._person
        is_joined = name in self.rooms

        def run() -> Result:
            floor = find_floor(self.namespace, name, person, is_joined=is_joined)
            try:
                return act(floor, *args, **details)
            except ValidationError as error:
                raise _faulty(error) from None

        return await in_even_time(run)

    async def _told(self) -> answers.Done:
        """Answer once those concerned have heard of it, so that no later act comes before.

        What they may do hangs on what is stored: a process that does not answer changes nothing.
        """
        await confirm_everywhere(self.namespace)
        return {"ok": True}

    async def _confirmed(self) -> answers.Done:
        """Answer once nothing of the room reaches those who had to go, or ``busy``."""
        receipt = await confirm_everywhere(self.namespace)
        if receipt.missing:
            raise Refused("busy", _("It is done, but not every server has confirmed it yet."))
        return {"ok": True}


def _faulty(error: ValidationError) -> Refused:
    """Give a service's complaint as an event's answer."""
    if hasattr(error, "error_dict"):
        field, messages = next(iter(error.message_dict.items()))
        return requests.bad_request(messages[0], field)
    return requests.bad_request(error.messages[0], getattr(error, "code", None) or "room")


def _clean_reason(raw: str | None) -> str:
    reason = requests.clean_search(raw, "reason")
    if len(reason) > REASON_MAX:
        raise requests.bad_request(
            _("A reason has at most %(most)d characters.") % {"most": REASON_MAX}, "reason"
        )
    return reason


def _clean_seconds(value: float | None, field: str) -> float | None:
    if value is not None and not 0 < value <= SECONDS_MOST:
        raise requests.bad_request(_("Give a number of seconds above 0."), field)
    return value
