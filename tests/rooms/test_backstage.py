"""What a process owes the rooms when the database fails it, or takes its rows away."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from realtime.conf import forget_options
from realtime.exceptions import Refused
from rooms import backstage, presence
from rooms.backstage import Backstages
from rooms.consumers import RoomNamespace
from rooms.models import Connection, Process, Seat
from rooms.presence import Departure, Left
from tests.rooms.people import make_room
from tests.rooms.sockets import eventually, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _short_lease(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REALTIME_LEASE_S", "2")
    forget_options()
    make_room()
    yield
    monkeypatch.undo()
    forget_options()


async def test_a_departure_that_was_not_written_is_tried_again_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = iter([OperationalError("the database is away")] * 2)
    depart = presence.depart

    def fail_twice(departures: list[Departure]) -> list[list[Left] | Exception]:
        error = next(failures, None)
        if error is not None:
            raise error
        return depart(departures)

    monkeypatch.setattr(presence, "depart", fail_twice)
    monkeypatch.setattr(backstage, "RETRY_FIRST_S", 0.01)
    async with serving() as site:
        alice, bob = await site.joined(), await site.joined()
        await alice.all_heard()
        await bob.close()
        (left,) = await alice.hear_only("userLeft")
        assert (left["user"], left["members"]) == (bob.user, 1)
    assert next(failures, None) is None


async def test_a_process_whose_rows_were_cleared_away_writes_them_again() -> None:
    async with serving() as site:
        client = await site.joined()
        await _forget_everybody()
        await eventually(lambda: Seat.objects.filter(connection_id=client.sid).exists())
        assert await Process.objects.acount() == 1
        assert (await client.call("members", "csgo"))["count"] == 1


async def test_a_leave_that_was_not_written_leaves_the_socket_in_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = iter([Refused("busy", "Try again.")])
    depart = presence.depart

    def refuse_once(departures: list[Departure]) -> list[list[Left] | Exception]:
        refusal = next(refusals, None)
        return depart(departures) if refusal is None else [refusal]

    monkeypatch.setattr(presence, "depart", refuse_once)
    async with serving() as site:
        client = await site.joined()
        assert (await client.call("leaveRoom", "csgo"))["code"] == "busy"
        assert (await client.call("message", {"room": "csgo", "text": "still here"}))["ok"]
        assert (await client.call("leaveRoom", "csgo"))["ok"]


class Choosy(RoomNamespace):
    """Refuses whoever its base has let in."""

    async def connect(self, auth: dict[str, Any]) -> None:
        await super().connect(auth)
        raise Refused("forbidden", "Not today.")


async def test_a_socket_that_a_subclass_refuses_after_all_leaves_no_row() -> None:
    async with serving(Choosy) as site:
        communicator = site.communicator("/ws/games/")
        await communicator.connect()
        refusal = (await communicator.receive_json_from())["connect_error"]
        assert refusal["data"]["code"] == "forbidden"
        await eventually(lambda: not Connection.objects.exists())


async def test_a_process_that_has_not_started_is_busy() -> None:
    with pytest.raises(Refused) as refusal:
        Backstages().of("nobody")
    assert refusal.value.code == "busy"


async def _forget_everybody() -> None:
    await Seat.objects.all().adelete()
    await Connection.objects.all().adelete()
    await Process.objects.all().adelete()
