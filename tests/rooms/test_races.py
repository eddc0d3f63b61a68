"""Fifty at once: a capacity and an invitation's uses hold, whatever the database."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections

from rooms.joining import Denied, Joined, JoinRequest, Outcome, join_rooms
from rooms.models import Grant, Invitation, Process, Seat
from rooms.presence import Orphan, sweep
from tests.rooms.people import join, make_guest, make_process, make_room, request_join

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 50
THREADS = 10


def join_at_once(requests: list[JoinRequest]) -> list[Outcome | Exception]:
    """Run each join in a transaction of its own, ten at a time."""

    def run(request: JoinRequest) -> Outcome | Exception:
        try:
            return join_rooms([request])[0]
        finally:
            connections.close_all()

    if connection.vendor == "sqlite":
        # A test's database is in memory and has one connection: there batches are what meets.
        return join_rooms(requests)
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, requests))


def codes(outcomes: list[Outcome | Exception]) -> set[str]:
    return {outcome.told.code for outcome in outcomes if isinstance(outcome, Denied)}


def test_a_room_for_ten_takes_ten_of_fifty() -> None:
    make_room(capacity=10)
    outcomes = join_at_once([request_join(make_guest()) for _ in range(AT_ONCE)])
    assert sum(isinstance(outcome, Joined) for outcome in outcomes) == 10
    assert codes(outcomes) == {"room_full"}
    assert Seat.objects.count() == 10


def test_an_invitation_for_one_lets_in_one_of_fifty() -> None:
    room = make_room(access="invitation")
    invitation, token = Invitation.objects.issue(room)
    outcomes = join_at_once([request_join(make_guest(), invitation=token) for _ in range(AT_ONCE)])
    assert sum(isinstance(outcome, Joined) for outcome in outcomes) == 1
    assert codes(outcomes) == {"invalid_invitation"}
    invitation.refresh_from_db()
    assert (invitation.uses, Grant.objects.count()) == (1, 1)


def test_one_person_in_fifty_tabs_uses_an_invitation_once() -> None:
    room = make_room(access="invitation")
    invitation, token = Invitation.objects.issue(room)
    guest = make_guest()
    outcomes = join_at_once([request_join(guest, invitation=token) for _ in range(AT_ONCE)])
    assert all(isinstance(outcome, Joined) for outcome in outcomes)
    invitation.refresh_from_db()
    assert (invitation.uses, Grant.objects.count()) == (1, 1)


def test_of_ten_who_sweep_at_once_each_person_is_given_to_one() -> None:
    make_room()
    persons = {f"{number} of {process}" for process in range(4) for number in range(5)}
    for name in persons:
        process_id = f"dead-{name[-1]}"
        make_process(process_id, lease_s=-1)
        join(make_guest(name), process_id=process_id)
    started = Barrier(THREADS, timeout=20)

    def sweep_with_the_others() -> list[Orphan]:
        try:
            started.wait()
            return sweep()
        finally:
            connections.close_all()

    if connection.vendor == "sqlite":
        found = [sweep() for _ in range(THREADS)]
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            tasks = [pool.submit(sweep_with_the_others) for _ in range(THREADS)]
            found = [task.result() for task in tasks]
    assert sorted(orphan.name for orphans in found for orphan in orphans) == sorted(persons)
    assert not Seat.objects.exists()
    assert not Process.objects.exists()
