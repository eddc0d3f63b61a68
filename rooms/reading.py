"""Units of reading that events ask for: history, members, missed messages, one room's policy.

Synchronous, for the pool. Whoever is not in a room may read it if they may moderate it; to all
others a room that they have not joined is ``not_joined``, whether it exists or not.
"""

from collections.abc import Collection
from dataclasses import replace

from django.db.models import Q
from django.utils import timezone

from rooms.history import NOTHING, Page, after, before, latest
from rooms.listing import list_members
from rooms.models import Message, Namespace, Room
from rooms.models.records import RecordKind
from rooms.people import (
    Person,
    Standing,
    load_powers,
    load_standings,
    reads_groups,
    subject_of,
)
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Decision, Policy
from rooms.records import Denial, record_denials
from rooms.refusals import not_joined, refusal
from rooms.registry import NamespaceDefaults, find_places, find_rooms, with_policies
from rooms.shapes import Shape, message_shape


def read_history(
    namespace: str,
    name: str,
    person: Person,
    *,
    seated_in: int | None,
    before_offset: int | None,
    after_offset: int | None,
    limit: int,
) -> tuple[str | None, Page]:
    """Give a room's epoch and a page of its messages; no epoch where it keeps none.

    ``seated_in`` is the key of the room if the asking socket is in it. Raises ``Refused``.
    """
    room = _readable_room(namespace, name, person, seated_in)
    if not room.history_size:
        return None, NOTHING
    now = timezone.now()
    if before_offset is not None:
        return room.epoch, before(room, before_offset, limit, now)
    if after_offset is not None:
        return room.epoch, after(room, after_offset, limit, now)
    return room.epoch, latest(room, limit, now)


def read_members(
    namespace: str, name: str, person: Person, *, seated_in: int | None
) -> tuple[list[Shape], int]:
    """Give who is in a room and how many they are; raises ``Refused``."""
    room = _readable_room(namespace, name, person, seated_in)
    return list_members(room.pk, timezone.now())


def read_missed(namespace: str, name: str, epoch: str, after: int, upto: int) -> list[Shape]:
    """Give the stored messages with ``after < offset <= upto`` in order, pruned ones left out."""
    rows = Message.objects.filter(
        room__namespace__path=namespace,
        room__name=name,
        room__epoch=epoch,
        offset__gt=after,
        offset__lte=upto,
    )
    return [message_shape(row, name) for row in rows.order_by("offset")]


def read_heads(rooms: Collection[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int]]:
    """Give the epoch and the last offset of rooms by namespace and name, in one query."""
    names: dict[str, list[str]] = {}
    for namespace, name in rooms:
        names.setdefault(namespace, []).append(name)
    # Each namespace with its own names, so that the index of both serves it.
    wanted = Q()
    for namespace, its_names in names.items():
        wanted |= Q(namespace__path=namespace, name__in=its_names)
    rows = Room.objects.filter(wanted) if names else Room.objects.none()
    found = rows.order_by().values_list("namespace__path", "name", "epoch", "last_offset")
    return {(path, name): (epoch, offset) for path, name, epoch, offset in found}


def find_policy(namespace: str, name: str) -> Policy | None:
    """Give what a room's row asks for, or None where there is no row."""
    found = find_rooms([(namespace, name)]).get((namespace, name))
    return found.policy if found is not None else None


def make_room_for(namespace: str, name: str, defaults: NamespaceDefaults | None) -> None:
    """Make the hidden row under which the messages and seats of a room of another model are kept.

    Does nothing where it is there.
    """
    if Room.objects.filter(namespace__path=namespace, name=name).exists():
        return
    declared = defaults or NamespaceDefaults()
    parent, _is_new = Namespace.objects.get_or_create(
        path=namespace,
        defaults={
            "title": declared.title,
            "welcome": declared.welcome,
            "access": declared.access,
            "is_open": declared.is_open,
        },
    )
    Room.objects.get_or_create(namespace=parent, name=name, defaults={"is_listed": False})


def record_denied_join(namespace: str, name: str, person: Person, decision: Decision) -> str:
    """Keep one denial and give its ref."""
    denial = Denial(RecordKind.JOIN, namespace, name, person, decision)
    return record_denials([denial], timezone.now())[0]


def _readable_room(namespace: str, name: str, person: Person, seated_in: int | None) -> Room:
    if seated_in is not None:
        return _seated_room(seated_in, name, person)
    if person.user_id is None:
        raise not_joined(name)  # guests moderate nothing
    found = find_places([(namespace, name)], [person]).get((namespace, name))
    policies = {found.row.pk: found.policy} if found is not None and found.has_standings else {}
    standings = load_standings(policies, [person])
    # The account is looked at for rooms that are missing, too.
    powers = load_powers(person.user_id)
    if found is None or not found.is_there:
        raise not_joined(name)
    role = standings.get((found.row.pk, person.key), Standing()).role
    subject = subject_of(person, Standing(role=role, powers=powers))
    verdict = decide(found.policy, subject, Action.READ, Credentials(now=timezone.now()))
    if not verdict.allowed:
        raise not_joined(name)
    return found.row


def _seated_room(room_id: int, name: str, person: Person) -> Room:
    """Give the room that somebody is in, if they still may be there."""
    found = next(iter(with_policies(Room.objects.filter(pk=room_id), may_remember=True)), None)
    if found is None or found.row.name != name:
        raise not_joined(name)
    standing = load_standings({room_id: found.policy}, [person]).get(
        (room_id, person.key), Standing()
    )
    credentials = Credentials(now=timezone.now(), is_joined=True)
    is_known = person.user_id is None or not reads_groups(found.policy)
    verdict = decide(found.policy, subject_of(person, standing), Action.READ, credentials)
    if person.user_id is not None and not (is_known and verdict.allowed):
        standing = replace(standing, powers=load_powers(person.user_id))
        verdict = decide(found.policy, subject_of(person, standing), Action.READ, credentials)
    if not verdict.allowed:
        raise refusal(verdict, name)
    return found.row
