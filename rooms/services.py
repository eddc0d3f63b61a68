"""Changes that span rows or are told to sockets; views, commands, the admin and events call these.

Each is synchronous and has a twin with an ``a`` before its name for asynchronous code. Each runs
in a transaction (the caller's, if there is one), is audited, and tells sockets on commit. They
trust their caller: whether somebody may is asked before. Source: DESIGN section 9.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.namespaces.broadcast import of
from realtime.namespaces.database import in_database
from realtime.namespaces.identity import shown_name
from rooms.models import DecisionRecord, Membership, Namespace, Room
from rooms.models.records import RecordKind
from rooms.names import clean_room_name, clean_text
from rooms.people import Person
from rooms.policy_values import Role
from rooms.requests import check_data
from rooms.sending import Draft, store_draft
from rooms.shapes import Shape


def ensure_room(
    namespace: str,
    name: str,
    *,
    actor: AbstractBaseUser | None = None,
    **fields: Any,  # noqa: ANN401 - a row's fields
) -> Room:
    """Give the room of this name, made with ``fields`` if it is not there; else it stays as it is.

    ``password`` among the fields is the password in plain text. Raises ``ValidationError``, and
    ``Namespace.DoesNotExist`` for a namespace without a row.
    """
    try:
        clean_name = clean_room_name(name)
    except ValueError as error:
        raise ValidationError({"name": str(error)}) from None
    with transaction.atomic():
        # Locked, so that two who make the same room at once make one.
        parent = Namespace.objects.select_for_update().get(path=namespace)
        room = Room.objects.filter(namespace=parent, name=clean_name).first()
        if room is not None:
            return room
        password = fields.pop("password", None)
        room = Room(namespace=parent, name=clean_name, **fields)
        room.set_password(password)
        room.full_clean()
        room.save()
        _audit("ensure_room", room, actor, _("Made the room."))
    return room


def close_room(room: Room | int, *, actor: AbstractBaseUser | None = None) -> Room:
    """Close a room to everybody; closing twice is a no-op. Raises ``Room.DoesNotExist``."""
    with transaction.atomic():
        row = _lock(room)
        if row.is_open:
            row.is_open = False
            row.save(update_fields=["is_open"])
            _audit("close_room", row, actor, _("Closed the room."))
    return row


def set_role(
    room: Room | int,
    user: AbstractBaseUser,
    role: str | None,
    *,
    actor: AbstractBaseUser | None = None,
) -> Membership | None:
    """Give a user a role in a room, or with None end the membership; give what is there then.

    Raises ``ValidationError`` for an unknown role and ``Room.DoesNotExist``.
    """
    if role is not None and role not in {known.value for known in Role}:
        raise ValidationError(_("There is no such role."), code="role")
    with transaction.atomic():
        row = _lock(room)
        held = Membership.objects.filter(room=row, user_id=user.pk).first()
        if (held.role if held is not None else None) == role:
            return held
        whom = {"name": shown_name(user), "role": role}
        if role is None:
            Membership.objects.filter(room=row, user_id=user.pk).delete()
            _audit("set_role", row, actor, _("Ended the membership of %(name)s.") % whom)
            return None
        membership, _is_new = Membership.objects.update_or_create(
            room=row, user_id=user.pk, defaults={"role": role}
        )
        _audit("set_role", row, actor, _("Made %(name)s %(role)s.") % whom)
    return membership


def post_message(
    room: Room | int,
    text: str,
    *,
    author: AbstractBaseUser | None = None,
    data: Mapping[str, Any] | None = None,
) -> Shape:
    """Say something in a room, whatever its rules: as ``author``, or else as the site itself.

    Gives the Message that its members hear on commit; stored in offset order where the room keeps
    messages. Raises ``ValidationError`` for a text or data that no message may have,
    ``Room.DoesNotExist``, and ``UsageError`` in a process that reaches no sockets.
    """
    try:
        clean = clean_text(text)
        checked = check_data(dict(data)) if data is not None else None
    except ValueError as error:
        raise ValidationError(str(error)) from None
    with transaction.atomic():
        row, sent = store_draft(
            room if isinstance(room, int) else room.pk,
            Draft(room="", text=clean, author=_person(author), data=checked),
        )
        whom = of(row.namespace.path).in_(row.name)
        if sent.epoch is not None and sent.offset is not None:
            whom = whom.numbered(sent.epoch, sent.offset)
        whom.emit("message", sent.shape)
    return sent.shape


async def aensure_room(
    namespace: str,
    name: str,
    *,
    actor: AbstractBaseUser | None = None,
    **fields: Any,  # noqa: ANN401 - a row's fields
) -> Room:
    """Do what ``ensure_room`` does, in asynchronous code."""
    return await in_database(ensure_room, namespace, name, actor=actor, **fields)


async def aclose_room(room: Room | int, *, actor: AbstractBaseUser | None = None) -> Room:
    """Do what ``close_room`` does, in asynchronous code."""
    return await in_database(close_room, room, actor=actor)


async def aset_role(
    room: Room | int,
    user: AbstractBaseUser,
    role: str | None,
    *,
    actor: AbstractBaseUser | None = None,
) -> Membership | None:
    """Do what ``set_role`` does, in asynchronous code."""
    return await in_database(set_role, room, user, role, actor=actor)


async def apost_message(
    room: Room | int,
    text: str,
    *,
    author: AbstractBaseUser | None = None,
    data: Mapping[str, Any] | None = None,
) -> Shape:
    """Do what ``post_message`` does, in asynchronous code."""
    return await in_database(post_message, room, text, author=author, data=data)


def _lock(room: Room | int) -> Room:
    room_id = room if isinstance(room, int) else room.pk
    rooms = Room.objects.select_for_update(of=("self",)).select_related("namespace")
    return rooms.get(pk=room_id)


def _person(user: AbstractBaseUser | None) -> Person | None:
    if user is None:
        return None
    return Person(key=str(user.pk), name=shown_name(user), user_id=str(user.pk))


def _audit(act: str, room: Room, actor: AbstractBaseUser | None, message: str) -> None:
    now = timezone.now()
    DecisionRecord.objects.create(
        kind=RecordKind.MODERATION,
        namespace=room.namespace.path,
        room=room.name,
        actor_id=actor.pk if actor is not None else None,
        allowed=True,
        message=message,
        rule=act,
        created_at=now,
        last_at=now,
    )
