"""Django's own question about one room: ``user.has_perm("rooms.moderate_room", room)``.

Gives no permission without an object: that is what ``moderate_room`` in Django's tables is for.
"""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.utils import timezone

from rooms.models import Room
from rooms.people import PERMISSION, Standing, load_powers, load_standings, subject_of
from rooms.policy import decide
from rooms.policy_values import Action, Credentials
from rooms.powers import person_of
from rooms.registry import with_policies


class RoomBackend(BaseBackend):
    """Says who moderates which room, by the same ``decide`` as the events."""

    def has_perm(self, user_obj: Any, perm: str, obj: object = None) -> bool:  # noqa: ANN401
        """Say whether a user may moderate this room; no other permission is ours to give."""
        if perm != PERMISSION or not isinstance(obj, Room) or obj.pk is None:
            return False
        if not user_obj.is_active or user_obj.is_anonymous:
            return False
        found = next(iter(with_policies(Room.objects.filter(pk=obj.pk))), None)
        if found is None:
            return False
        person = person_of(user_obj)
        standing = load_standings({obj.pk: found.policy}, [person]).get(
            (obj.pk, person.key), Standing()
        )
        powers = load_powers(str(user_obj.pk))
        subject = subject_of(person, Standing(standing.role, standing.grants, powers))
        return decide(
            found.policy, subject, Action.MODERATE, Credentials(now=timezone.now())
        ).allowed
