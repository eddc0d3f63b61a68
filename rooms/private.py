"""Private messages: kept in a room of the two that no list shows and nobody joins.

Synchronous units for the pool; tells nobody. Source: DESIGN section 6, ``private``.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.exceptions import Refused
from rooms.denials import Code, denial_message
from rooms.findings import Findings
from rooms.history import NOTHING, Page, after, before, latest
from rooms.housekeeping import prune_room
from rooms.models import Block, Message, Namespace, Room
from rooms.models.registry import RoomAccess
from rooms.people import Person, Standing, load_powers, subject_of
from rooms.policy import decide
from rooms.policy_values import Action, Credentials
from rooms.powers import person_of, unknown_user
from rooms.refusals import refusal
from rooms.registry import NamespaceDefaults, NamespaceFacts, default_facts, find_namespaces
from rooms.sending import Draft, Sent, store_draft
from rooms.shapes import GUEST_PREFIX, Shape, instant

CONVERSATIONS_MOST = 100


def send_private(
    namespace: str, defaults: NamespaceDefaults | None, sender: Person, to: str, draft: Draft
) -> tuple[Sent, Shape]:
    """Store a message to a user; give it, and the shape that both hear.

    Raises ``Refused``.
    """
    _require_user(sender)
    facts = find_namespaces([namespace]).get(namespace)
    if facts is None and defaults is not None:
        facts = default_facts(namespace, defaults)
    if facts is None or not facts.allow_private:
        raise _forbidden(namespace)
    _require_speech(facts, sender)
    other = _other(sender, to)
    if Block.objects.filter(**_block(other, sender)).exists():
        raise _forbidden(namespace)
    with transaction.atomic():
        room = _room_of(namespace, facts, sender, other)
        _row, sent = store_draft(room.pk, draft)
    if sent.should_prune:
        prune_room(room.pk)
    return sent, private_shape(sent.shape, sender.key, other.key)


def read_private(
    namespace: str,
    reader: Person,
    with_user: str,
    *,
    before_offset: int | None,
    after_offset: int | None,
    limit: int,
) -> tuple[str | None, Page]:
    """Give the epoch and a page of what two users said to each other; nothing yet has no epoch."""
    _require_user(reader)
    other = _other(reader, with_user)
    room = Room.everywhere.filter(namespace__path=namespace, pair=users_pair(reader, other)).first()
    if room is None:
        return None, NOTHING
    now = timezone.now()
    if before_offset is not None:
        page = before(room, before_offset, limit, now)
    elif after_offset is not None:
        page = after(room, after_offset, limit, now)
    else:
        page = latest(room, limit, now)
    messages = [_read_shape(shape, reader, other) for shape in page.messages]
    return room.epoch, replace(page, messages=messages)


def block(blocker: Person, user: str) -> None:
    """Take no more private messages of a user; twice is once."""
    _require_user(blocker)
    other = _other(blocker, user, field="user")
    Block.objects.get_or_create(**_block(blocker, other))


def unblock(blocker: Person, user: str) -> None:
    """Take a user's private messages again."""
    _require_user(blocker)
    other = _other(blocker, user, field="user")
    Block.objects.filter(**_block(blocker, other)).delete()


def list_conversations(namespace: str, person: Person) -> list[Shape]:
    """Give whom somebody writes to in private here, the latest first, and whom they block.

    At most ``CONVERSATIONS_MOST`` of either.
    """
    _require_user(person)
    rows = list(_latest_conversations(namespace, person.key))
    others = {row.pk: _other_key(row.pair, person.key) for row in rows}
    whose: dict[str, Any] = {"blocker_id": person.user_id}
    blocks = Block.objects.filter(**whose).order_by("-created_at")
    blocked = [str(pk) for pk in blocks.values_list("blocked_id", flat=True)[:CONVERSATIONS_MOST]]
    users = _users_by_key({*others.values(), *blocked})
    found = [
        _conversation(users[key], row.last_offset, row.last_at, is_blocked=key in blocked)
        for row in rows
        if (key := others[row.pk]) in users
    ]
    silent = [key for key in blocked if key in users and key not in others.values()]
    return found + [_conversation(users[key], 0, None, is_blocked=True) for key in silent]


def private_shape(shape: Shape, sender: str, to: str) -> Shape:
    """Give a Message as the two of them read it."""
    return {**shape, "room": None, "from": sender, "to": to}


def users_pair(one: Person, other: Person) -> str:
    """Name two users, whoever of them writes."""
    return ":".join(sorted((one.key, other.key)))


def _latest_conversations(namespace: str, key: str) -> Any:  # noqa: ANN401 - annotated rows
    at = Message.objects.filter(room=OuterRef("pk"), offset=OuterRef("last_offset"))
    return (
        Room.everywhere.filter(namespace__path=namespace, last_offset__gt=0)
        .filter(Q(pair__startswith=f"{key}:") | Q(pair__endswith=f":{key}"))
        .annotate(last_at=Subquery(at.values("created_at")[:1]))
        .order_by(F("last_at").desc(nulls_last=True), "pk")[:CONVERSATIONS_MOST]
    )


def _other_key(pair: str, key: str) -> str:
    one, _colon, other = pair.partition(":")
    return other if one == key else one


def _users_by_key(keys: Iterable[str]) -> dict[str, Person]:
    users = get_user_model()._default_manager  # noqa: SLF001 - any user model's
    return {str(user.pk): person_of(user) for user in users.filter(pk__in=list(keys))}


def _conversation(user: Person, offset: int, at: datetime | None, *, is_blocked: bool) -> Shape:
    return {
        "user": user.shape,
        "offset": offset,
        "at": instant(at) if at is not None else None,
        "blocked": is_blocked,
    }


def _block(blocker: Person, blocked: Person) -> dict[str, Any]:
    """Give the fields of a block; keys are text on their way, and the database turns them back."""
    return {"blocker_id": blocker.user_id, "blocked_id": blocked.user_id}


def _read_shape(shape: Shape, reader: Person, other: Person) -> Shape:
    author = (shape.get("user") or {}).get("id")
    by_reader = author == reader.key
    sender, to = (reader, other) if by_reader else (other, reader)
    return private_shape(shape, sender.key, to.key)


def _require_user(person: Person) -> None:
    if person.user_id is None:
        raise Refused(Code.LOGIN_REQUIRED.value, _("Sign in to write to somebody in private."))


def _require_speech(facts: NamespaceFacts, sender: Person) -> None:
    """Ask what a live socket is asked, and mutes of the namespace or everywhere."""
    now = timezone.now()
    powers = load_powers(sender.user_id) if sender.user_id is not None else None
    subject = subject_of(sender, Standing(powers=powers))
    verdict = decide(facts.policy, subject, Action.CONNECT, Credentials(now=now))
    if not verdict.allowed:
        raise refusal(verdict, facts.policy.path)
    mute = Findings(facts.policy, None, subject, now).mute()
    if mute is not None:
        message = denial_message(
            Code.MUTED, facts.policy.path, until=mute.expires_at, stated_reason=mute.reason
        )
        raise Refused(Code.MUTED.value, message)


def _other(person: Person, key: str, *, field: str = "to") -> Person:
    if key.startswith(GUEST_PREFIX):
        raise Refused(Code.LOGIN_REQUIRED.value, _("Guests get no private messages."), field=field)
    if key == person.key:
        raise Refused("bad_request", _("This is you."), field=field)
    try:
        return person_of(key)
    except Refused:
        refused = unknown_user(key)
        raise Refused(refused.code, refused.message, field=field) from None


def _room_of(namespace: str, facts: NamespaceFacts, one: Person, other: Person) -> Room:
    """Give the room of the two, made where it is not there yet."""
    pair = users_pair(one, other)
    rooms = Room.everywhere.filter(namespace__path=namespace, pair=pair)
    found = rooms.first()
    if found is not None:
        return found
    parent, _is_new = Namespace.objects.get_or_create(
        path=namespace,
        defaults={
            "title": facts.title,
            "welcome": facts.welcome,
            "access": facts.policy.access,
            "is_open": facts.policy.is_open,
        },
    )
    try:
        with transaction.atomic():
            return Room.everywhere.create(
                namespace=parent,
                # Its name is never shown, and nobody can guess it.
                name=f"private {secrets.token_urlsafe(18)}",
                pair=pair,
                access=RoomAccess.MEMBERS,
                is_listed=False,
            )
    except IntegrityError:  # the other one wrote at the same time
        return rooms.get()


def _forbidden(namespace: str) -> Refused:
    return Refused(Code.FORBIDDEN.value, denial_message(Code.FORBIDDEN, namespace))
