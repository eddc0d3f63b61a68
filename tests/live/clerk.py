"""A program that makes users, rooms and messages in the database of a running server.

Reads one JSON object ``{"do": name, …}`` per line and writes the answer as one line.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.contrib.auth import (  # noqa: E402
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)
from django.contrib.auth.models import Group, Permission  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.utils import timezone  # noqa: E402

from rooms import models, services  # noqa: E402
from rooms.models import (  # noqa: E402
    Ban,
    DecisionRecord,
    Invitation,
    Membership,
    Message,
    Mute,
    Namespace,
    Room,
)

# What a shell has at hand.
SHELL = {
    **{name: getattr(models, name) for name in models.__all__},
    "Group": Group,
    "Permission": Permission,
    "Session": Session,
    "User": get_user_model(),
    "services": services,
    "soon": lambda seconds: timezone.now() + timedelta(seconds=seconds),
}


def make_namespace(path: str, **fields: Any) -> None:
    Namespace.objects.create(path=path, **fields)


def make_user(name: str, **fields: Any) -> str:
    user = get_user_model()._default_manager.create_user(name, password=name, **fields)
    return str(user.pk)


def change_password(name: str, password: str) -> None:
    user = get_user_model()._default_manager.get(username=name)
    user.set_password(password)
    user.save()


def make_invitation(namespace: str, room: str, **fields: Any) -> str:
    place = Room.objects.get(namespace__path=namespace, name=room)
    return Invitation.objects.issue(place, **fields)[1]


def make_room(namespace: str, name: str, password: str = "", **fields: Any) -> None:
    room = Room(namespace=Namespace.objects.get(path=namespace), name=name, **fields)
    room.set_password(password)
    room.save()


def change_room(namespace: str, name: str, **fields: Any) -> None:
    room = Room.objects.get(namespace__path=namespace, name=name)
    if "password" in fields:
        room.set_password(fields.pop("password"))
    for field, value in fields.items():
        setattr(room, field, value)
    room.save()


def remake_room(namespace: str, name: str) -> None:
    place = Namespace.objects.get(path=namespace)
    Room.objects.get(namespace=place, name=name).delete()
    Room.objects.create(namespace=place, name=name)


def make_member(namespace: str, room: str, user: str, role: str) -> None:
    Membership.objects.create(
        room=Room.objects.get(namespace__path=namespace, name=room),
        user=get_user_model()._default_manager.get(username=user),
        role=role,
    )


def fill_room(namespace: str, name: str, count: int, size: int = 10) -> None:
    """Put so many messages behind the last one, with the offset as text."""
    room = Room.objects.get(namespace__path=namespace, name=name)
    first = room.last_offset + 1
    now = timezone.now()
    Message.objects.bulk_create(
        Message(
            room=room,
            offset=offset,
            author="Somebody",
            author_key="guest:somebody",
            text=str(offset).ljust(size, "."),
            created_at=now,
        )
        for offset in range(first, first + count)
    )
    room.last_offset += count
    room.save()


def remove_message(namespace: str, room: str, offset: int) -> None:
    Message.objects.filter(room__namespace__path=namespace, room__name=room, offset=offset).update(
        removed_at=timezone.now()
    )


def age_messages(namespace: str, room: str, upto: int, days: int) -> None:
    Message.objects.filter(
        room__namespace__path=namespace, room__name=room, offset__lte=upto
    ).update(created_at=timezone.now() - timedelta(days=days))


def ban_guest(namespace: str, room: str, guest: str) -> None:
    """Ban a guest from a room."""
    row = Room.objects.get(namespace__path=namespace, name=room)
    Ban.objects.create(room=row, guest_id=guest.removeprefix("guest:"))


def mute_user(namespace: str, room: str, user: str, reason: str) -> None:
    muted = get_user_model()._default_manager.get(username=user)
    where = Room.objects.get(namespace__path=namespace, name=room)
    until = timezone.now() + timedelta(hours=1)
    Mute.objects.create(room=where, user=muted, reason=reason, expires_at=until)


def delete_user(name: str) -> None:
    get_user_model()._default_manager.get(username=name).delete()


def find_record(ref: str) -> dict[str, Any] | None:
    record = DecisionRecord.objects.filter(ref=ref).first()
    if record is None:
        return None
    return {"code": record.code, "count": record.count, "room": record.room}


def find_act(ref: str) -> list[str]:
    record = DecisionRecord.objects.get(ref=ref)
    return [record.rule, str(record.actor), record.name]


def list_registry() -> dict[str, dict[str, str]]:
    return {
        namespace.path: {room.name: room.access for room in namespace.rooms.all()}
        for namespace in Namespace.objects.all()
    }


def read_room(namespace: str, name: str) -> dict[str, Any]:
    room = Room.objects.get(namespace__path=namespace, name=name)
    return {"is_open": room.is_open, "title": room.title}


def sign_in(name: str, **fields: Any) -> str:
    """Make a user without a password, which would take long to hash, and a session of theirs."""
    user = get_user_model()._default_manager.create_user(name, **fields)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def type_into_shell(code: str, **names: Any) -> Any:
    """Run what somebody might type into ``manage.py shell``; ``answer`` in it is given back."""
    known: dict[str, Any] = {**SHELL, **names}
    exec(code, known)  # noqa: S102 - the tests' own lines
    return known.get("answer")


DEEDS: dict[str, Callable[..., Any]] = {
    "namespace": make_namespace,
    "user": make_user,
    "ban guest": ban_guest,
    "mute user": mute_user,
    "change password": change_password,
    "invitation": make_invitation,
    "room": make_room,
    "change room": change_room,
    "remake room": remake_room,
    "member": make_member,
    "fill": fill_room,
    "remove message": remove_message,
    "age": age_messages,
    "delete user": delete_user,
    "record": find_record,
    "act": find_act,
    "read room": read_room,
    "registry": list_registry,
    "sign in": sign_in,
    "shell": type_into_shell,
}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        answer = DEEDS[request.pop("do")](**request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
