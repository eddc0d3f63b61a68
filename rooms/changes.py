"""What changes decisions: each save and deletion raises the versions that it concerns.

Connected once the apps are ready. ``QuerySet.update``, ``bulk_create`` and SQL send no signals:
what they change is found by the full re-check.
"""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import Signal

from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import of
from rooms.models import (
    AccessRule,
    Ban,
    Grant,
    Invitation,
    Membership,
    Message,
    Mute,
    Namespace,
    Room,
)
from rooms.models.versions import PEOPLE_KEY, SITE_KEY
from rooms.versions import raise_versions

# Fields of a user that no decision is made of: each log-in saves one.
_MOOT_USER_FIELDS = frozenset({"last_login"})
_PATH_BEFORE = "_path_before_save"
_M2M_DONE = frozenset({"post_add", "post_remove", "post_clear"})
# The savers of all that hangs under a room or a namespace, or under neither.
_PLACED = (AccessRule, Ban, Mute, Membership, Invitation)

Placed = AccessRule | Ban | Mute | Membership | Invitation | Grant
Receiver = Callable[..., None]


def connect_changes() -> None:
    """Listen to all models that decisions are made of."""
    for model in (Namespace, Room):
        _connect(pre_save, _note_path, model)
        _connect(post_save, _registry_changed, model)
        _connect(post_delete, _registry_changed, model)
        _connect(m2m_changed, _registry_groups_changed, model.groups.through)
    for placed in _PLACED:
        _connect(pre_save, _note_place, placed)
        _connect(post_save, _placed_changed, placed)
        _connect(post_delete, _placed_changed, placed)
    _connect(post_save, _message_saved, Message)
    _connect(post_save, _grant_saved, Grant)
    _connect(post_delete, _placed_changed, Grant)
    user_model = get_user_model()
    _connect(post_save, _user_saved, user_model)
    _connect(post_delete, _people_changed, user_model)
    for name in ("groups", "user_permissions"):
        if hasattr(user_model, name):
            _connect(m2m_changed, _people_linked, getattr(user_model, name).through)
    _connect(m2m_changed, _people_linked, Group.permissions.through)
    # Rooms and namespaces lose it without a signal of their own.
    _connect(post_delete, _site_changed, Group)
    _connect(post_delete, _people_changed, Permission)
    session_model = find_session_model()
    if session_model is not None:
        _connect(post_delete, _people_changed, session_model)


def find_session_model() -> type[models.Model] | None:
    """Give the model of the browsers' sessions, or None where they are kept elsewhere."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    get_model_class = getattr(store, "get_model_class", None)
    model: type[models.Model] | None = get_model_class() if get_model_class is not None else None
    return model


def _connect(signal: Signal, receiver: Receiver, sender: type[models.Model]) -> None:
    name = f"{receiver.__name__}.{sender.__module__}.{sender.__qualname__}"
    signal.connect(receiver, sender=sender, dispatch_uid=f"rooms.changes.{name}")


def _note_path(instance: Namespace | Room, **_: object) -> None:
    """Remember what a room or a path is about to leave: after the save nothing says so."""
    namespaces = Namespace.objects.filter(pk=instance.pk)
    if isinstance(instance, Room):
        namespaces = Namespace.objects.filter(rooms=instance.pk)
    setattr(instance, _PATH_BEFORE, namespaces.values_list("path", flat=True).first())


def _registry_changed(instance: Namespace | Room, **_: object) -> None:
    before = getattr(instance, _PATH_BEFORE, None)
    raise_versions(_path_of(instance), *([before] if before is not None else []))


def _registry_groups_changed(
    instance: Namespace | Room, action: str, reverse: bool, **_: object
) -> None:
    if action in _M2M_DONE:
        raise_versions(SITE_KEY if reverse else _path_of(instance))


def _note_place(instance: Placed, **_: object) -> None:
    """Remember where a row holds that may be about to hold elsewhere."""
    is_new = instance._state.adding  # noqa: SLF001 - documented
    held = None if is_new else type(instance)._base_manager.filter(pk=instance.pk).first()  # noqa: SLF001
    setattr(instance, _PATH_BEFORE, _place_of(held) if held is not None else None)


def _placed_changed(instance: Placed, **_: object) -> None:
    keys = {_place_of(instance), getattr(instance, _PATH_BEFORE, None)}
    raise_versions(*(key for key in keys if key is not None))


def _grant_saved(instance: Grant, created: bool, **_: object) -> None:
    """Note that one was taken back; one that stands only lets in, and is the joiner's own."""
    if not created and instance.revoked_at is not None:
        _placed_changed(instance)


def _user_saved(created: bool, update_fields: frozenset[str] | None = None, **_: object) -> None:
    is_moot = update_fields is not None and update_fields <= _MOOT_USER_FIELDS
    if not created and not is_moot:
        raise_versions(PEOPLE_KEY)


def _message_saved(
    instance: Message, created: bool, update_fields: frozenset[str] | None = None, **_: object
) -> None:
    """Tell the room of a message that is taken away, by whatever it is saved."""
    is_moot = update_fields is not None and "removed_at" not in update_fields
    if created or is_moot or instance.removed_at is None or instance.room.pair:
        return
    place = of(instance.room.namespace.path).in_(instance.room.name)
    news = {"room": instance.room.name, "id": str(instance.pk), "offset": instance.offset}
    with suppress(UsageError):  # in a process that reaches no sockets
        place.emit("messageRemoved", news)


def _people_changed(**_: object) -> None:
    raise_versions(PEOPLE_KEY)


def _people_linked(action: str, **_: object) -> None:
    if action in _M2M_DONE:
        raise_versions(PEOPLE_KEY)


def _site_changed(**_: object) -> None:
    raise_versions(SITE_KEY)


def _path_of(row: Namespace | Room) -> str:
    return row.namespace.path if isinstance(row, Room) else row.path


def _place_of(row: Placed) -> str | None:
    """Give the key of where a row holds; None where its place is gone, which tells by itself."""
    if row.room_id is not None:
        rooms = Room.objects.filter(pk=row.room_id)
        return rooms.values_list("namespace__path", flat=True).first()
    namespace_id = getattr(row, "namespace_id", None)
    if namespace_id is None:
        return SITE_KEY
    return Namespace.objects.filter(pk=namespace_id).values_list("path", flat=True).first()
