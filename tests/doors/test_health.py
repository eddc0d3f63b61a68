"""What the probes are told: the rule, the watches, and the door before Django."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.db import OperationalError

from realtime.doors import health
from realtime.doors.health import DatabaseWatch, HealthDoor, readiness
from realtime.doors.http_answers import TEXT, respond
from realtime.namespaces.process import ProcessState


@pytest.mark.parametrize("state", ProcessState)
def test_people_are_sent_here_only_while_it_serves(state: ProcessState) -> None:
    status, body = readiness(state, database_unseen_s=0, layer_lost_s=0)
    assert status == (200 if state is ProcessState.READY else 503)
    assert body == {"status": state.value, "degraded": []}


def test_a_database_that_never_answered_is_still_starting() -> None:
    status, body = readiness(ProcessState.READY, database_unseen_s=None, layer_lost_s=0)
    assert (status, body["status"]) == (503, "starting")


@pytest.mark.parametrize(
    ("database_s", "layer_s", "status", "degraded", "missing"),
    [
        (0.5, 0.0, 200, [], None),
        (0.5, 0.1, 200, ["layer"], None),
        (0.5, 15.0, 200, ["layer"], None),
        (0.5, 15.1, 503, ["layer"], ["layer"]),
        (10.0, 0.0, 200, ["database"], None),
        (10.1, 0.0, 503, ["database"], ["database"]),
        (60.0, 60.0, 503, ["database", "layer"], ["database", "layer"]),
    ],
)
def test_a_missing_part_degrades_first_and_refuses_later(
    database_s: float,
    layer_s: float,
    status: int,
    degraded: list[str],
    missing: list[str] | None,
) -> None:
    answer, body = readiness(ProcessState.READY, database_unseen_s=database_s, layer_lost_s=layer_s)
    assert answer == status
    assert body["degraded"] == degraded
    assert body.get("missing") == missing


class Wire:
    """One HTTP request to an ASGI application, and its answer."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def get(self, door: HealthDoor, path: str) -> tuple[int, Any]:
        await door({"type": "http", "path": path, "headers": []}, self.receive, self.send)
        return self.sent[0]["status"], json.loads(self.sent[1]["body"])


async def django(_scope: Any, _receive: Any, send: Any) -> None:
    await respond(send, 418, TEXT, b'{"from": "django"}')


@asynccontextmanager
async def door_in(state: ProcessState) -> AsyncIterator[HealthDoor]:
    async def start() -> None:
        pass

    door = HealthDoor(django, start=start, state=lambda: state, layer_lost_s=lambda: 0.0)
    try:
        yield door
    finally:
        door.close()


@pytest.fixture
def database_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseWatch, "start", lambda self: self.sighting.see())


@pytest.fixture
def database_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseWatch, "start", lambda _: None)
    monkeypatch.setattr(health, "FIRST_PROBE_S", 0.05)


async def test_the_process_is_alive_while_it_drains() -> None:
    async with door_in(ProcessState.DRAINING) as door:
        assert await Wire().get(door, "/healthz") == (200, {"status": "ok"})


@pytest.mark.usefixtures("database_that_answers")
async def test_the_first_probe_already_knows_the_truth() -> None:
    async with door_in(ProcessState.READY) as door:
        assert await Wire().get(door, "/readyz") == (200, {"status": "ready", "degraded": []})


@pytest.mark.usefixtures("database_that_hangs")
async def test_a_hanging_database_holds_no_probe() -> None:
    async with door_in(ProcessState.READY) as door, asyncio.timeout(2):
        answers = await asyncio.gather(*(Wire().get(door, "/readyz") for _ in range(50)))
    assert {status for status, _ in answers} == {503}


async def test_what_is_no_probe_reaches_django() -> None:
    async with door_in(ProcessState.READY) as door:
        for path in ("/", "/readyz/more", "/games/"):
            assert await Wire().get(door, path) == (418, {"from": "django"})


@pytest.fixture
def database_watch() -> Iterator[DatabaseWatch]:
    watch = DatabaseWatch()
    yield watch
    watch.stop()
    watch._thread.join(5)
    assert not watch._thread.is_alive()


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.django_db(transaction=True)
def test_the_database_is_seen(database_watch: DatabaseWatch) -> None:
    database_watch.start()
    wait_until(lambda: database_watch.sighting.at is not None)


def test_a_database_that_fails_is_not_seen_and_is_logged_once(
    database_watch: DatabaseWatch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = []

    class Broken:
        def cursor(self) -> None:
            tries.append(1)
            raise OperationalError("no route")

        def close(self) -> None:
            pass

    monkeypatch.setattr(health, "DATABASE_EVERY_S", 0.01)
    monkeypatch.setattr(health, "connection", Broken())
    database_watch.start()
    wait_until(lambda: len(tries) > 3)
    assert database_watch.sighting.at is None
    assert [each.message for each in caplog.records] == ["the database does not answer"]
