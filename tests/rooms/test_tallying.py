"""Counts by the minute: nothing is counted twice, lost by a failure, or kept without end."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from realtime.conf import forget_options
from realtime.counting import current_counts
from rooms import tallying
from rooms.housekeeping import keep_house
from rooms.models import Room, Tally
from rooms.models.tallies import NO_ROOM, TallyKind
from rooms.services import apost_message
from rooms.tallying import ROOMS_MOST, Tallies, count_now
from tests.rooms.people import make_room
from tests.rooms.sockets import eventually, serving

NOON = datetime(2026, 11, 28, 12, 0, 5, tzinfo=UTC)


def counted() -> dict[tuple[str, int], int]:
    return {(row.kind, row.room_key): row.count for row in Tally.objects.all()}


@pytest.mark.django_db
def test_a_minute_is_one_row_however_often_it_is_written() -> None:
    tallies = Tallies()
    tallies.add(TallyKind.MESSAGE, 7, NOON)
    tallies.add(TallyKind.MESSAGE, 7, NOON)
    assert tallies.flush("p", NOON) == 1
    tallies.add(TallyKind.MESSAGE, 7, NOON + timedelta(seconds=20))
    assert tallies.flush("p", NOON) == 1
    assert tallies.flush("p", NOON) == 0
    assert counted() == {("message", 7): 3}
    assert Tally.objects.get().minute == NOON.replace(second=0)


@pytest.mark.django_db
def test_each_minute_and_process_has_rows_of_its_own() -> None:
    one, other = Tallies(), Tallies()
    one.add(TallyKind.JOIN, 7, NOON)
    other.add(TallyKind.JOIN, 7, NOON)
    one.add(TallyKind.JOIN, 7, NOON + timedelta(minutes=1))
    one.flush("p", NOON)
    other.flush("q", NOON)
    assert Tally.objects.count() == 3


@pytest.mark.django_db
def test_what_the_database_did_not_take_is_written_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tallies = Tallies()
    tallies.add(TallyKind.MESSAGE, 7, NOON)
    with monkeypatch.context() as patched:
        patched.setattr(tallying, "_write", _fail)
        with pytest.raises(OperationalError):
            tallies.flush("p", NOON)
    tallies.add(TallyKind.MESSAGE, 7, NOON)
    tallies.flush("p", NOON + timedelta(minutes=2))
    assert counted() == {("message", 7): 2}


@pytest.mark.django_db
def test_counts_that_nobody_takes_are_forgotten_in_the_end() -> None:
    tallies = Tallies()
    tallies.add(TallyKind.MESSAGE, 7, NOON)
    assert tallies.flush("p", NOON + timedelta(hours=1)) == 0


@pytest.mark.django_db
def test_the_rooms_beyond_the_most_share_a_row() -> None:
    tallies = Tallies()
    for room_id in range(1, ROOMS_MOST + 6):
        tallies.add(TallyKind.MESSAGE, room_id, NOON)
    assert tallies.flush("p", NOON) == ROOMS_MOST + 1
    assert counted()["message", NO_ROOM] == 5


@pytest.mark.django_db
def test_housekeeping_keeps_two_hours() -> None:
    tallies = Tallies()
    for minutes in (0, 119, 121):
        tallies.add(TallyKind.MESSAGE, minutes, NOON - timedelta(minutes=minutes))
        tallies.flush("p", NOON - timedelta(minutes=minutes))
    keep_house(NOON, 30)
    assert counted() == {("message", 0): 1, ("message", 119): 1}


@pytest.mark.django_db
def test_a_process_that_serves_no_sockets_counts_in_the_database() -> None:
    count_now(TallyKind.MESSAGE, 7)
    count_now(TallyKind.MESSAGE, 7)
    assert sum(Tally.objects.values_list("count", flat=True)) == 2
    assert set(Tally.objects.values_list("process_key", flat=True)) == {""}


@pytest.fixture
def room(transactional_db: None) -> Room:
    return make_room()


@pytest.fixture
def _short_lease(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REALTIME_LEASE_S", "0.4")
    forget_options()
    yield
    monkeypatch.undo()
    forget_options()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_short_lease")
async def test_joins_and_messages_are_counted_and_denials_and_resends_are_not(room: Room) -> None:
    async with serving() as site:
        client = await site.joined()
        assert (await client.call("joinRoom", "csgo"))["ok"]
        assert not (await client.call("joinRoom", "nowhere"))["ok"]
        for nonce in ("a", "b", "b"):
            said = {"room": "csgo", "text": "hello", "nonce": nonce}
            assert (await client.call("message", said))["ok"]
        wanted = {("join", room.pk): 1, ("message", room.pk): 2}
        await eventually(lambda: _summed() == wanted)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_short_lease")
async def test_what_a_service_posts_is_counted_once_it_is_committed(room: Room) -> None:
    async with serving() as site:
        await site.joined()
        await apost_message(room, "from the site")
        await eventually(lambda: _summed().get(("message", room.pk)) == 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_short_lease")
async def test_what_slow_readers_are_not_given_is_counted(room: Room) -> None:
    async with serving() as site:
        await site.joined(room.name)
        current_counts().volatile_dropped += 3
        await eventually(lambda: _summed().get(("drop", NO_ROOM)) == 3)
        current_counts().outbox_dropped += 2
        await eventually(lambda: _summed().get(("drop", NO_ROOM)) == 5)


def _summed() -> dict[tuple[str, int], int]:
    """The counts of all minutes: a test may run over the end of one."""
    summed = Counter[tuple[str, int]]()
    for row in Tally.objects.all():
        summed[row.kind, row.room_key] += row.count
    return dict(summed)


def _fail(*_arguments: object) -> None:
    raise OperationalError("the database is away")
