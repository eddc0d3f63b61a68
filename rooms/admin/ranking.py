"""Who of the staff ranks above whom: nobody acts on one who ranks as high, or grants more."""

from typing import Any

from django.utils import timezone

from rooms.explaining import person_of
from rooms.findings import Findings
from rooms.models import Room
from rooms.people import PERMISSION, Standing, load_powers, load_standings, subject_of
from rooms.policy_values import Role
from rooms.ranks import SITE, STRANGER, rank, role_rank
from rooms.registry import with_policies


def rank_in(user: Any, room: Room | None) -> int:  # noqa: ANN401 - any user model's
    """Give a user's rank in a room; with None, where only those count who look after all."""
    if user.has_perm(PERMISSION):
        return SITE
    if room is None:
        return STRANGER
    (found,) = with_policies(Room.objects.filter(pk=room.pk))
    person = person_of(user)
    standing = load_standings({room.pk: found.policy}, [person]).get(
        (room.pk, person.key), Standing()
    )
    powers = load_powers(person.key)
    subject = subject_of(person, Standing(standing.role, standing.grants, powers))
    return rank(Findings(found.policy.namespace, found.policy, subject, timezone.now()))


def outranks(actor: Any, user: Any, room: Room | None) -> bool:  # noqa: ANN401 - any user model's
    """Say whether ``actor`` may act on ``user``: with a room there, else everywhere."""
    return rank_in(actor, room) > rank_in(user, room)


def roles_to_give(actor: Any, room: Room) -> list[str]:  # noqa: ANN401 - any user model's
    """Give the roles that are no more than ``actor`` has."""
    most = rank_in(actor, room)
    return [role.value for role in Role if role_rank(role.value) <= most]
