"""Versions: seen with the change that raised them, never falling, and in nobody's way."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.utils import timezone

from rooms import versions
from rooms.changes import Placed
from rooms.models import AccessRule, Ban, Grant, Invitation, Membership, Mute, PolicyChange, Room
from rooms.models.versions import SITE_KEY
from rooms.reading_versions import raise_offset
from rooms.registry import find_rooms
from rooms.versions import fold_changes, raise_versions, read_versions
from tests.rooms.people import make_namespace, make_room

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20


def known_version(namespace: str = "/games", room: str = "csgo") -> int:
    return find_rooms([(namespace, room)])[namespace, room].version


def test_every_reader_of_a_version_finds_the_same() -> None:
    room = make_room()
    raise_versions("/games", SITE_KEY)
    found = read_versions()
    assert known_version() == found["/games"] + found[SITE_KEY] == raise_offset(room, 1)[0]


def test_each_call_raises_and_a_key_named_twice_counts_once() -> None:
    raise_versions("/a", "/a")
    raise_versions("/a")
    assert read_versions() == {"/a": 2}


@pytest.mark.parametrize("model", [AccessRule, Ban, Mute, Membership, Invitation])
def test_a_row_that_moves_raises_where_it_held_and_where_it_holds(model: type[Placed]) -> None:
    here, there = make_room(), make_room(namespace=make_namespace("/news"))
    user = get_user_model().objects.create_user("alice")
    fields: dict[type[Placed], dict[str, Any]] = {
        AccessRule: {"effect": "allow"},
        Ban: {"guest_id": "g"},
        Mute: {"guest_id": "g"},
        Membership: {"user": user},
        Invitation: {"digest": "d"},
    }
    row = model.objects.create(room=here, **fields[model])
    before = read_versions()
    row.room = there
    row.save()
    after = read_versions()
    assert after["/games"] > before["/games"]
    assert after["/news"] > before["/news"]
    row.save()
    # What has moved away is no concern of where it was any more.
    assert read_versions()["/games"] == after["/games"]


def test_a_grant_raises_when_it_is_taken_back_and_not_when_it_is_given() -> None:
    room = make_room()
    before = read_versions()
    grant = Grant.objects.create(room=room, guest_id="g", via="password", password_version="v")
    assert read_versions() == before
    grant.revoked_at = timezone.now()
    grant.save()
    assert read_versions()["/games"] > before["/games"]


def test_what_is_rolled_back_was_no_change() -> None:
    raise_versions("/a")
    with transaction.atomic():
        raise_versions("/a", "/b")
        transaction.set_rollback(True)
    assert read_versions() == {"/a": 1}


def test_folding_keeps_every_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "ROWS_MOST", 3)
    for _ in range(4):
        raise_versions("/a", "/b")
    raise_versions("/b")
    raise_versions("/c")
    before = read_versions()
    assert fold_changes() == 4 - 1 + 5 - 1
    assert read_versions() == before == {"/a": 4, "/b": 5, "/c": 1}
    assert PolicyChange.objects.count() == 3
    assert fold_changes() == 0


def test_two_who_save_in_opposite_orders_both_commit() -> None:
    """Each has saved in one namespace before either saves in the other."""
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time: nothing to wait for each other in a circle")
    places = [make_namespace("/a"), make_namespace("/b")]
    rooms = [make_room(name, namespace=place) for name in ("one", "two") for place in places]
    before = read_versions()
    meeting, failures = Barrier(2, timeout=PATIENCE_S), list[Exception]()

    def save(first: Room, then: Room) -> None:
        try:
            with transaction.atomic():
                first.save()
                meeting.wait()
                then.save()
        except Exception as error:  # noqa: BLE001 - it is the test's to judge
            failures.append(error)
        finally:
            connections.close_all()

    a_one, b_one, a_two, b_two = rooms
    run_together(lambda: save(a_one, b_one), lambda: save(b_two, a_two))
    assert failures == []
    after = read_versions()
    assert {key: after[key] - before[key] for key in ("/a", "/b")} == {"/a": 2, "/b": 2}


def test_folding_waits_for_nobody_and_loses_no_change_that_is_not_committed() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time")
    for _ in range(versions.ROWS_MOST + 1):
        raise_versions("/a")
    raised, folded = Barrier(2, timeout=PATIENCE_S), Barrier(2, timeout=PATIENCE_S)

    def raise_slowly() -> None:
        with transaction.atomic():
            raise_versions("/a")
            raised.wait()
            folded.wait()
        connections.close_all()

    def fold() -> None:
        raised.wait()
        fold_changes()
        folded.wait()
        connections.close_all()

    run_together(raise_slowly, fold)
    assert read_versions() == {"/a": versions.ROWS_MOST + 2}
    assert PolicyChange.objects.count() == 2


def run_together(*works: Callable[[], None]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
