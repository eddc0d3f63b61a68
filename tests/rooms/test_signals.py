"""The rooms' own signals: who came, left, was denied or evicted; and receivers that fail."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from realtime.namespaces.database import in_database
from rooms import signals
from rooms.consumers import RoomNamespace
from rooms.models import DecisionRecord, Namespace, Room
from rooms.services import akick, close_room
from tests.rooms.people import make_room
from tests.rooms.sockets import eventually, serving

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("joined", "left", "denied", "evicted")
Note = tuple[str, str, str]


@pytest.fixture
def notes() -> Iterator[list[Note]]:
    """What was sent, in order: the signal, the room, and the code if there is one."""
    notes: list[Note] = []

    def listen(name: str) -> Any:
        async def receiver(sender: type, room: str, **about: Any) -> None:
            assert issubclass(sender, RoomNamespace)
            assert about["namespace"] == "/games"
            assert about["person"].key.startswith("guest:")
            assert about["socket_id"]
            notes.append((name, room, about.get("code", "")))

        return receiver

    receivers = {name: listen(name) for name in NAMES}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    yield notes
    for name, receiver in receivers.items():
        getattr(signals, name).disconnect(receiver)


@pytest.fixture
def rooms() -> None:
    make_room("csgo")
    make_room("bt1")
    make_room("vault", password="sesame", access="password")


@pytest.mark.usefixtures("rooms")
async def test_joining_and_leaving_are_told_once_each(notes: list[Note]) -> None:
    async with serving() as site:
        client = await site.joined("csgo")
        await client.call("joinRoom", "csgo")
        await client.call("joinRoom", "bt1")
        await client.call("leaveRoom", "csgo")
        await client.close()
        await eventually(lambda: len(notes) == 4)
    assert notes == [
        ("joined", "csgo", ""),
        ("joined", "bt1", ""),
        ("left", "csgo", ""),
        ("left", "bt1", ""),
    ]


@pytest.mark.usefixtures("rooms")
async def test_a_denied_join_is_told_with_its_code_and_reference(notes: list[Note]) -> None:
    refs: list[str] = []

    def keep(ref: str, **_: Any) -> None:
        # Not async: it runs in the database pool, and may ask the database.
        assert DecisionRecord.objects.filter(ref=ref).exists()
        refs.append(ref)

    signals.denied.connect(keep)
    try:
        async with serving() as site:
            client = await site.connect()
            answer = await client.call("joinRoom", "vault")
    finally:
        signals.denied.disconnect(keep)
    assert notes == [("denied", "vault", "password_required")]
    assert refs == [answer["ref"]]


@pytest.mark.usefixtures("rooms")
async def test_an_eviction_is_told_with_its_code_and_then_as_leaving(notes: list[Note]) -> None:
    async with serving() as site:
        client = await site.joined("csgo")
        room = await in_database(make_room, "third")
        await client.call("joinRoom", "third")
        await akick(room, client.user["id"])
        await eventually(lambda: ("left", "third", "") in notes)
        await sync_to_async(close_room)(await in_database(_room, "csgo"))
        await eventually(lambda: ("left", "csgo", "") in notes)
        await client.close()
    assert notes[2:] == [
        ("evicted", "third", "kicked"),
        ("left", "third", ""),
        ("evicted", "csgo", "room_closed"),
        ("left", "csgo", ""),
    ]


async def test_a_socket_that_the_namespace_refuses_is_told_as_denied(notes: list[Note]) -> None:
    await in_database(make_room, "csgo")
    await in_database(_close_namespace)
    async with serving() as site:
        communicator = site.communicator("/ws/games/")
        await communicator.connect()
        await eventually(lambda: bool(notes))
    assert notes == [("denied", "", "namespace_closed")]


@pytest.mark.usefixtures("rooms")
async def test_a_receiver_that_fails_breaks_nothing(
    notes: list[Note], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("not mine")

    for name in NAMES:
        getattr(signals, name).connect(fail)
    caplog.set_level(logging.ERROR, logger="django.dispatch")
    try:
        async with serving() as site:
            client = await site.joined("csgo")
            assert (await client.call("joinRoom", "vault"))["code"] == "password_required"
            assert (await client.call("leaveRoom", "csgo"))["ok"]
    finally:
        for name in NAMES:
            getattr(signals, name).disconnect(fail)
    assert [note[0] for note in notes] == ["joined", "denied", "left"]
    failures = [record for record in caplog.records if record.name == "django.dispatch"]
    assert len(failures) == 3


def _room(name: str) -> Any:
    return Room.objects.get(name=name)


def _close_namespace() -> None:
    Namespace.objects.filter(path="/games").update(is_open=False)
