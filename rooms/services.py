"""Changes that span rows or are told to sockets; views, commands, the admin and events call these.

Each is synchronous and has a twin with an ``a`` before its name for asynchronous code. Each runs
in a transaction (the caller's, if there is one), is audited, and tells sockets on commit.

``ensure_room``, ``open_room``, ``close_room`` and ``post_message`` trust their caller: whether
somebody may is asked before. The moderators' acts ask ranks themselves where they are given an
actor. Source: DESIGN section 9.
"""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.namespaces.broadcast import of
from realtime.namespaces.database import in_database
from rooms.models import DecisionRecord, Namespace, Room
from rooms.models.records import RecordKind
from rooms.models.tallies import TallyKind
from rooms.moderating import (
    Actor,
    ban,
    clear_history,
    evict_everybody,
    issue_invitations,
    kick,
    mute,
    remove_message,
    revoke_invitation,
    set_role,
    unban,
    unmute,
)
from rooms.names import clean_room_name, clean_text
from rooms.powers import person_of, room_key
from rooms.records import keep_act
from rooms.requests import check_data
from rooms.sending import Draft, store_draft
from rooms.shapes import Shape
from rooms.tallying import count_now

__all__ = [
    "aban",
    "aclear_history",
    "aclose_room",
    "aensure_room",
    "aevict_everybody",
    "aissue_invitations",
    "akick",
    "amute",
    "aopen_room",
    "apost_message",
    "aremove_message",
    "arevoke_invitation",
    "aset_role",
    "aunban",
    "aunmute",
    "ban",
    "clear_history",
    "close_room",
    "ensure_room",
    "evict_everybody",
    "issue_invitations",
    "kick",
    "mute",
    "open_room",
    "post_message",
    "remove_message",
    "revoke_invitation",
    "set_role",
    "unban",
    "unmute",
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def ensure_room(
    namespace: str,
    name: str,
    *,
    actor: Actor = None,
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
        parent = Namespace.objects.select_for_update().filter(path=namespace).first()
        if parent is None:
            raise Namespace.DoesNotExist(f"there is no namespace {namespace!r}")
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


def close_room(room: Room | int, *, actor: Actor = None) -> Room:
    """Close a room to everybody; closing twice is a no-op. Raises ``Room.DoesNotExist``."""
    with transaction.atomic():
        row = _lock(room)
        if row.is_open:
            row.is_open = False
            row.save(update_fields=["is_open"])
            _audit("close_room", row, actor, _("Closed the room."))
    return row


def open_room(room: Room | int, *, actor: Actor = None) -> Room:
    """Open a room, within its hours; opening twice is a no-op. Raises ``Room.DoesNotExist``."""
    with transaction.atomic():
        row = _lock(room)
        if not row.is_open:
            row.is_open = True
            row.save(update_fields=["is_open"])
            _audit("open_room", row, actor, _("Opened the room."))
    return row


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
            room_key(room),
            Draft(
                room="",
                text=clean,
                author=person_of(author) if author is not None else None,
                data=checked,
            ),
        )
        whom = of(row.namespace.path).in_(row.name)
        if sent.epoch is not None and sent.offset is not None:
            whom = whom.numbered(sent.epoch, sent.offset)
        whom.emit("message", sent.shape)
        transaction.on_commit(partial(count_now, TallyKind.MESSAGE, row.pk))
    return sent.shape


def _twin(
    service: Callable[Arguments, Result],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Make the twin of a service for asynchronous code: it runs in the database's pool."""

    @wraps(service)
    async def twin(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await in_database(service, *args, **kwargs)

    twin.__name__ = f"a{service.__name__}"
    return twin


aensure_room = _twin(ensure_room)
aopen_room = _twin(open_room)
aclose_room = _twin(close_room)
apost_message = _twin(post_message)
akick = _twin(kick)
aevict_everybody = _twin(evict_everybody)
aban = _twin(ban)
aunban = _twin(unban)
amute = _twin(mute)
aunmute = _twin(unmute)
aset_role = _twin(set_role)
aremove_message = _twin(remove_message)
aclear_history = _twin(clear_history)
aissue_invitations = _twin(issue_invitations)
arevoke_invitation = _twin(revoke_invitation)


def _lock(room: Room | int) -> Room:
    rooms = Room.objects.select_for_update(of=("self",), no_key=True).select_related("namespace")
    row = rooms.filter(pk=room_key(room)).first()
    if row is None:
        raise Room.DoesNotExist(f"there is no room {room_key(room)}")
    return row


def _audit(act: str, room: Room, actor: Actor, message: str) -> None:
    now = timezone.now()
    keep_act(
        DecisionRecord(
            kind=RecordKind.MODERATION,
            namespace=room.namespace.path,
            room=room.name,
            # A key is text on its way; the database turns it back.
            actor_id=person_of(actor).user_id if actor is not None else None,
            allowed=True,
            message=message,
            rule=act,
            created_at=now,
            last_at=now,
        )
    )
