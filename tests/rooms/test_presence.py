"""Presence counts persons with a live lease, and each seat that ends is told once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from rooms.models import Connection, Process, Room, Seat
from rooms.people import Person
from rooms.presence import (
    Departure,
    Left,
    Place,
    depart,
    drop_everybody,
    register_process,
    renew_lease,
    restore_process,
    sweep,
)
from rooms.reading import read_members
from tests.rooms.people import connect_person, join, make_guest, make_process, make_room

pytestmark = pytest.mark.django_db


def seat(person: Person, *rooms: str, process_id: str = "process-1") -> str:
    """Connect a person, seat them in rooms and give the socket's id."""
    socket_id = connect_person(person, process_id)
    for room in rooms:
        join(person, room, socket_id=socket_id, process_id=process_id)
    return socket_id


def leave(*departures: Departure) -> list[list[Left]]:
    """Run departures together."""
    outcomes = depart(list(departures))
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def test_leaving_a_room_frees_one_seat_and_counts_who_is_left() -> None:
    room = make_room()
    make_room("bt1")
    alice = make_guest()
    first, _second = seat(alice, "csgo", "bt1"), seat(alice, "csgo")
    seat(make_guest(), "csgo")
    ((left,),) = leave(Departure(first, room.pk))
    assert (left.room_id, left.members, left.sockets) == (room.pk, 2, 1)
    assert leave(Departure(first, room.pk)) == [[]]
    assert Connection.objects.filter(pk=first).exists()


def test_a_socket_that_goes_frees_all_its_seats_once() -> None:
    csgo, bt1 = make_room("csgo"), make_room("bt1")
    alice, bob = make_guest(), make_guest()
    one, other = seat(alice, "csgo", "bt1"), seat(bob, "csgo")
    left, nothing = leave(Departure(one), Departure("never there"))
    assert {item.room_id for item in left} == {csgo.pk, bt1.pk}
    assert nothing == []
    assert not Connection.objects.filter(pk=one).exists()
    assert leave(Departure(one)) == [[]]
    ((last,),) = leave(Departure(other))
    assert (last.members, last.sockets) == (0, 0)


def test_leaving_and_going_in_one_batch_tell_each_seat_once() -> None:
    csgo, bt1 = make_room("csgo"), make_room("bt1")
    socket_id = seat(make_guest(), "csgo", "bt1")
    left, gone = leave(Departure(socket_id, csgo.pk), Departure(socket_id))
    assert [item.room_id for item in left] == [csgo.pk]
    assert [item.room_id for item in gone] == [bt1.pk]


def test_who_leaves_in_one_batch_is_counted_as_if_one_had_gone_after_the_other() -> None:
    make_room()
    make_room("bt1")
    alice, bob, carol = make_guest("Alice"), make_guest("Bob"), make_guest("Carol")
    tabs = [seat(alice, "csgo", "bt1"), seat(alice, "csgo"), seat(bob, "csgo"), seat(alice, "csgo")]
    seat(carol, "csgo")
    lefts = leave(*map(Departure, tabs))
    told = [(item.members, item.sockets) for left in lefts for item in left if item.members]
    assert told == [(3, 2), (3, 1), (2, 0), (1, 0)]
    assert [(item.members, item.sockets) for item in lefts[0]][1:] == [(0, 0)]


def test_the_seats_of_a_dead_process_are_given_to_one_sweeper_person_by_person() -> None:
    make_room()
    make_process("dead", lease_s=-1)
    twice, shared, alive = make_guest("Twice"), make_guest("Shared"), make_guest("Alive")
    seat(twice, "csgo", process_id="dead")
    seat(twice, "csgo", process_id="dead")
    seat(shared, "csgo", process_id="dead")
    seat(shared, "csgo")
    seat(alive, "csgo")
    orphans = {orphan.name: orphan for orphan in sweep()}
    assert set(orphans) == {"Twice", "Shared"}
    assert (orphans["Twice"].members, orphans["Twice"].sockets) == (2, 0)
    assert (orphans["Shared"].members, orphans["Shared"].sockets) == (2, 1)
    assert orphans["Twice"].room == "csgo"
    assert orphans["Twice"].namespace == "/games"
    assert orphans["Twice"].shape == {"id": twice.key, "name": "Twice"}
    assert sweep() == []
    assert list(Process.objects.values_list("pk", flat=True)) == ["process-1"]
    assert Connection.objects.count() == Seat.objects.count() == 2


def test_a_sweeper_that_is_not_heard_leaves_it_to_others_where_there_are_some() -> None:
    make_room()
    make_process("dead", lease_s=-1)
    seat(make_guest("Gone"), "csgo", process_id="dead")
    make_process("deaf")
    make_process("other")
    assert sweep(unheard="deaf") == []
    Process.objects.filter(pk="other").update(lease_until=timezone.now())
    assert [orphan.name for orphan in sweep(unheard="deaf")] == ["Gone"]


def test_members_end_with_the_lease_whether_somebody_has_swept_or_not() -> None:
    room = make_room()
    make_process("other")
    here, there = make_guest("Here"), make_guest("There")
    seat(here, "csgo")
    seat(there, "csgo", process_id="other")
    seat(here, "csgo", process_id="other")
    Process.objects.filter(pk="other").update(lease_until=timezone.now())
    members, count = read_members("/games", "csgo", here, seated_in=room.pk)
    assert count == 1
    assert [(member["name"], member["sockets"]) for member in members] == [("Here", 1)]
    assert Seat.objects.count() == 3


def test_a_lease_that_is_renewed_keeps_its_people() -> None:
    make_room()
    seat(make_guest(), "csgo")
    Process.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert renew_lease("process-1", 20)
    assert sweep() == []
    assert Seat.objects.present(timezone.now()).count() == 1


def test_a_process_whose_lease_was_lost_finds_out_and_writes_its_people_again() -> None:
    room = make_room()
    guest = make_guest()
    socket_id = seat(guest, "csgo")
    Process.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert len(sweep()) == 1
    assert not renew_lease("process-1", 20)
    place = Place(socket_id, "process-1", "/games", guest, "websocket", timezone.now())
    for _again in range(2):
        restore_process("process-1", 20, [(place, [room.pk, 10**9])])
    assert list(Seat.objects.values_list("room_id", "connection_id")) == [(room.pk, socket_id)]
    assert renew_lease("process-1", 20)


def test_the_only_server_drops_what_an_earlier_one_left() -> None:
    make_room()
    seat(make_guest(), "csgo")
    drop_everybody()
    assert not Process.objects.exists()
    assert not Connection.objects.exists()
    assert not Seat.objects.exists()


def test_a_process_may_be_registered_twice() -> None:
    register_process("p", 20)
    started_at = Process.objects.get().started_at
    register_process("p", 20)
    process = Process.objects.get()
    assert process.started_at == started_at
    assert process.lease_until > timezone.now()


def test_a_room_that_is_deleted_takes_its_seats_along() -> None:
    make_room()
    socket_id = seat(make_guest(), "csgo")
    Room.objects.all().delete()
    assert leave(Departure(socket_id)) == [[]]


def test_a_user_who_is_deleted_is_counted_no_longer(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("alice")
    make_room()
    seat(Person(str(user.pk), "alice", user_id=str(user.pk)), "csgo")
    user.delete()
    assert Seat.objects.count() == 0
