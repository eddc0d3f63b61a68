"""Joining: decided on rows just read, up to the capacity, telling nothing of hidden rooms."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from rooms import records
from rooms.joining import CheckedPassword, Denied, Joined, PasswordNeeded, join_rooms
from rooms.models import AccessRule, DecisionRecord, Grant, Seat
from rooms.passwords import is_right
from rooms.people import Person
from tests.rooms.people import (
    appoint,
    ask,
    connect_person,
    denied,
    fill,
    join,
    make_guest,
    make_namespace,
    make_process,
    make_room,
    make_user,
    offsets,
    request_join,
)

pytestmark = pytest.mark.django_db


def told(outcome: Denied) -> tuple[str, str]:
    """Give what a denied client hears, ref aside."""
    return outcome.told.code, outcome.told.reason


def try_password(person: Person, room: str, password: str, **fields: Any) -> Any:
    """Join with a password, checking it where that is asked for."""
    request = request_join(person, room, password_given=True, **fields)
    outcome = ask(request)
    if not isinstance(outcome, PasswordNeeded):
        return outcome
    checked = CheckedPassword(outcome.encoded, is_right(password, outcome.encoded))
    return ask(replace(request, checked_password=checked))


def test_an_open_room_seats_whoever_asks_and_counts_persons_and_sockets() -> None:
    make_room()
    alice, guest = make_user("alice"), make_guest()
    first, second, third = join(alice), join(alice), join(guest)
    assert [(one.members, one.sockets) for one in (first, second, third)] == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]
    assert Seat.objects.count() == 3


def test_joining_again_counts_nothing_twice() -> None:
    make_room()
    guest = make_guest()
    socket_id = connect_person(guest)
    join(guest, socket_id=socket_id)
    again = join(guest, socket_id=socket_id, is_joined=True)
    assert (again.members, again.sockets) == (1, 1)
    assert Seat.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "guest_code", "user_code"),
    [
        ({"access": "login"}, "login_required", None),
        ({"access": "password", "password": "sesame"}, "password_required", "password_required"),
        ({"access": "members"}, "login_required", "not_a_member"),
        ({"access": "invitation"}, "invitation_required", "invitation_required"),
        ({"access": "groups"}, "login_required", "forbidden"),
        ({"is_open": False}, "room_closed", "room_closed"),
    ],
)
def test_each_access_kind_denies_with_its_code(
    fields: dict[str, Any], guest_code: str, user_code: str | None
) -> None:
    make_room(**fields)
    assert denied(make_guest()).told.code == guest_code
    if user_code is None:
        join(make_user("alice"))
    else:
        assert denied(make_user("alice")).told.code == user_code


def test_a_closed_namespace_denies_everybody_even_a_superuser() -> None:
    make_room(namespace=make_namespace(is_open=False))
    assert denied(make_user("root", is_superuser=True)).told.code == "namespace_closed"


def test_superusers_members_and_moderators_pass_every_access_kind() -> None:
    room = make_room(access="members")
    join(make_user("root", is_superuser=True))
    member = make_user("alice")
    appoint(room, member, "moderator")
    assert join(member).standing.role == "moderator"


def test_a_missing_room_is_named_in_the_denial() -> None:
    make_namespace()
    outcome = denied(make_guest(), "csgo2")
    assert told(outcome) == ("unknown_room", "Invalid Room Name: csgo2")


def test_a_hidden_room_says_the_truth_to_its_members() -> None:
    room = make_room("hidden", is_listed=False, is_open=False)
    member = make_user("alice")
    appoint(room, member, "member")
    assert denied(member, "hidden").told.code == "room_closed"


def test_a_right_password_admits_and_stands_until_it_is_changed() -> None:
    room = make_room(access="password", password="sesame")
    guest = make_guest()
    wrong = try_password(guest, "csgo", "Sesame")
    assert isinstance(wrong, Denied)
    assert wrong.told.code == "wrong_password"
    assert isinstance(try_password(guest, "csgo", "sesame"), Joined)
    join(guest)
    room.set_password("other")
    room.save()
    assert denied(guest).told.code == "password_required"
    assert isinstance(try_password(guest, "csgo", "other"), Joined)
    assert Grant.objects.count() == 1


def test_a_right_password_opens_a_hidden_room_and_a_wrong_one_does_not_show_it() -> None:
    make_room("hidden", is_listed=False, access="password", password="sesame")
    assert isinstance(try_password(make_guest(), "hidden", "sesame"), Joined)
    wrong = try_password(make_guest(), "hidden", "guess")
    missing = try_password(make_guest(), "absent", "guess")
    assert told(wrong)[0] == told(missing)[0] == "unknown_room"


def test_a_password_that_was_changed_while_it_was_checked_proves_nothing() -> None:
    room = make_room(access="password", password="sesame")
    stale = CheckedPassword(room.password, is_right=True)
    room.set_password("other")
    room.save()
    outcome = denied(make_guest(), password_given=True, checked_password=stale)
    assert outcome.told.code == "wrong_password"
    assert not Grant.objects.exists()


def test_a_password_is_not_asked_for_where_nothing_hangs_on_it() -> None:
    make_room("open")
    make_room("closed", is_open=False)
    assert isinstance(ask(request_join(make_guest(), "open", password_given=True)), Joined)
    assert isinstance(ask(request_join(make_guest(), "closed", password_given=True)), Denied)


def test_a_batch_never_seats_more_persons_than_the_capacity() -> None:
    make_room(capacity=3)
    guests = [make_guest() for _ in range(10)]
    outcomes = join_rooms([request_join(guest) for guest in guests])
    assert [isinstance(outcome, Joined) for outcome in outcomes] == [True] * 3 + [False] * 7
    full = outcomes[-1]
    assert isinstance(full, Denied)
    assert full.told.code == "room_full"
    # A further tab of one who is inside needs no seat.
    assert join(guests[0]).members == 3


def test_a_seat_of_an_expired_lease_is_free() -> None:
    make_room(capacity=1)
    dead = make_guest()
    make_process("dead", lease_s=-1)
    join(dead, process_id="dead")
    assert join(make_guest()).members == 1


def test_a_denial_is_recorded_and_equal_ones_within_a_minute_are_counted() -> None:
    make_room(access="login")
    guest = make_guest()
    refs = {denied(guest).ref for _ in range(3)}
    batch = join_rooms([request_join(guest), request_join(guest)])
    refs |= {outcome.ref for outcome in batch if isinstance(outcome, Denied)}
    (record,) = DecisionRecord.objects.all()
    assert refs == {record.ref}
    assert record.count == 5
    assert (record.code, record.room, record.person_key) == ("login_required", "csgo", guest.key)
    assert record.steps[-1]["outcome"] == "denied"
    assert denied(make_guest()).ref not in refs


def test_joins_that_are_let_in_are_recorded_by_setting(settings: Settings) -> None:
    make_room(access="login")
    alice = make_user("alice")
    join(alice)
    assert not DecisionRecord.objects.exists()
    settings.REALTIME = {"RECORD_JOINS": True}
    first, second = (join(alice), join(alice))
    join(alice, is_joined=True)
    denied(make_guest())
    rows = DecisionRecord.objects.filter(kind="join", allowed=True)
    assert [(row.code, row.rule, row.room, row.person_key, row.count) for row in rows] == [
        ("", "room.access:login", "csgo", alice.key, 1)
    ] * 2
    assert rows[0].steps[-1] == {"check": "capacity", "outcome": "passed", "rule": ""}
    assert first.members == second.members == 1
    assert DecisionRecord.objects.filter(allowed=False).count() == 1


def test_a_denial_whose_row_is_gone_gets_a_row_again() -> None:
    make_room(access="login")
    guest = make_guest()
    denied(guest)
    DecisionRecord.objects.all().delete()
    assert DecisionRecord.objects.filter(ref=denied(guest).ref, count=1).exists()


def test_a_denial_that_another_process_began_is_counted_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_room(access="login")
    guest = make_guest()
    first = denied(guest)
    monkeypatch.setattr(records, "recent", records.RecentDenials())
    assert denied(guest).ref == first.ref


def statements(request: Any) -> list[str]:
    """Run a join and give its statements, those of the transaction left out."""
    with CaptureQueriesContext(connection) as captured:
        ask(request)
    return [
        query["sql"] for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
    ]


@pytest.mark.parametrize("given", [{}, {"invitation": "guessed"}])
@pytest.mark.parametrize(
    "room",
    [
        "login",
        "password",
        "invitation",
        "members",
        "closed",
        "denying",
        "full",
        "hidden",
        "hidden and full",
        "missing",
    ],
)
def test_a_denied_join_costs_one_query_and_the_write_of_its_record(
    room: str, given: dict[str, Any]
) -> None:
    make_room("login", access="login")
    make_room("password", access="password", password="sesame")
    make_room("invitation", access="invitation")
    make_room("members", access="members")
    make_room("closed", is_open=False)
    denying = make_room("denying")
    AccessRule.objects.create(room=denying, effect="deny", subject="everyone")
    make_room("hidden", access="password", password="sesame", is_listed=False)
    make_room("full", capacity=1)
    make_room("hidden and full", capacity=1, is_listed=False)
    for full in ("full", "hidden and full"):
        join(make_guest(), full)
    guest = make_guest()
    denied(guest, room, **given)
    request = request_join(guest, room, **given)
    assert len(statements(request)) == 2


def test_somebody_inside_a_full_room_may_come_in_again() -> None:
    make_room(capacity=1)
    guest = make_guest()
    join(guest)
    outcomes = join_rooms([request_join(make_guest()), request_join(guest)])
    assert [isinstance(outcome, Joined) for outcome in outcomes] == [False, True]


def test_a_users_denied_join_costs_no_more_once_the_account_is_known() -> None:
    make_room(access="members")
    alice = make_user("alice")
    powers = denied(alice).powers
    assert powers is not None
    assert len(statements(request_join(alice, powers=powers))) == 2


def test_a_batch_costs_as_many_statements_as_one_join() -> None:
    make_room()
    join(make_guest())  # what holds in the room is remembered from here on
    one = request_join(make_guest())
    many = [request_join(make_guest()) for _ in range(50)]
    with CaptureQueriesContext(connection) as alone:
        join_rooms([one])
    with CaptureQueriesContext(connection) as together:
        join_rooms(many)
    assert len(together) == len(alone)


# What a joiner is given of the past.


def test_without_since_the_latest_page_comes_in_offset_order() -> None:
    room = make_room()
    fill(room, 5)
    snapshot = join(make_guest(), page=3).snapshot
    assert (snapshot.epoch, snapshot.offset) == (room.epoch, 5)
    assert offsets(snapshot.page.messages) == [3, 4, 5]
    assert snapshot.page.has_more
    assert not snapshot.is_recovered


def test_with_since_the_first_messages_after_it_come_and_more_does_not_spoil_recovery() -> None:
    room = make_room()
    fill(room, 6)
    snapshot = join(make_guest(), page=2, since=2).snapshot
    assert offsets(snapshot.page.messages) == [3, 4]
    assert snapshot.page.has_more
    assert snapshot.is_recovered


def test_since_the_last_offset_is_recovered_with_nothing_to_read() -> None:
    room = make_room()
    fill(room, 2)
    snapshot = join(make_guest(), since=2, epoch=room.epoch).snapshot
    assert snapshot.page.messages == []
    assert snapshot.is_recovered
    assert not snapshot.page.has_more


@pytest.mark.parametrize("fields", [{"since": 9}, {"since": 1, "epoch": "of-another-row"}])
def test_a_since_that_means_nothing_here_gives_the_latest(fields: dict[str, Any]) -> None:
    fill(make_room(), 3)
    snapshot = join(make_guest(), **fields).snapshot
    assert offsets(snapshot.page.messages) == [1, 2, 3]
    assert not snapshot.is_recovered


def test_a_since_before_what_is_kept_is_not_recovered() -> None:
    room = make_room(history_size=2)
    fill(room, 5)
    assert join(make_guest(), since=3).snapshot.is_recovered
    snapshot = join(make_guest(), since=2).snapshot
    assert offsets(snapshot.page.messages) == [4, 5]
    assert not snapshot.is_recovered


def test_a_room_without_history_has_neither_epoch_nor_offset() -> None:
    make_room(history_size=0)
    snapshot = join(make_guest(), since=0).snapshot
    assert (snapshot.epoch, snapshot.offset, snapshot.page.messages) == (None, None, [])
    assert not snapshot.is_recovered
