"""Fifty at once: a capacity and an invitation's uses hold, whatever the database."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from rooms.joining import Denied, Joined, JoinRequest, Outcome, join_rooms
from rooms.models import Grant, Invitation, Seat
from tests.rooms.people import make_guest, make_room, request_join

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
