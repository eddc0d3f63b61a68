"""Moderators' acts and messages are in nobody's way, and still come one after the other."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db import connection, connections, transaction

from realtime.exceptions import Refused
from rooms import moderating
from rooms.models import Ban, Connection, DecisionRecord, Membership, Message, Mute, Room, Seat
from rooms.presence import LEAVING_TURNS, Departure, depart, drop_process
from rooms.registry import lock_rooms
from rooms.sending import send_messages
from rooms.turns import wait_turn
from tests.rooms.people import (
    connect_person,
    join,
    make_guest,
    make_namespace,
    make_room,
    make_user,
    request_send,
    send,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20
TOGETHER = 8


@pytest.fixture(autouse=True)
def _many_writers() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(TOGETHER) as executor:
        yield executor


def closing(work: Callable[[], Any]) -> Callable[[], Any]:
    """Give work for a thread, whose connection is closed after it."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return run


def storing(room: Room, pool: ThreadPoolExecutor) -> AbstractContextManager[None]:
    """Hold a room as somebody does who stores a message in it."""
    return holding(lambda: lock_rooms({room.pk}), pool)


@contextmanager
def holding(take: Callable[[], object], pool: ThreadPoolExecutor) -> Iterator[None]:
    """Hold in another transaction what ``take`` takes."""
    held, is_over = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            take()
            held.set()
            assert is_over.wait(PATIENCE_S)

    holding = pool.submit(closing(hold))
    assert held.wait(PATIENCE_S)
    try:
        yield
    finally:
        is_over.set()
        holding.result(PATIENCE_S)


def wait_until_somebody_waits() -> None:
    """Return once a transaction waits for a lock; within one this would see the past."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_somebody_waiting():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (count,) = cursor.fetchone()
    return bool(count)


@pytest.mark.parametrize("act", [moderating.kick, moderating.ban, moderating.mute])
def test_an_act_does_not_wait_for_messages_that_are_being_stored(
    act: Callable[[Room, Any], Any], pool: ThreadPoolExecutor
) -> None:
    room, guest = make_room(), make_guest()
    join(guest)
    with storing(room, pool):
        pool.submit(closing(lambda: act(room, guest))).result(PATIENCE_S)
        assert DecisionRecord.objects.filter(kind="moderation").count() == 1


def test_a_join_does_not_wait_for_messages_that_are_being_stored(pool: ThreadPoolExecutor) -> None:
    room, guest = make_room(), make_guest()
    with storing(room, pool):
        pool.submit(closing(lambda: join(guest))).result(PATIENCE_S)
    assert Seat.objects.get().room_id == room.pk


def test_of_one_who_leaves_with_two_sockets_at_once_the_last_is_told_as_the_last(
    pool: ThreadPoolExecutor,
) -> None:
    room, guest = make_room(), make_guest()
    one, other = connect_person(guest, "process-1"), connect_person(guest, "process-2")
    join(guest, socket_id=one, process_id="process-1")
    join(guest, socket_id=other, process_id="process-2")
    with holding(lambda: depart([Departure(one, room.pk)]), pool):
        leaving = pool.submit(closing(lambda: depart([Departure(other, room.pk)])))
        wait_until_somebody_waits()
    ((left,),) = leaving.result(PATIENCE_S)
    assert (left.members, left.sockets) == (0, 0)


def test_who_is_gone_from_many_rooms_at_once_holds_few_locks() -> None:
    """PostgreSQL has memory for some thousands: a dead process may have had people in more."""
    namespace, guest = make_namespace(), make_guest()
    rooms = Room.objects.bulk_create(
        Room(namespace=namespace, name=f"room {number}") for number in range(1_000)
    )
    socket_id = connect_person(guest)
    process_id = Connection.objects.get().process_id
    Seat.objects.bulk_create(
        Seat(room=room, connection_id=socket_id, process_id=process_id, person_key=guest.key)
        for room in rooms
    )
    with transaction.atomic():
        assert len(drop_process(process_id)) == len(rooms)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
            (count,) = cursor.fetchone()
    assert 0 < count <= LEAVING_TURNS


def test_a_send_that_waited_is_decided_by_what_happened_meanwhile(pool: ThreadPoolExecutor) -> None:
    room, guest = make_room(), make_guest()
    joined = join(guest)
    with storing(room, pool):
        sending: Future[Any] = pool.submit(
            closing(lambda: send_messages([request_send(guest, joined)]))
        )
        wait_until_somebody_waits()
        pool.submit(closing(lambda: moderating.mute(room, guest))).result(PATIENCE_S)
    (outcome,) = sending.result(PATIENCE_S)
    assert isinstance(outcome, Refused)
    assert outcome.code == "muted"
    assert not Message.objects.exists()


@pytest.mark.parametrize(("act", "rows"), [(moderating.ban, Ban), (moderating.mute, Mute)])
def test_of_many_who_ban_one_at_once_the_last_replaces_the_others(
    act: Callable[[Room, Any], Any], rows: type[Ban] | type[Mute], pool: ThreadPoolExecutor
) -> None:
    room, guest = make_room(), make_guest()
    acts = [pool.submit(closing(lambda: act(room, guest))) for _ in range(TOGETHER)]
    for done in acts:
        done.result(PATIENCE_S)
    assert rows.objects.filter(room=room).count() == 1


def test_many_who_appoint_one_at_once_make_one_membership(pool: ThreadPoolExecutor) -> None:
    room, alice = make_room(), make_user("alice")
    acts = [
        pool.submit(closing(lambda: moderating.set_role(room, alice, "moderator")))
        for _ in range(TOGETHER)
    ]
    for done in acts:
        done.result(PATIENCE_S)
    assert Membership.objects.get().role == "moderator"


def test_kicks_of_one_and_of_all_end_while_others_write(pool: ThreadPoolExecutor) -> None:
    """No two of them wait for each other in a circle."""
    room, guests = make_room(), [make_guest() for _ in range(4)]
    seats = [(guest, join(guest)) for guest in guests for _tab in range(3)]
    works: list[Callable[[], Any]] = []
    for number in range(24):
        guest, joined = seats[number % len(seats)]
        works += [
            partial(moderating.kick, room, guest),
            partial(moderating.evict_everybody, room),
            partial(send, guest, joined),
        ]
    for done in [pool.submit(closing(work)) for work in works]:
        done.result(PATIENCE_S)
    room.refresh_from_db()
    offsets = Message.objects.order_by("offset").values_list("offset", flat=True)
    assert list(offsets) == list(range(1, 25))
    assert room.last_offset == 24
    assert not Seat.objects.filter(kicked_at=None).exists()


def test_a_turn_is_of_one_name(pool: ThreadPoolExecutor) -> None:
    def take(name: str) -> None:
        with transaction.atomic():
            wait_turn(name)

    with holding(lambda: wait_turn("one"), pool):
        pool.submit(closing(lambda: take("another"))).result(PATIENCE_S)
        same = pool.submit(closing(lambda: take("one")))
        wait_until_somebody_waits()
        assert not same.done()
    same.result(PATIENCE_S)
