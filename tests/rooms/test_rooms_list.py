"""The list of rooms says of each what a join gets now; the list of members who is there."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import listing
from rooms.listing import RoomsPage, list_members, list_rooms
from rooms.models import Ban, Room
from rooms.people import NO_POWERS, Person
from rooms.registry import find_rooms
from tests.rooms.people import (
    appoint,
    grant_password,
    join,
    make_guest,
    make_namespace,
    make_process,
    make_room,
    make_user,
)

pytestmark = pytest.mark.django_db


def rooms_for(person: Person, **fields: Any) -> RoomsPage:
    """List /games as this person sees it."""
    return list_rooms("/games", person, timezone.now(), **fields)


def codes(person: Person) -> dict[str, str | None]:
    """Give the code of each room."""
    return {room["name"]: room["code"] for room in rooms_for(person).rooms}


def names(page: RoomsPage) -> list[str]:
    """Give the names of a page."""
    return [room["name"] for room in page.rooms]


def test_each_room_says_what_a_join_without_credentials_gets() -> None:
    make_room("open", title="All welcome", capacity=9)
    make_room("login", access="login")
    password = make_room("password", access="password", password="sesame")
    make_room("members", access="members")
    make_room("closed", is_open=False)
    make_room("full", capacity=1)
    make_room("elsewhere", namespace=make_namespace("/news"))
    inside, guest, alice = make_guest(), make_guest(), make_user("alice")
    join(inside, "full")
    assert codes(guest) == {
        "closed": "room_closed",
        "full": "room_full",
        "login": "login_required",
        "members": "login_required",
        "open": None,
        "password": "password_required",
    }
    assert codes(inside)["full"] is None
    assert codes(alice)["members"] == "not_a_member"
    grant_password(password, guest)
    assert codes(guest)["password"] is None
    shown = next(room for room in rooms_for(guest).rooms if room["name"] == "open")
    assert shown == {
        "name": "open",
        "title": "All welcome",
        "access": "open",
        "code": None,
        "locked": False,
        "joined": False,
        "members": 0,
        "capacity": 9,
    }


def test_joined_and_members_are_of_this_socket_and_of_all_processes() -> None:
    make_room()
    make_process("other")
    make_process("dead", lease_s=-1)
    guest = make_guest()
    join(guest)
    join(guest)
    join(make_guest(), process_id="other")
    join(make_guest(), process_id="dead")
    (room,) = rooms_for(guest, joined={"csgo"}).rooms
    assert (room["members"], room["joined"]) == (2, True)


def test_hidden_rooms_are_listed_for_members_and_moderators_alone() -> None:
    hidden = make_room("hidden", is_listed=False)
    make_room("shown")
    member, stranger = make_user("alice"), make_user("bob")
    appoint(hidden, member, "member")
    assert names(rooms_for(make_guest())) == ["shown"]
    assert names(rooms_for(stranger)) == ["shown"]
    assert names(rooms_for(member)) == ["hidden", "shown"]
    assert names(rooms_for(make_user("root", is_superuser=True))) == ["hidden", "shown"]


def test_pages_are_by_name_after_the_last_name_seen() -> None:
    for name in ("c", "a", "b", "d"):
        make_room(name)
    first = rooms_for(make_guest(), limit=2)
    assert (names(first), first.has_more) == (["a", "b"], True)
    second = rooms_for(make_guest(), limit=2, after="b")
    assert (names(second), second.has_more) == (["c", "d"], False)


def test_search_looks_into_names_and_titles_and_takes_signs_as_they_are() -> None:
    make_room("csgo")
    make_room("bt1", title="CS of old")
    make_room("100%")
    assert names(rooms_for(make_guest(), search="cs")) == ["bt1", "csgo"]
    assert names(rooms_for(make_guest(), search="%")) == ["100%"]


def test_what_a_recheck_has_found_is_in_the_list_though_it_bypassed_the_signals() -> None:
    room, guest = make_room(), make_guest()
    assert codes(guest) == {"csgo": None}
    Ban.objects.bulk_create([Ban(room=room, guest_id=guest.guest_id or "")])
    find_rooms([("/games", "csgo")])
    assert codes(guest) == {"csgo": "banned"}


def test_a_hundred_rooms_cost_as_many_queries_as_one() -> None:
    alice = make_user("alice")
    make_room("a", access="password", password="sesame")
    with CaptureQueriesContext(connection) as one:
        rooms_for(alice)
    namespace = make_namespace()
    Room.objects.bulk_create(
        Room(namespace=namespace, name=f"room {number}", access="login") for number in range(99)
    )
    with CaptureQueriesContext(connection) as hundred:
        assert len(rooms_for(alice).rooms) == 100
    assert len(hundred) == len(one)
    with CaptureQueriesContext(connection) as guests:
        rooms_for(make_guest(), powers=NO_POWERS)
    assert len(guests) <= 4


def test_members_are_persons_with_their_roles_and_sockets() -> None:
    room = make_room()
    alice, guest = make_user("alice"), make_guest("Gwen")
    appoint(room, alice, "owner")
    join(alice)
    join(guest)
    join(guest)
    members, count = list_members(room.pk, timezone.now())
    assert members == [
        {"id": guest.key, "name": "Gwen", "role": None, "sockets": 2},
        {"id": alice.key, "name": "alice", "role": "owner", "sockets": 1},
    ]
    assert count == 2


def test_more_members_than_a_page_are_counted_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MEMBERS_PAGE", 2)
    room = make_room()
    for number in range(3):
        join(make_guest(f"G{number}"))
    members, count = list_members(room.pk, timezone.now())
    assert ([member["name"] for member in members], count) == (["G0", "G1"], 3)
