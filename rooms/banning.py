"""One act of banning: account, guest and network at once, with what they wrote; and its undoing.

Synchronous, in a transaction, audited; the rows that it writes are what evicts. Trusts its
caller: whether somebody may is asked before. Source: DESIGN section 7, "Bans".
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import of
from rooms.impact import Attendance, Places, find_attendances
from rooms.models import Ban, DecisionRecord, Grant, Message, Mute, Namespace, Room
from rooms.models.people import GrantQuerySet
from rooms.models.records import RecordKind
from rooms.networks import Network, parse_network
from rooms.people import Person

ALL_MESSAGES = timedelta.max


@dataclass(frozen=True, slots=True)
class BanOrder:
    """Whom to ban, where, until when, and which of their messages to remove.

    A ``room``, a ``namespace``, or neither: everywhere. ``purge`` removes messages of so long
    before now; ``ALL_MESSAGES`` all of them.
    """

    persons: tuple[Person, ...] = ()
    network: Network | None = None
    guests_only: bool = True
    room: Room | None = None
    namespace: Namespace | None = None
    expires_at: datetime | None = None
    reason: str = ""
    purge: timedelta | None = None

    @property
    def places(self) -> Places:
        """Where it holds."""
        if self.room is not None:
            return Places(room_ids=frozenset({self.room.pk}))
        if self.namespace is not None:
            return Places(namespaces=frozenset({self.namespace.path}))
        return Places(is_everywhere=True)


@dataclass(frozen=True, slots=True)
class Banned:
    """What an act has done: the bans' keys, and how many messages were removed."""

    ban_ids: tuple[int, ...]
    removed: int


def find_concerned(order: BanOrder, now: datetime) -> list[Attendance]:
    """Give the sockets that would go, one for each person and room: named ones first."""
    named = {person.key for person in order.persons}
    concerned = [at for at in find_attendances(now, order.places) if _concerns(order, named, at)]
    firsts = {(at.person.key, at.room_id): at for at in reversed(concerned)}
    return sorted(
        firsts.values(), key=lambda at: (at.person.key not in named, at.person.name, at.room)
    )


def ban_together(order: BanOrder, now: datetime, actor: AbstractBaseUser | None) -> Banned:
    """Ban, take back grants and remove messages in one transaction; sockets hear on commit.

    Raises ``ValidationError`` for what no ban may be.
    """
    with transaction.atomic():
        bans = [_ban(order, now, actor, person=person) for person in order.persons]
        if order.network is not None:
            bans.append(_ban(order, now, actor, network=str(order.network)))
        for ban in bans:
            ban.full_clean()
            ban.save()
        _grants(order).revoke(now)
        removed = _remove_messages(order, now, actor) if order.purge is not None else 0
        for ban in bans:
            audit_sanction(ban, actor, now, _("Banned %(whom)s.") % {"whom": ban})
    return Banned(tuple(ban.pk for ban in bans), removed)


def undo_bans(bans: Sequence[Ban], now: datetime, actor: AbstractBaseUser | None) -> int:
    """Lift bans of one act and bring back the messages that it removed; say how many.

    Taken-back grants stay so: whoever had one gives the password once more.
    """
    with transaction.atomic():
        restored = 0
        for ban in bans:
            removed = Message.objects.filter(
                removed_at=ban.created_at, removed_by_id=ban.created_by_id
            )
            restored += removed.update(removed_at=None, removed_by=None)
            audit_sanction(ban, actor, now, _("Lifted the ban of %(whom)s.") % {"whom": ban})
            ban.delete()
    return restored


def _concerns(order: BanOrder, named: Collection[str], at: Attendance) -> bool:
    if at.person.key in named:
        return True
    if order.network is None or at.person.address is None:
        return False
    is_spared = order.guests_only and at.person.user_id is not None
    return not is_spared and at.person.address in order.network


def _ban(
    order: BanOrder,
    now: datetime,
    actor: AbstractBaseUser | None,
    *,
    person: Person | None = None,
    network: str = "",
) -> Ban:
    return Ban(
        room=order.room,
        namespace=order.namespace,
        user_id=person.user_id if person is not None else None,
        guest_id=(person.guest_id or "") if person is not None else "",
        network=network,
        guests_only=order.guests_only,
        reason=order.reason,
        expires_at=order.expires_at,
        created_by_id=actor.pk if actor is not None else None,
        created_at=now,
    )


def _grants(order: BanOrder) -> GrantQuerySet:
    """Find what let the named persons in, in the places that the order is for."""
    held = _holders(order.persons)
    return Grant.objects.filter(held & _in_places(order)) if held else Grant.objects.none()


def _holders(persons: Iterable[Person]) -> Q:
    held = Q()
    for person in persons:
        held |= (
            Q(user_id=person.user_id) if person.user_id is not None else Q(guest_id=person.guest_id)
        )
    return held


def _in_places(order: BanOrder) -> Q:
    if order.room is not None:
        return Q(room=order.room)
    return Q(room__namespace=order.namespace) if order.namespace is not None else Q()


def _remove_messages(order: BanOrder, now: datetime, actor: AbstractBaseUser | None) -> int:
    """Mark what the named persons wrote there as removed, and tell each room on commit."""
    written = Message.objects.filter(
        _in_places(order),
        author_key__in={person.key for person in order.persons},
        removed_at=None,
        # What two wrote to each other in private is no moderator's.
        room__pair="",
    )
    if order.purge is not None and order.purge != ALL_MESSAGES:
        written = written.filter(created_at__gte=now - order.purge)
    rows = list(written.values_list("pk", "offset", "room__name", "room__namespace__path"))
    Message.objects.filter(pk__in=[pk for pk, *_rest in rows]).update(
        removed_at=now, removed_by_id=actor.pk if actor is not None else None
    )
    for pk, offset, room, namespace in rows:
        _tell_removed(namespace, {"room": room, "id": str(pk), "offset": offset})
    return len(rows)


def _tell_removed(namespace: str, shape: dict[str, object]) -> None:
    try:
        of(namespace).in_(str(shape["room"])).emit("messageRemoved", shape)
    except UsageError:
        # This process reaches no sockets; history says that it was removed.
        return


def audit_sanction(
    row: Ban | Mute, actor: AbstractBaseUser | None, now: datetime, message: str
) -> None:
    """Keep who banned or muted whom, or lifted that."""
    guest_key = f"guest:{row.guest_id}" if row.guest_id else ""
    place = row.room.namespace if row.room else row.namespace
    DecisionRecord.objects.create(
        kind=RecordKind.MODERATION,
        namespace=place.path if place else "",
        room=row.room.name if row.room else "",
        user_id=row.user_id,
        person_key=str(row.user_id or guest_key),
        name=str(row.user or row.guest_id or row.network),
        actor_id=actor.pk if actor is not None else None,
        allowed=True,
        message=message,
        rule=f"{row._meta.model_name}:{row.pk}",  # noqa: SLF001 - documented
        created_at=now,
        last_at=now,
    )


def network_of(address: str) -> Network:
    """Give the network that one subscriber holds: an IPv4 address, or the /64 of an IPv6 one."""
    network = parse_network(address)
    return network if network.version == 4 else network.supernet(new_prefix=64)  # noqa: PLR2004
