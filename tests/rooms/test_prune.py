"""``manage.py prune``: what is kept no longer goes, all of it, and nothing else."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from rooms import sending
from rooms.models import DecisionRecord, Message, Room, Tally
from rooms.models.records import RecordKind
from rooms.models.tallies import KEPT, TallyKind
from rooms.people import Person
from rooms.private import send_private
from rooms.sending import Draft
from tests.rooms.people import make_namespace, make_room

pytestmark = pytest.mark.django_db


def fill(room: Room, count: int) -> None:
    Message.objects.bulk_create(
        Message(room=room, offset=number, text="x", author="A", author_key="1")
        for number in range(1, count + 1)
    )
    Room.everywhere.filter(pk=room.pk).update(last_offset=count)


def prune() -> str:
    said = StringIO()
    call_command("prune", stdout=said)
    return said.getvalue().strip()


def test_everything_beyond_its_limits_goes_and_the_rest_stays() -> None:
    # More than one transaction deletes.
    fill(make_room("long", history_size=10), 2_500)
    fill(make_room("short", history_size=10), 5)
    old, now = timezone.now() - timedelta(days=31), timezone.now()
    for at in (old, now):
        DecisionRecord.objects.create(
            kind=RecordKind.JOIN,
            namespace="/games",
            room="long",
            code="banned",
            created_at=at,
            last_at=at,
        )
    Tally.objects.create(minute=now - KEPT - timedelta(minutes=2), kind=TallyKind.JOIN, count=1)

    assert prune() == "Deleted 2490 messages, 1 decision records and 1 counts."
    assert prune() == "Deleted 0 messages, 0 decision records and 0 counts."
    assert Message.objects.filter(room__name="long").count() == 10
    assert Message.objects.filter(room__name="short").count() == 5
    assert DecisionRecord.objects.get().created_at == now


def test_private_messages_keep_to_their_limits_as_they_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "PRUNE_EVERY", 5)
    make_namespace("/games", allow_private=True)
    one, other = (
        Person(str(user.pk), user.username, user_id=str(user.pk))
        for user in (get_user_model().objects.create_user(name) for name in ("ann", "ben"))
    )

    def say() -> None:
        send_private("/games", None, one, other.key, Draft(room="", text="x", author=one))

    say()
    Room.everywhere.filter(pair__gt="").update(history_size=3)
    for _number in range(4):
        say()
    assert list(Message.objects.values_list("offset", flat=True)) == [3, 4, 5]
