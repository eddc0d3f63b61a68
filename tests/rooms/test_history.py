"""History is read in pages of offsets, within what the room keeps, by those who may."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from realtime.exceptions import Refused
from rooms import history
from rooms.history import Page
from rooms.models import Message
from rooms.people import Person
from rooms.reading import read_history, read_members, read_missed
from tests.rooms.people import appoint, fill, join, make_guest, make_room, make_user, offsets

pytestmark = pytest.mark.django_db


def read(person: Person, *, seated_in: int | None = None, **bounds: Any) -> Page:
    """Read a page of csgo."""
    asked = {"before_offset": None, "after_offset": None, "limit": 100, **bounds}
    return read_history("/games", "csgo", person, seated_in=seated_in, **asked)[1]


def test_pages_run_backwards_from_the_latest_and_forwards_from_an_offset() -> None:
    room = make_room()
    fill(room, 10)
    guest = make_guest()
    cases: list[tuple[dict[str, Any], list[int], bool]] = [
        ({"limit": 3}, [8, 9, 10], True),
        ({"limit": 10}, list(range(1, 11)), False),
        ({"limit": 3, "before_offset": 8}, [5, 6, 7], True),
        ({"limit": 3, "before_offset": 4}, [1, 2, 3], False),
        ({"limit": 3, "before_offset": 1}, [], False),
        ({"limit": 3, "before_offset": 999}, [8, 9, 10], True),
        ({"limit": 3, "after_offset": 5}, [6, 7, 8], True),
        ({"limit": 3, "after_offset": 7}, [8, 9, 10], False),
        ({"limit": 3, "after_offset": 0}, [1, 2, 3], True),
        ({"limit": 3, "after_offset": 99}, [], False),
    ]
    for bounds, expected, has_more in cases:
        page = read(guest, seated_in=room.pk, **bounds)
        assert (offsets(page.messages), page.has_more) == (expected, has_more), bounds


def test_what_is_beyond_the_rooms_size_or_age_is_not_shown_though_it_is_there() -> None:
    room = make_room(history_size=4)
    fill(room, 10)
    guest = make_guest()
    assert offsets(read(guest, seated_in=room.pk).messages) == [7, 8, 9, 10]
    assert offsets(read(guest, seated_in=room.pk, before_offset=8).messages) == [7]
    room.history_days = 1
    room.save()
    Message.objects.filter(offset__lte=8).update(created_at=timezone.now() - timedelta(days=2))
    assert offsets(read(guest, seated_in=room.pk, after_offset=0).messages) == [9, 10]


def test_a_removed_message_keeps_its_place() -> None:
    room = make_room()
    fill(room, 2)
    row = Message.objects.get(offset=1)
    Message.objects.filter(pk=row.pk).update(removed_at=timezone.now())
    first = read(make_guest(), seated_in=room.pk).messages[0]
    assert first == {"id": str(row.pk), "room": "csgo", "offset": 1, "removed": True}


def test_a_page_holds_at_most_256_kib_and_says_that_there_is_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = make_room()
    fill(room, 10)
    one = len(str(read(make_guest(), seated_in=room.pk, limit=1).messages[0]))
    monkeypatch.setattr(history, "PAGE_MAX_BYTES", one * 3)
    latest = read(make_guest(), seated_in=room.pk)
    assert offsets(latest.messages)[-1] == 10
    assert 1 <= len(latest.messages) < 10
    assert latest.has_more
    first = read(make_guest(), seated_in=room.pk, after_offset=0)
    assert offsets(first.messages)[0] == 1
    assert first.has_more


def test_one_message_larger_than_the_page_is_still_given(monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room()
    fill(room, 2)
    monkeypatch.setattr(history, "PAGE_MAX_BYTES", 1)
    assert offsets(read(make_guest(), seated_in=room.pk).messages) == [2]


@pytest.mark.parametrize("reading", ["history", "members"])
def test_who_is_not_in_a_room_reads_it_only_as_its_moderator(reading: str) -> None:
    def look(person: Person, name: str) -> None:
        if reading == "members":
            read_members("/games", name, person, seated_in=None)
            return
        read_history(
            "/games", name, person, seated_in=None, before_offset=None, after_offset=None, limit=1
        )

    room = make_room()
    member, moderator = make_user("alice"), make_user("mod")
    appoint(room, member, "member")
    appoint(room, moderator, "moderator")
    for person in (make_guest(), member):
        answers = []
        for name in ("csgo", "missing"):
            with pytest.raises(Refused) as refusal:
                look(person, name)
            answers.append(str(refusal.value.answer()).replace(name, "?"))
        assert answers[0] == answers[1]
        assert "not_joined" in answers[0]
    look(moderator, "csgo")
    look(make_user("root", is_superuser=True), "csgo")


def test_a_room_without_history_answers_without_an_epoch() -> None:
    make_room(history_size=0)
    guest = make_guest()
    joined = join(guest)
    epoch, page = read_history(
        "/games",
        "csgo",
        guest,
        seated_in=joined.room_id,
        before_offset=None,
        after_offset=None,
        limit=5,
    )
    assert (epoch, page) == (None, history.NOTHING)


def test_missed_messages_are_read_by_offset_and_epoch() -> None:
    room = make_room()
    fill(room, 5)
    assert offsets(read_missed("/games", "csgo", room.epoch, 1, 4)) == [2, 3, 4]
    assert read_missed("/games", "csgo", "another", 1, 4) == []
