"""What one person may do in one room, as a client has to know it to offer no more than that.

Synchronous units for the pool. Every act is decided again when it is asked for: this only tells
what would come of it now. Source: DESIGN section 6, the moderators' events; section 7, "Roles".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from realtime.exceptions import Refused
from rooms.findings import Findings
from rooms.gists import Gist, gist_of, inside
from rooms.likeness import SharedDecisions
from rooms.models import Ban, Connection, Mute, Room
from rooms.own_policies import with_laws_of
from rooms.pacing import Pacing
from rooms.people import NO_POWERS, Person, Standing, load_powers, load_standings, subject_of
from rooms.policy import decide
from rooms.policy_values import Action, Policy, Role
from rooms.powers import person_of
from rooms.ranks import rank, role_rank
from rooms.refusals import not_joined, refusal
from rooms.registry import FoundRoom, with_policies
from rooms.shapes import GUEST_PREFIX, Shape, instant, person_shape

# More bans or mutes of one room are looked through in the admin.
SANCTIONS_MOST = 200


@dataclass(frozen=True, slots=True)
class Rights:
    """What a person may do in a room; ``roles`` are those that they may give, the least first.

    ``rank`` is as in ``rooms.ranks``: they act on those who rank below. ``refused`` is what a
    message would be answered now, or None.
    """

    gist: Gist
    rank: int
    roles: tuple[str, ...]
    refused: Refused | None


def read_rights(
    name: str, person: Person, *, seated_in: int, policy: Policy | None = None
) -> Rights:
    """Give what somebody may do in the room that they are in; raises ``Refused``.

    ``policy`` is the application's own, in place of the row's.
    """
    found = next(iter(with_policies(Room.objects.filter(pk=seated_in))), None)
    if found is None or found.row.name != name:
        raise not_joined(name)
    policy = with_laws_of(policy, found.policy) if policy is not None else found.policy
    now = timezone.now()
    standing = load_standings({seated_in: policy}, [person]).get(
        (seated_in, person.key), Standing()
    )
    powers = load_powers(person.user_id) if person.user_id is not None else NO_POWERS
    subject = subject_of(person, replace(standing, powers=powers))
    gist = gist_of(policy, subject, SharedDecisions(inside(now)))
    paced = replace(inside(now), last_sent_at=_last_sent_at(found, policy, person, now))
    sending = decide(policy, subject, Action.SEND, paced)
    worth = rank(Findings(policy.namespace, policy, subject, now))
    return Rights(
        gist=gist,
        rank=worth,
        roles=_roles_to_give(worth) if gist.moderates else (),
        refused=None if sending.allowed else refusal(sending, name),
    )


def read_sanctions(room_id: int) -> tuple[list[Shape], list[Shape]]:
    """Give the bans and the mutes of persons that are in force in one room, the latest first."""
    now = timezone.now()
    return _sanctions(Ban, room_id, now), _sanctions(Mute, room_id, now)


def _roles_to_give(worth: int) -> tuple[str, ...]:
    given = (Role.MEMBER.value, Role.MODERATOR.value, Role.OWNER.value)
    return tuple(role for role in given if role_rank(role) <= worth)


def _last_sent_at(
    found: FoundRoom, policy: Policy, person: Person, now: datetime
) -> datetime | None:
    pacing = Pacing({found.row.pk: found}, now)
    return pacing.last_sent_at(found.row.pk, policy, person.key)


def _sanctions(model: type[Ban] | type[Mute], room_id: int, now: datetime) -> list[Shape]:
    # A network that was banned with a person goes when that person's ban does.
    rows = (
        model.objects.filter(room_id=room_id, network="")
        .in_force(now)
        .select_related("user", "created_by")
        .order_by("-created_at", "-pk")[:SANCTIONS_MOST]
    )
    found = list(rows)
    names = _guest_names({row.guest_id for row in found if row.guest_id})
    return [_sanction_shape(row, names) for row in found]


def _guest_names(guest_ids: Iterable[str]) -> dict[str, str]:
    known = Connection.objects.filter(guest_id__in=list(guest_ids))
    return dict(known.order_by().values_list("guest_id", "name"))


def _sanction_shape(row: Ban | Mute, names: dict[str, str]) -> Shape:
    if row.user is not None:
        user = person_of(row.user).shape
    else:
        key = f"{GUEST_PREFIX}{row.guest_id}"
        user = person_shape(key, names.get(row.guest_id, key))
    return {
        "user": user,
        "reason": row.reason,
        "until": instant(row.expires_at) if row.expires_at is not None else None,
        "by": person_of(row.created_by).name if row.created_by is not None else None,
    }
