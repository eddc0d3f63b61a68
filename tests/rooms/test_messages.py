"""Messages are stored once, in order, without gaps, on a decision about the row just read."""

from typing import Any

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from realtime.exceptions import Refused
from rooms import housekeeping, sending
from rooms.models import DecisionRecord, Grant, Message, Room
from rooms.people import NO_STANDING
from rooms.registry import hold_rooms, lock_rooms
from rooms.sending import Draft, Sent, send_messages, store_draft
from rooms.shapes import message_shape
from rooms.versions import raise_versions, read_versions
from tests.rooms.people import (
    appoint,
    fill,
    grant_password,
    join,
    make_guest,
    make_room,
    make_user,
    request_send,
    send,
)

pytestmark = pytest.mark.django_db


def refused(request: Any) -> Refused:
    """Send what has to be refused."""
    (outcome,) = send_messages([request])
    assert isinstance(outcome, Refused), outcome
    return outcome


def test_offsets_count_from_one_without_gaps_over_batches_and_rooms() -> None:
    make_room("csgo")
    make_room("bt1")
    guest = make_guest()
    here, there = join(guest, "csgo"), join(guest, "bt1")
    batch = [
        request_send(guest, here, "a", "csgo"),
        request_send(guest, there, "b", "bt1"),
        request_send(guest, here, "c", "csgo"),
    ]
    first = send_messages(batch)
    second = send_messages(batch)
    assert [sent.offset for sent in [*first, *second] if isinstance(sent, Sent)] == [
        *(1, 1, 2),
        *(3, 2, 4),
    ]
    assert dict(Room.objects.values_list("name", "last_offset")) == {"csgo": 4, "bt1": 2}


def test_event_and_history_show_the_same_message() -> None:
    make_room()
    alice = make_user("alice")
    sent = send(alice, join(alice), "hi", data={"a": [1]}, nonce="n1")
    assert sent.shape == {
        "id": sent.message_id,
        "room": "csgo",
        "offset": 1,
        "user": {"id": alice.key, "name": "alice"},
        "text": "hi",
        "data": {"a": [1]},
        "at": sent.shape["at"],
        "nonce": "n1",
    }
    assert sent.shape["at"].endswith("Z")
    assert len(sent.shape["at"]) == len("2026-11-23T17:00:00.123Z")
    assert message_shape(Message.objects.get(), "csgo") == sent.shape


def test_a_deleted_user_keeps_the_name_and_loses_the_id() -> None:
    room = make_room()
    alice, guest = make_user("alice"), make_guest("Gwen")
    send(alice, join(alice))
    send(guest, join(guest))
    store_draft(room.pk, Draft(room="csgo", text="news", author=None))
    Message.objects.filter(offset=1).get().user.delete()  # type: ignore[union-attr]
    users = [message_shape(row, "csgo")["user"] for row in Message.objects.order_by("offset")]
    assert users == [
        {"id": None, "name": "alice"},
        {"id": guest.key, "name": "Gwen"},
        None,
    ]


def test_a_resend_is_the_same_message_and_is_not_new() -> None:
    make_room()
    guest = make_guest()
    joined = join(guest)
    first = send(guest, joined, "hi", nonce="n1")
    again = send(guest, joined, "hi", nonce="n1")
    assert (again.message_id, again.offset, again.at) == (first.message_id, 1, first.at)
    assert first.is_new
    assert not again.is_new
    assert Message.objects.count() == 1


def test_a_resend_within_one_batch_is_told_once_and_others_are_kept() -> None:
    make_room()
    guest, other = make_guest(), make_guest()
    here, there = join(guest), join(other)
    send(guest, here, "old", nonce="n0")
    outcomes = send_messages(
        [
            request_send(guest, here, "hi", nonce="n1"),
            request_send(guest, here, "old", nonce="n0"),
            request_send(other, there, "hi", nonce="n1"),
            request_send(guest, here, "hi", nonce="n1"),
            request_send(guest, here, "plain"),
        ]
    )
    sent = [outcome for outcome in outcomes if isinstance(outcome, Sent)]
    assert [(one.offset, one.is_new) for one in sent] == [
        (2, True),
        (1, False),
        (3, True),
        (2, False),
        (4, True),
    ]


def test_a_resend_of_a_removed_message_is_still_answered() -> None:
    make_room()
    guest = make_guest()
    joined = join(guest)
    first = send(guest, joined, "hi", nonce="n1")
    Message.objects.update(removed_at=first.at)
    again = send(guest, joined, "hi", nonce="n1")
    assert (again.message_id, again.at) == (first.message_id, first.at)


def test_a_room_without_history_stores_nothing_and_numbers_nothing() -> None:
    make_room(history_size=0)
    guest = make_guest()
    joined = join(guest)
    sent = [send(guest, joined, "hi", nonce="n1") for _ in range(2)]
    assert [(one.offset, one.epoch, one.is_new) for one in sent] == [(None, None, True)] * 2
    assert sent[0].message_id != sent[1].message_id
    assert sent[0].shape["offset"] is None
    assert not Message.objects.exists()
    assert Room.objects.get().last_offset == 0


def test_a_room_that_was_closed_meanwhile_refuses_with_a_ref() -> None:
    room = make_room()
    guest = make_guest()
    joined = join(guest)
    Room.objects.filter(pk=room.pk).update(is_open=False)
    answer = refused(request_send(guest, joined)).answer()
    assert answer["code"] == "room_closed"
    assert answer["room"] == "csgo"
    record = DecisionRecord.objects.get(ref=answer["ref"])
    assert (record.kind, record.rule) == ("send", "room.is_open")


@pytest.mark.parametrize("change", ["deleted", "renamed"])
def test_a_room_that_is_gone_or_renamed_is_closed(change: str) -> None:
    room = make_room()
    guest = make_guest()
    joined = join(guest)
    if change == "deleted":
        room.delete()
    else:
        Room.objects.filter(pk=room.pk).update(name="other")
    assert refused(request_send(guest, joined)).code == "room_closed"


def test_only_moderators_write_in_a_read_only_room_even_if_just_appointed() -> None:
    room = make_room(is_read_only=True)
    alice = make_user("alice")
    joined = join(alice)
    assert refused(request_send(alice, joined)).code == "read_only"
    appoint(room, alice, "moderator")
    assert send(alice, joined).offset == 1


def test_a_grant_that_was_withdrawn_is_noticed_once_it_has_to_be_read_again() -> None:
    room = make_room(access="password", password="sesame")
    guest = make_guest()
    grant_password(room, guest)
    joined = join(guest)
    assert send(guest, joined).offset == 1
    Grant.objects.all().delete()
    stale = sending.SendRequest(
        joined.room_id,
        "/games",
        Draft("csgo", "hi", guest),
        guest,
        joined.standing,
        fresh_for_s=-1,
    )
    assert refused(stale).code == "password_required"


def test_one_refused_draft_does_not_hold_up_the_others() -> None:
    make_room("open")
    make_room("quiet", is_read_only=True)
    guest = make_guest()
    loud, quiet = join(guest, "open"), join(guest, "quiet")
    outcomes = send_messages(
        [
            request_send(guest, quiet, "a", "quiet"),
            request_send(guest, loud, "b", "open"),
            request_send(guest, quiet, "c", "quiet"),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [Refused, Sent, Refused]


def test_a_batch_that_fails_stores_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make_room()
    guest = make_guest()
    joined = join(guest)

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise DataError("no")

    with monkeypatch.context() as patched:
        patched.setattr(sending, "_record_refusals", fail)
        with pytest.raises(DataError):
            send_messages([request_send(guest, joined)])
    assert Room.objects.get().last_offset == 0
    assert send(guest, joined).offset == 1


@pytest.mark.parametrize("kind", ["open", "password", "login"])
def test_an_allowed_send_costs_one_query_besides_its_write(kind: str) -> None:
    room = make_room(access=kind, password="sesame")
    alice = make_user("alice")
    grant_password(room, alice)
    joined = join(alice)
    request = request_send(alice, joined, nonce="n1")
    with CaptureQueriesContext(connection) as captured:
        send_messages([request])
    verbs = [query["sql"].split()[0] for query in captured]
    assert [verb for verb in verbs if verb in {"SELECT", "INSERT", "UPDATE"}] == [
        "SELECT",
        "INSERT",
        "UPDATE",
    ]


def test_a_send_that_is_overtaken_waits_for_the_room_before_it_decides_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Moderators whose acts never cease must not make it busy.
    make_room()
    guest = make_guest()
    joined = join(guest)
    asked: list[str] = []

    def lock(room_ids: Any, **how: Any) -> Any:
        found = lock_rooms(room_ids, **how)
        raise_versions("/games")
        asked.append("decide")
        return found

    def hold(room_ids: Any) -> None:
        hold_rooms(room_ids)
        asked.append("wait")

    monkeypatch.setattr(sending, "lock_rooms", lock)
    monkeypatch.setattr(sending, "hold_rooms", hold)
    sent = send(guest, joined)
    assert sent.offset == 1
    assert asked == ["decide", "wait", "decide"]
    # Whoever delivers it has to know of all that was changed by then.
    assert sent.version == sum(read_versions().values()) > (sent.standing or NO_STANDING).version


def test_fifty_messages_cost_as_many_statements_as_one() -> None:
    make_room()
    guest = make_guest()
    joined = join(guest)
    with CaptureQueriesContext(connection) as one:
        send(guest, joined)
    with CaptureQueriesContext(connection) as fifty:
        send_messages([request_send(guest, joined) for _ in range(50)])
    assert len(fifty) == len(one)


def test_a_room_drops_what_it_keeps_no_longer() -> None:
    room = make_room(history_size=10)
    fill(room, 30)
    assert housekeeping.prune_room(room.pk) == 20
    assert list(Message.objects.order_by("offset").values_list("offset", flat=True)) == list(
        range(21, 31)
    )
    assert housekeeping.prune_room(room.pk) == 0


def test_a_room_is_pruned_every_so_often_as_it_is_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "PRUNE_EVERY", 3)
    make_room()
    guest = make_guest()
    joined = join(guest)
    assert [send(guest, joined).should_prune for _ in range(6)] == [False, False, True] * 2
