"""People, rooms and seats for tests of the rooms app."""

import itertools
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from rooms.joining import Denied, Joined, JoinRequest, Outcome, join_rooms
from rooms.models import Grant, Membership, Namespace, Process, Room
from rooms.people import Person
from rooms.presence import Place, add_connections
from rooms.sending import Draft, SendRequest, Sent, send_messages, store_draft

PROCESS = "process-1"
_numbers = itertools.count(1)


def make_namespace(path: str = "/games", **fields: Any) -> Namespace:
    """Make a namespace, or give the one that is there."""
    return Namespace.objects.get_or_create(path=path, defaults=fields)[0]


def make_room(name: str = "csgo", *, password: str | None = None, **fields: Any) -> Room:
    """Make a room in /games."""
    room = Room(namespace=fields.pop("namespace", None) or make_namespace(), name=name, **fields)
    room.set_password(password)
    room.save()
    return room


def make_user(name: str, **fields: Any) -> Person:
    """Make a user and give the person that sockets know."""
    user = get_user_model().objects.create_user(name, password="secret", **fields)
    return Person(key=str(user.pk), name=name, user_id=str(user.pk))


def make_guest(name: str = "Guest") -> Person:
    """Give a guest that nobody else is."""
    guest_id = f"g{next(_numbers)}"
    return Person(key=f"guest:{guest_id}", name=name, guest_id=guest_id)


def appoint(room: Room, person: Person, role: str) -> None:
    """Make a user a member of a room."""
    assert person.user_id is not None
    Membership.objects.create(room=room, user_id=person.user_id, role=role)


def grant_password(room: Room, person: Person) -> None:
    """Let a person have given the room's password before."""
    version = room.password_version
    holder = {"user_id": person.user_id, "guest_id": person.guest_id or ""}
    Grant.objects.create(room=room, via="password", password_version=version, **holder)


def make_process(process_id: str = PROCESS, *, lease_s: float = 60) -> Process:
    """Make a process whose lease ends in so many seconds."""
    until = timezone.now() + timedelta(seconds=lease_s)
    return Process.objects.get_or_create(pk=process_id, defaults={"lease_until": until})[0]


def connect_person(person: Person, process_id: str = PROCESS) -> str:
    """Write the row of a new socket of this person and give its id."""
    make_process(process_id)
    socket_id = f"socket-{next(_numbers)}"
    add_connections([Place(socket_id, process_id, "/games", person, "websocket", timezone.now())])
    return socket_id


def request_join(person: Person, room: str = "csgo", **fields: Any) -> JoinRequest:
    """Make a request to join of a new socket, unless one is given."""
    process_id = fields.pop("process_id", PROCESS)
    socket_id = fields.pop("socket_id", None) or connect_person(person, process_id)
    request = {"namespace": "/games", "page": 100, **fields}
    return JoinRequest(
        room=room, person=person, socket_id=socket_id, process_id=process_id, **request
    )


def ask(request: JoinRequest) -> Outcome:
    """Run one join alone."""
    (outcome,) = join_rooms([request])
    assert not isinstance(outcome, Exception)
    return outcome


def join(person: Person, room: str = "csgo", **fields: Any) -> Joined:
    """Run one join that has to be allowed."""
    outcome = ask(request_join(person, room, **fields))
    assert isinstance(outcome, Joined), outcome
    return outcome


def denied(person: Person, room: str = "csgo", **fields: Any) -> Denied:
    """Run one join that has to be denied."""
    outcome = ask(request_join(person, room, **fields))
    assert isinstance(outcome, Denied), outcome
    return outcome


def request_send(
    person: Person, joined: Joined, text: str = "hello", room: str = "csgo", **fields: Any
) -> SendRequest:
    """Make a request to send."""
    draft = Draft(room=room, text=text, author=person, **fields)
    return SendRequest(joined.room_id, "/games", draft, person, joined.standing, fresh_for_s=60)


def send(person: Person, joined: Joined, text: str = "hello", **fields: Any) -> Sent:
    """Send one message that has to be taken."""
    (sent,) = send_messages([request_send(person, joined, text, **fields)])
    assert isinstance(sent, Sent), sent
    return sent


def fill(room: Room, count: int) -> None:
    """Let the site say 1, 2, 3 … in a room."""
    for number in range(room.last_offset + 1, room.last_offset + count + 1):
        store_draft(room.pk, Draft(room=room.name, text=str(number), author=None))
    room.refresh_from_db()


def offsets(messages: list[dict[str, Any]]) -> list[int]:
    """Give the offsets of messages."""
    return [message["offset"] for message in messages]
