"""What moderators do to people and messages: each act one transaction, audited, told on commit.

With an ``actor`` (a user or a Person) ranks are asked and ``Refused`` is raised; without one it is
the site that acts. Rows evict: whoever has to know that nobody is left asks ``rooms.live`` after
the commit. Source: DESIGN section 6, the moderators' events; section 7, "Roles".
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from realtime.conf import trusted_proxies
from realtime.exceptions import Refused
from rooms.banning import ALL_MESSAGES, BanOrder, ban_together, network_of
from rooms.denials import Code, denial_message
from rooms.models import (
    Ban,
    Connection,
    DecisionRecord,
    Grant,
    Invitation,
    Membership,
    Message,
    Mute,
    Room,
    Seat,
)
from rooms.models.people import GrantQuerySet
from rooms.models.records import RecordKind
from rooms.models.sanctions import REASON_MAX
from rooms.networks import Network
from rooms.people import Person
from rooms.policy_values import Role
from rooms.powers import Floor, Whom, person_of, take_floor
from rooms.ranks import role_rank
from rooms.records import keep_act
from rooms.shapes import GUEST_PREFIX
from rooms.versions import raise_versions

INVITATIONS_AT_ONCE = 100
# A century.
PURGE_MOST_S = 100 * 365 * 86_400

Actor = AbstractBaseUser | Person | None
# A floor that was found brings its own actor.
Where = Room | int | Floor


def kick(room: Where, whom: Whom, *, reason: str = "", actor: Actor = None) -> None:
    """Put somebody out of a room, all their sockets; what let them in has to be given again."""
    with transaction.atomic():
        floor, target = take_floor(room, actor, about=whom), person_of(whom)
        floor.require_power_over(target)
        _put_out(floor, Q(person_key=target.key), reason)
        _grants(floor.room, target).revoke(floor.now)
        audit("kick", floor, _("Kicked %(name)s.") % {"name": target.name}, target)


def evict_everybody(room: Where, *, reason: str = "", actor: Actor = None) -> None:
    """Put everybody out of a room; they may join again."""
    with transaction.atomic():
        floor = take_floor(room, actor)
        _put_out(floor, Q(), reason)
        audit("evict_everybody", floor, _("Put everybody out."))


def ban(
    room: Where,
    whom: Whom,
    *,
    for_s: float | None = None,
    reason: str = "",
    address: bool = False,
    purge_s: float | None = None,
    spared: Sequence[str] = (),
    actor: Actor = None,
) -> list[Ban]:
    """Ban somebody from a room, in place of an earlier ban; give the bans' rows.

    ``for_s`` without end if None. ``address`` bans guests from the addresses that they are
    connected from, too, unless one of ``spared`` is in them; raises ``ValidationError`` then.
    ``purge_s`` removes what they wrote there in so many seconds.
    """
    with transaction.atomic():
        floor, target = take_floor(room, actor, about=whom), person_of(whom)
        floor.require_power_over(target)
        _lift(Ban, floor, target)
        networks = _networks_of(target, spared) if address else []
        order = BanOrder(
            persons=(target,),
            room=floor.room,
            expires_at=_until(floor.now, for_s),
            reason=reason,
            purge=_span(purge_s),
        )
        orders = [order, *(_network_order(order, network) for network in networks)]
        pks = [pk for one in orders for pk in ban_together(one, floor.now, _user_of(floor)).ban_ids]
    return list(Ban.objects.filter(pk__in=pks))


def unban(room: Where, whom: Whom, *, actor: Actor = None) -> int:
    """Lift somebody's bans of a room, with those of addresses that came with them; say how many."""
    with transaction.atomic():
        floor, target = take_floor(room, actor, about=whom), person_of(whom)
        floor.require_power_over(target)
        lifted = _lift(Ban, floor, target)
        if lifted:
            audit("unban", floor, _("Lifted the ban of %(name)s.") % {"name": target.name}, target)
    return lifted


def mute(
    room: Where,
    whom: Whom,
    *,
    for_s: float | None = None,
    reason: str = "",
    actor: Actor = None,
) -> Mute:
    """Let somebody read but not write in a room, in place of an earlier mute."""
    with transaction.atomic():
        floor, target = take_floor(room, actor, about=whom), person_of(whom)
        floor.require_power_over(target)
        _lift(Mute, floor, target)
        row = Mute(
            room=floor.room,
            user_id=target.user_id,
            guest_id=target.guest_id or "",
            reason=reason,
            expires_at=_until(floor.now, for_s),
            created_by_id=_user_id(floor),
            created_at=floor.now,
        )
        row.full_clean(exclude=["room", "user", "created_by"])
        row.save()
        audit("mute", floor, _("Muted %(name)s.") % {"name": target.name}, target)
    return row


def unmute(room: Where, whom: Whom, *, actor: Actor = None) -> int:
    """Lift somebody's mutes of a room; say how many."""
    with transaction.atomic():
        floor, target = take_floor(room, actor, about=whom), person_of(whom)
        floor.require_power_over(target)
        lifted = _lift(Mute, floor, target)
        if lifted:
            audit("unmute", floor, _("Let %(name)s write.") % {"name": target.name}, target)
    return lifted


def set_role(
    room: Where, whom: Whom, role: str | None, *, actor: Actor = None
) -> Membership | None:
    """Give a user a role in a room, or with None end the membership; give what is there then.

    Raises ``ValidationError`` for an unknown role and for a guest, who has none, and
    ``Room.DoesNotExist``.
    """
    if role is not None and role not in {known.value for known in Role}:
        raise ValidationError(_("There is no such role."), code="role")
    with transaction.atomic():
        floor, target = take_floor(room, actor, about=whom), person_of(whom)
        if target.user_id is None:
            raise ValidationError(_("Only a user has a role in a room."), code="user")
        floor.require_power_over(target)
        if role is not None:
            floor.require_role_to_give(role)
        held = Membership.objects.filter(room=floor.room, user_id=target.user_id).first()
        if (held.role if held is not None else None) == role:
            return held
        whose = {"name": target.name, "role": role}
        if role is None:
            if held is not None:
                held.delete()
            audit("set_role", floor, _("Ended the membership of %(name)s.") % whose, target)
            return None
        row = held or Membership(room=floor.room, user_id=target.user_id)
        row.role = role
        row.save()
        audit("set_role", floor, _("Made %(name)s %(role)s.") % whose, target)
    return row


def remove_message(room: Where, message_id: str | int, *, actor: Actor = None) -> None:
    """Take a message's text away; it keeps its place. One that is removed already stays so.

    Raises ``Refused("unknown_message")``.
    """
    with transaction.atomic():
        floor = take_floor(room, actor)
        rows = Message.objects.filter(room=floor.room)
        try:
            row = rows.filter(pk=message_id).first()
        except (ValueError, OverflowError):  # no key of ours
            row = None
        if row is None:
            name = floor.room.name
            raise Refused(
                Code.UNKNOWN_MESSAGE.value,
                denial_message(Code.UNKNOWN_MESSAGE, name),
                room=name,
                field="id",
            )
        if row.author_key and not _is_gone(row):
            floor.require_power_over(person_of(row.author_key), but_self=True)
        if row.removed_at is not None:
            return
        row.removed_at = floor.now
        row.removed_by_id = _user_id(floor)
        row.save(update_fields=["removed_at", "removed_by"])
        audit("remove", floor, _("Removed message %(offset)d.") % {"offset": row.offset})


def clear_history(room: Where, *, actor: Actor = None) -> int:
    """Delete all messages of a room; offsets go on from where they are. Say how many."""
    with transaction.atomic():
        floor = take_floor(room, actor)
        count = Message.objects.filter(room=floor.room).delete()[0]
        audit("clear_history", floor, _("Deleted %(count)d messages.") % {"count": count})
    return count


def issue_invitations(
    room: Where,
    count: int = 1,
    *,
    max_uses: int | None = 1,
    expires_at: datetime | None = None,
    role: str = Role.MEMBER.value,
    label: str = "",
    actor: Actor = None,
) -> list[tuple[Invitation, str]]:
    """Make so many invitations alike, each with its token, which nobody can read again.

    Raises ``ValidationError`` for what no invitation may be.
    """
    if not 1 <= count <= INVITATIONS_AT_ONCE:
        raise ValidationError(
            _("Make 1 to %(most)d invitations at once.") % {"most": INVITATIONS_AT_ONCE},
            code="count",
        )
    with transaction.atomic():
        floor = take_floor(room, actor)
        floor.require_role_to_give(role)
        made = [
            Invitation.objects.issue(
                floor.room,
                max_uses=max_uses,
                expires_at=expires_at,
                role=role,
                label=label,
                created_by_id=_user_id(floor),
            )
            for _number in range(count)
        ]
        audit("invite", floor, _("Made %(count)d invitations.") % {"count": count})
    return made


def revoke_invitation(
    invitation: Invitation | int, *, removes_members: bool = False, actor: Actor = None
) -> list[str]:
    """Revoke an invitation: what it granted ends. Give the keys of members that were spared.

    ``removes_members`` ends the memberships of those who came in by it, too, where they rank
    below the actor.
    """
    with transaction.atomic():
        pk = invitation if isinstance(invitation, int) else invitation.pk
        row = Invitation.objects.select_for_update().get(pk=pk)
        floor = take_floor(row.room_id, actor)
        if row.revoked_at is None:
            row.revoked_at = floor.now
            row.save(update_fields=["revoked_at"])
            audit("revoke", floor, _("Revoked the invitation %(what)s.") % {"what": row})
        return _remove_members(floor, row) if removes_members else []


def _remove_members(floor: Floor, invitation: Invitation) -> list[str]:
    users = invitation.grants.filter(user__isnull=False).values("user_id")
    spared = []
    for membership in Membership.objects.filter(room=floor.room, user_id__in=users):
        target = person_of(str(membership.user_id))
        try:
            floor.require_power_over(target)
        except Refused:
            spared.append(target.key)
            continue
        if role_rank(membership.role) > role_rank(invitation.role):
            spared.append(target.key)  # somebody has raised them since
            continue
        membership.delete()
    return spared


def audit(act: str, floor: Floor, message: str, target: Person | None = None) -> None:
    """Keep what somebody did, and to whom."""
    keep_act(
        DecisionRecord(
            kind=RecordKind.MODERATION,
            namespace=floor.room.namespace.path,
            room=floor.room.name,
            user_id=target.user_id if target is not None else None,
            person_key=target.key if target is not None else "",
            name=target.name if target is not None else "",
            actor_id=_user_id(floor),
            allowed=True,
            message=message,
            rule=act,
            created_at=floor.now,
            last_at=floor.now,
        )
    )


def _put_out(floor: Floor, whose: Q, reason: str) -> None:
    if len(reason) > REASON_MAX:
        raise ValidationError(
            _("A reason has at most %(most)d characters.") % {"most": REASON_MAX}, code="reason"
        )
    # In the order of their keys, so that two acts on the same seats never wait in a circle.
    seats = Seat.objects.filter(whose, room=floor.room).order_by("pk")
    pks = list(seats.select_for_update(no_key=True).values_list("pk", flat=True))
    Seat.objects.filter(pk__in=pks).update(kicked_at=floor.now, kick_reason=reason)
    raise_versions(floor.room.namespace.path)


def _grants(room: Room, person: Person) -> GrantQuerySet:
    return Grant.objects.of_person(person.user_id, person.guest_id).filter(room=room)


def _lift(model: type[Ban] | type[Mute], floor: Floor, target: Person) -> int:
    """Delete what is against somebody in this room alone, and networks of the same act."""
    here = model.objects.filter(room=floor.room)
    rows = list(here.of_person(target.user_id, target.guest_id))
    acts = Q()
    for row in rows:
        acts |= Q(created_at=row.created_at, created_by_id=row.created_by_id) & ~Q(network="")
    if rows:
        rows += here.filter(acts)
    for row in rows:
        row.delete()
    return len(rows)


def _networks_of(target: Person, spared: Sequence[str]) -> list[Network]:
    """Give the networks that somebody is connected from; ``ValidationError`` for a delicate one."""
    if target.user_id is not None:
        live = Connection.objects.filter(user_id=target.user_id)
    else:
        live = Connection.objects.filter(guest_id=target.guest_id)
    addresses = set(live.exclude(address=None).values_list("address", flat=True))
    networks = {network_of(address) for address in addresses if address is not None}
    for network in networks:
        _refuse_delicate(network, spared)
    return sorted(networks, key=str)


def _refuse_delicate(network: Network, spared: Sequence[str]) -> None:
    """Refuse to ban the machine itself, a proxy with everybody behind it, or a spared address."""
    protected: list[IPv4Network | IPv6Network] = [
        ip_network("127.0.0.0/8"),
        ip_network("::1"),
        *trusted_proxies(),
        *(ip_network(ip_address(address)) for address in spared),
    ]
    if any(network.version == one.version and network.overlaps(one) for one in protected):
        raise ValidationError(
            _("The address %(network)s is the server's, a proxy's or your own.")
            % {"network": network},
            code="address",
        )


def _network_order(order: BanOrder, network: Network) -> BanOrder:
    return BanOrder(
        network=network, room=order.room, expires_at=order.expires_at, reason=order.reason
    )


def _until(now: datetime, for_s: float | None) -> datetime | None:
    if for_s is None:
        return None
    if not for_s > 0:  # nor NaN, which is neither above nor below
        raise ValidationError(_("Give a number of seconds above 0."), code="for_s")
    try:
        return now + timedelta(seconds=for_s)
    except OverflowError:
        raise ValidationError(_("That is too long: leave it out."), code="for_s") from None


def _span(seconds: float | None) -> timedelta | None:
    if seconds is None:
        return None
    if not seconds > 0:
        raise ValidationError(_("Give a number of seconds above 0."), code="purge_s")
    # Beyond what any message's age is it is all of them: no instant lies so far back.
    return timedelta(seconds=seconds) if seconds <= PURGE_MOST_S else ALL_MESSAGES


def _user_of(floor: Floor) -> AbstractBaseUser | None:
    if floor.actor_id is None:
        return None
    users = get_user_model()._default_manager  # noqa: SLF001 - any user model's
    return users.get(pk=floor.actor_id)


def _user_id(floor: Floor) -> int | None:
    # Keys are text on their way; the database turns them back.
    return floor.actor_id  # type: ignore[return-value]


def _is_gone(row: Message) -> bool:
    """Say whether the author was a user who is deleted."""
    return row.user_id is None and not row.author_key.startswith(GUEST_PREFIX)
