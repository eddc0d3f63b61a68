"""Reading lists: the rooms of a namespace as one person sees them, and who is in a room.

Synchronous reads for the pool, a fixed number of queries for any number of rows. Each room is
decided with ``decide``, so that a list never promises what a join then denies.
Source: DESIGN section 6, ``rooms`` and ``members``.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from rooms.models import AccessRule, Membership, Room, Seat
from rooms.people import (
    NO_POWERS,
    Person,
    Powers,
    Standing,
    load_powers,
    load_standings,
    subject_of,
)
from rooms.policy import decide, is_visible
from rooms.policy_values import Action, Audience, Credentials, Effect, Subject
from rooms.presence import Occupancy
from rooms.registry import FoundRoom, with_policies
from rooms.shapes import Shape, person_shape

ROOMS_PAGE = 100
MEMBERS_PAGE = 500


@dataclass(frozen=True, slots=True)
class RoomsPage:
    """Rooms by name; ``has_more`` says that there are more after the last. ``powers`` were read."""

    rooms: list[Shape]
    has_more: bool
    powers: Powers


def list_rooms(
    namespace: str,
    person: Person,
    now: datetime,
    *,
    joined: Collection[str] = (),
    search: str = "",
    after: str = "",
    limit: int = ROOMS_PAGE,
    powers: Powers | None = None,
) -> RoomsPage:
    """Give the rooms that this person may know of, each with the denial that a join gets now.

    ``joined`` are the names of the rooms that the asking socket is in. ``search`` looks into names
    and titles. Hidden rooms are listed for their members, and for those who may moderate them.
    """
    if powers is None:
        powers = load_powers(person.user_id) if person.user_id is not None else NO_POWERS
    wanted = _searched(_visible(namespace, person, powers, now), search, after)
    found = with_policies(wanted.order_by("name")[: limit + 1], may_remember=True)
    if person.user_id is not None and found and found[0].people_version != powers.version:
        # Users or groups have changed since: even which rooms they may know of.
        powers = load_powers(person.user_id)
        wanted = _searched(_visible(namespace, person, powers, now), search, after)
        found = with_policies(wanted.order_by("name")[: limit + 1], may_remember=True)
    policies = {room.row.pk: room.policy for room in found[:limit]}
    standings = load_standings(policies, [person])
    occupancy = Occupancy.read(policies, [person.key], now)
    subjects = {
        pk: subject_of(person, replace(standings.get((pk, person.key), Standing()), powers=powers))
        for pk in policies
    }
    return RoomsPage(
        [
            room_shape(
                room,
                subjects[room.row.pk],
                now,
                members=occupancy.persons(room.row.pk),
                is_inside=occupancy.sockets(room.row.pk, person.key) > 0,
                is_joined=room.row.name in joined,
            )
            for room in found[:limit]
            if is_visible(room.policy, subjects[room.row.pk], now)
        ],
        len(found) > limit,
        powers,
    )


def list_members(room_id: int, now: datetime) -> tuple[list[Shape], int]:
    """Give who is in a room, by name, at most ``MEMBERS_PAGE``; and how many there are."""
    present = Seat.objects.present(now).filter(room_id=room_id).order_by()
    persons = (
        present.values("person_key")
        .annotate(sockets=Count("pk"), name=Max("connection__name"))
        .order_by("name", "person_key")
    )
    page = list(persons[:MEMBERS_PAGE])
    count = len(page)
    if count == MEMBERS_PAGE:
        count = present.aggregate(persons=Count("person_key", distinct=True))["persons"]
    user_ids = [key for row in page if (key := row["person_key"]).find(":") < 0]
    roles = {
        str(user_id): role
        for user_id, role in Membership.objects.filter(
            room_id=room_id, user_id__in=user_ids
        ).values_list("user_id", "role")
    }
    members = [
        {
            **person_shape(row["person_key"], row["name"]),
            "role": roles.get(row["person_key"]),
            "sockets": row["sockets"],
        }
        for row in page
    ]
    return members, count


def _visible(namespace: str, person: Person, powers: Powers, now: datetime) -> QuerySet[Room]:
    """Give the rooms that may be shown: a rule may still hide some of them."""
    rooms = Room.objects.filter(namespace__path=namespace)
    if powers.is_superuser or powers.may_moderate_rooms:
        return rooms
    appointing = _appointing_rules(person, powers, now)
    is_known = (
        Q(is_listed=True)
        | Exists(appointing.filter(room=OuterRef("pk")))
        | Exists(appointing.filter(namespace=OuterRef("namespace")))
    )
    if person.user_id is not None:
        own = Membership.objects.filter(user_id=person.user_id).values("room_id")
        is_known |= Q(pk__in=own)
    return rooms.filter(is_known)


def _appointing_rules(person: Person, powers: Powers, now: datetime) -> QuerySet[AccessRule]:
    """Give the rules that make this person a moderator."""
    concerning = Q(subject=Audience.EVERYONE)
    if person.user_id is not None:
        concerning |= (
            Q(subject=Audience.AUTHENTICATED)
            | Q(user_id=person.user_id)
            | Q(group_id__in=powers.group_ids)
        )
    return AccessRule.objects.filter(
        concerning,
        Q(starts_at__isnull=True) | Q(starts_at__lte=now),
        Q(ends_at__isnull=True) | Q(ends_at__gt=now),
        effect=Effect.ALLOW,
        action=Action.MODERATE,
    )


def _searched(rooms: QuerySet[Room], search: str, after: str) -> QuerySet[Room]:
    later = rooms.filter(name__gt=after)
    if not search:
        return later
    return later.filter(Q(name__icontains=search) | Q(title__icontains=search))


def room_shape(
    found: FoundRoom,
    subject: Subject,
    now: datetime,
    *,
    members: int,
    is_inside: bool,
    is_joined: bool,
) -> Shape:
    """Give one room of a list, with the denial that a join without credentials gets now."""
    row = found.row
    credentials = Credentials(
        now=now, is_joined=is_joined, is_inside=is_inside, persons_present=members
    )
    decision = decide(found.policy, subject, Action.JOIN, credentials)
    return {
        "name": row.name,
        "title": row.title,
        "access": found.policy.access,
        "code": decision.code or None,
        "locked": not decision.allowed,
        "joined": is_joined,
        "members": members,
        "capacity": row.capacity,
    }
