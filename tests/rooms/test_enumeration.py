"""Nobody finds out which rooms there are: hidden ones answer, cost and are counted as missing ones.

Source: SAFETY section 2, row 8; DESIGN section 6, "What is hidden".
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.exceptions import Refused
from realtime.namespaces.database import in_database
from rooms import records
from rooms.consumers import RoomNamespace
from rooms.joining import CheckedPassword, Denied, PasswordNeeded
from rooms.laws import laws_in_memory
from rooms.models import AccessRule, Ban, DecisionRecord, Mute, Room
from rooms.people import Person, Powers
from rooms.policy_values import NamespacePolicy, Policy
from rooms.powers import find_floor
from rooms.reading import read_history, read_members
from tests.rooms.people import (
    appoint,
    ask,
    connect_person,
    denied,
    join,
    make_guest,
    make_namespace,
    make_room,
    make_user,
    request_join,
)
from tests.rooms.sockets import serving

pytestmark = pytest.mark.django_db

GIVEN: list[dict[str, Any]] = [
    {},
    {"password_given": True},
    {"invitation": "guessed"},
    {"since": 3},
    {},
    {"password_given": True, "invitation": "guessed"},
]
KINDS: dict[str, dict[str, Any]] = {
    "for users": {"access": "login"},
    "password": {"access": "password", "password": "sesame"},
    "members": {"access": "members"},
    "invitation": {"access": "invitation"},
    "groups": {"access": "groups"},
    "closed": {"is_open": False},
    "full": {"capacity": 1},
    "banned": {},
    "ruled": {},
    "busy": {"access": "password", "password": "sesame"},
}


def make_hidden(kind: str, person: Person) -> Room:
    """Make a hidden room that this person may not enter."""
    room = make_room("hidden", is_listed=False, **KINDS[kind])
    room.groups.add(Group.objects.create(name="staff"))
    if kind == "full":
        join(make_guest(), "hidden")
    elif kind == "banned":
        Ban.objects.create(room=room, user_id=person.user_id, guest_id=person.guest_id or "")
        Mute.objects.create(room=room, network="192.0.2.0/24")
    elif kind == "ruled":
        AccessRule.objects.create(room=room, effect="deny", subject="everyone")
        AccessRule.objects.create(room=room, effect="allow", subject="everyone", action="send")
    elif kind == "busy":
        # Others come and go: what they have made the process remember must not show.
        appoint(room, (member := make_user("member")), "member")
        join(member, "hidden")
    return room


def statements(work: Callable[[], Any]) -> list[str]:
    """Give what is asked of the database, without the values, from nothing remembered."""
    laws_in_memory.clear()
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"].split("(")[0].split(" FROM ")[0] for query in captured]


def try_room(person: Person, name: str, given: dict[str, Any]) -> tuple[list[str], Denied]:
    """Try to join, an unchecked password checked on the way; give statements and denial."""
    request = request_join(person, name, **given)
    outcomes = []

    def work() -> None:
        outcome = ask(request)
        if isinstance(outcome, PasswordNeeded):
            checked = CheckedPassword(outcome.encoded, is_right=False)
            outcome = ask(replace(request, checked_password=checked, powers=outcome.powers))
        outcomes.append(outcome)

    asked = [sql for sql in statements(work) if not sql.startswith(("SAVEPOINT", "RELEASE"))]
    assert isinstance(outcomes[0], Denied)
    return asked, outcomes[0]


@pytest.mark.parametrize(
    ("who", "kind"),
    [("guest", kind) for kind in KINDS] + [("user", kind) for kind in KINDS if kind != "for users"],
)
def test_each_try_at_a_hidden_room_asks_the_database_what_one_at_a_missing_room_does(
    who: str, kind: str
) -> None:
    person = make_guest() if who == "guest" else make_user("alice")
    make_hidden(kind, person)
    refs: dict[str, list[str]] = {}
    for given in GIVEN:
        found, said = [], []
        for name in ("hidden", "absent"):
            asked, denial = try_room(person, name, given)
            found.append(asked)
            said.append((denial.told.code, denial.told.reason.replace(name, "?")))
            refs.setdefault(name, []).append(denial.ref)
        assert found[0] == found[1]
        assert said[0] == said[1] == ("unknown_room", "Invalid Room Name: ?")
    # A ref that is another after another kind of try would tell as much.
    assert [len(set(given)) for given in refs.values()] == [1, 1]


def test_the_room_that_others_use_costs_a_stranger_what_a_missing_one_does() -> None:
    make_hidden("busy", make_guest())
    for name in ("hidden", "absent"):
        denied(make_guest(), name)
    found = []
    for name in ("hidden", "absent"):
        request = request_join(make_guest(), name)
        with CaptureQueriesContext(connection) as captured:
            ask(request)
        found.append(len(captured))
    assert found[0] == found[1]


def test_what_was_decided_last_stands_in_the_one_record_of_a_hidden_room() -> None:
    guest = make_guest()
    make_hidden("password", guest)
    refs = {try_room(guest, "hidden", given)[1].ref for given in GIVEN[:3]}
    record = DecisionRecord.objects.get()
    assert ({record.ref}, record.count, record.code) == (refs, 3, "password_required")
    wrong = try_room(guest, "hidden", {"password_given": True})[1]
    record.refresh_from_db()
    assert (wrong.ref, record.count, record.code) == (record.ref, 4, "wrong_password")
    assert record.steps[-1] == {
        "check": "room access",
        "outcome": "denied",
        "rule": "room.access:password",
    }


@pytest.mark.parametrize("room", ["hidden", "absent"])
def test_a_try_at_another_process_is_counted_in_the_same_row(
    room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = make_guest()
    make_hidden("password", guest)
    first = try_room(guest, room, {})[1]
    monkeypatch.setattr(records, "recent", records.RecentDenials())
    assert try_room(guest, room, {"password_given": True})[1].ref == first.ref


def test_an_account_that_has_changed_is_read_again_for_a_missing_room_too() -> None:
    alice = make_user("alice")
    make_hidden("members", alice)
    powers = denied(alice, "another").powers
    assert isinstance(powers, Powers)
    get_user_model().objects.get().groups.add(Group.objects.create(name="new"))
    found = [
        try_room(alice, name, {"powers": powers})[0] for name in ("hidden", "absent", "another")
    ]
    assert found[0] == found[1]
    assert any("auth_user" in sql for sql in found[2])


@pytest.mark.parametrize("kind", ["members", "ruled", "banned", "groups", "busy"])
def test_reading_and_moderating_tell_nothing_either(kind: str) -> None:
    alice = make_user("alice")
    make_hidden(kind, alice)

    def history(name: str) -> None:
        with pytest.raises(Refused, match=name):
            read_history(
                "/games",
                name,
                alice,
                seated_in=None,
                before_offset=None,
                after_offset=None,
                limit=10,
            )

    def members(name: str) -> None:
        with pytest.raises(Refused, match=name):
            read_members("/games", name, alice, seated_in=None)

    def moderate(name: str) -> None:
        with pytest.raises(Refused, match=f"Invalid Room Name: {name}"):
            find_floor("/games", name, alice, is_joined=False)

    for work in (history, members, moderate):
        hidden, absent = (statements(lambda: work(name)) for name in ("hidden", "absent"))  # noqa: B023
        assert hidden == absent


# What holds in a hidden room counts as in any other.


def test_rules_bans_and_groups_of_a_hidden_room_count_and_end() -> None:
    room = make_room("hidden", is_listed=False, access="groups")
    group = Group.objects.create(name="staff")
    room.groups.add(group)
    alice, guest = make_user("alice"), make_guest()
    assert denied(alice, "hidden").told.code == "unknown_room"
    get_user_model().objects.get().groups.add(group)
    join(alice, "hidden")
    now = timezone.now()
    rule = AccessRule.objects.create(
        room=room, effect="allow", subject="everyone", starts_at=now + timedelta(hours=1)
    )
    denied(guest, "hidden")
    AccessRule.objects.filter(pk=rule.pk).update(starts_at=None, ends_at=now + timedelta(hours=1))
    join(guest, "hidden")
    Mute.objects.create(room=room, guest_id=guest.guest_id or "", reason='a "quiet" one, née ☃')
    mute = join(guest, "hidden").mute
    assert mute is not None
    assert mute.reason == 'a "quiet" one, née ☃'
    network = Ban.objects.create(room=room, network="2001:db8::/64", expires_at=now + timedelta(1))
    here = replace(guest, address=ip_address("2001:db8::7"))
    assert DecisionRecord.objects.get(ref=denied(here, "hidden").ref).rule == f"ban:{network.pk}"
    join(guest, "hidden")
    for expired in (Ban, Mute):
        expired.objects.update(created_at=now - timedelta(2), expires_at=now - timedelta(1))
    assert join(here, "hidden").mute is None


def test_a_row_is_found_by_its_own_namespace_alone() -> None:
    make_room("hidden", is_listed=False)
    socket_id = connect_person(make_guest())
    request = request_join(make_guest(), "hidden", socket_id=socket_id, namespace="/elsewhere")
    outcome = ask(request)
    assert isinstance(outcome, Denied)
    assert outcome.told.code == "unknown_room"


class Own(RoomNamespace):
    """A namespace whose rooms are the application's own."""

    async def get_policy(self, name: str) -> Policy | None:
        """Hide one room; there is no other."""
        policy = Policy(NamespacePolicy("/games"), name, access="members", is_listed=False)
        return policy if name == "hidden" else None


@pytest.mark.django_db(transaction=True)
async def test_a_missing_room_of_another_model_answers_as_a_hidden_one_to_the_last_try() -> None:
    await in_database(make_namespace)
    async with serving(Own) as site:
        client = await site.connect()
        for attempt in range(7):
            said = []
            for room in ("hidden", "absent"):
                asked = {"room": room, **({"password": "guess"} if attempt else {})}
                answer = await client.call("joinRoom", asked)
                said.append((answer["code"], sorted(answer)))
            assert said[0] == said[1]
        assert said[0][0] == "rate_limited"


@pytest.mark.django_db(transaction=True)
async def test_who_is_told_of_no_room_is_told_so_in_even_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = []

    async def wait(begun_at: float) -> None:
        waits.append(begun_at)

    monkeypatch.setattr("rooms.consumers.even_out", wait)
    monkeypatch.setattr("rooms.even_time.even_out", wait)
    await in_database(make_hidden, "password", make_guest())
    await in_database(make_room, "seen", access="login")
    tries: list[tuple[str, dict[str, Any], int]] = [
        ("joinRoom", {}, 1),
        # Before the password is checked, and after.
        ("joinRoom", {"password": "guess"}, 2),
        ("history", {}, 1),
        ("members", {}, 1),
        ("kick", {"user": "7"}, 1),
        ("sanctions", {}, 1),
    ]
    async with serving() as site:
        client = await site.connect()
        for event, given, expected in tries:
            for room in ("hidden", "absent"):
                waits.clear()
                assert not (await client.call(event, {"room": room, **given}))["ok"]
                assert len(waits) == expected, (event, given)
        waits.clear()
        assert (await client.call("joinRoom", "seen"))["code"] == "login_required"
        assert waits == []
