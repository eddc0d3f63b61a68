import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connection, connections
from django.urls import path

from realtime.exceptions import Refused, UsageError
from realtime.namespaces import database
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.database import (
    Batcher,
    DatabaseExecutor,
    DatabasePool,
    in_database,
    is_away,
)
from realtime.namespaces.events import event
from realtime.server import RealtimeApplication
from tests.helpers.door_clients import connected
from tests.helpers.serving import serving
from tests.helpers.waiting import DEADLINE_S, until

THREADS = 4


class Desk(NamespaceConsumer):
    """Handlers that hold a database thread until the gate opens."""

    gate: ClassVar[threading.Event] = threading.Event()
    inside: ClassVar[list[str]] = []
    most: ClassVar[list[int]] = []

    @classmethod
    def hold(cls) -> str:
        name = threading.current_thread().name
        cls.inside.append(name)
        cls.most.append(len(cls.inside))
        assert cls.gate.wait(DEADLINE_S)
        cls.inside.remove(name)
        return name

    @event("slow")
    def slow(self) -> str:
        return self.hold()

    @event("slow too")
    async def slow_too(self) -> str:
        return str(await database_sync_to_async(self.hold)())

    @event("orm")
    async def orm(self) -> int:
        return int(await get_user_model().objects.acount())

    @event("thread of orm")
    async def thread_of_orm(self) -> str:
        return str(await sync_to_async(lambda: threading.current_thread().name)())

    @event("echo")
    async def echo(self, value: Any) -> Any:
        return value


@pytest.fixture
async def desk() -> AsyncIterator[RealtimeApplication]:
    Desk.gate.clear()
    Desk.inside.clear()
    Desk.most.clear()
    try:
        async with serving([path("", Desk.as_asgi())], database_threads=THREADS) as application:
            yield application
    finally:
        Desk.gate.set()


@pytest.mark.parametrize("name", ["slow", "slow too"])
async def test_slow_handlers_fill_the_pool_and_hold_up_nobody_else(
    desk: RealtimeApplication, door: str, name: str
) -> None:
    async with asyncio.TaskGroup() as tasks, connected(desk, door) as quick:

        async def work() -> str:
            async with connected(desk, door) as client:
                (thread,) = await client.call(name)
                return str(thread)

        working = [tasks.create_task(work()) for _ in range(2 * THREADS)]
        await until(lambda: len(Desk.inside) == THREADS)
        assert await quick.call("echo", "quick") == ["quick"]
        assert len(Desk.inside) == THREADS
        Desk.gate.set()
        threads = {await each for each in working}
    assert max(Desk.most) == THREADS
    assert len(threads) <= THREADS
    assert all(thread.startswith("database-") for thread in threads)


async def test_async_queries_run_in_the_same_threads(desk: RealtimeApplication) -> None:
    async with connected(desk, "plain") as client:
        (thread,) = await client.call("thread of orm")
        assert thread.startswith("database-")


@pytest.mark.django_db(transaction=True)
async def test_an_idle_socket_holds_no_connection(
    desk: RealtimeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "KEEP_CONNECTION_S", 0.01)
    closed = threading.Event()
    real = connections.close_all

    def close_all() -> None:
        real()
        if threading.current_thread().name.startswith("database-"):
            assert connection.connection is None
            closed.set()

    monkeypatch.setattr(connections, "close_all", close_all)
    async with connected(desk, "plain") as client:
        assert await client.call("orm") == [0]
        await until(closed.is_set)
        closed.clear()
        assert await client.call("orm") == [0]


async def test_a_full_queue_answers_busy(
    desk: RealtimeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "QUEUE_PER_THREAD", 1)
    process = await desk.lifecycle.process()
    executor = DatabaseExecutor(1)
    process.database = DatabasePool(executor)
    async with (
        connected(desk, "plain") as first,
        connected(desk, "plain") as second,
        connected(desk, "plain") as third,
    ):
        asked = first.ask("slow")
        await until(lambda: Desk.inside)
        waiting = second.ask("slow")
        await until(lambda: executor._work.qsize() == 1)
        (answer,) = await third.call("slow")
        assert (answer["ok"], answer["code"]) == (False, "busy")
        Desk.gate.set()
        assert (await first.next()).ack_id == asked  # type: ignore[union-attr]
        assert (await second.next()).ack_id == waiting  # type: ignore[union-attr]
        assert (await third.call("slow"))[0].startswith("database-")


def test_threads_start_only_when_they_are_needed() -> None:
    executor = DatabaseExecutor(3)
    try:
        for _ in range(5):
            assert executor.submit(int).result(DEADLINE_S) == 0
            while not executor._idle:
                pass
        assert len(executor._threads) == 1
    finally:
        executor.shutdown()
    with pytest.raises(RuntimeError, match="shut"):
        executor.submit(int)
    assert not any(thread.is_alive() for thread in executor._threads)


def test_what_a_call_raises_comes_back_and_its_thread_goes_on() -> None:
    executor = DatabaseExecutor(1)
    try:
        failing = executor.submit(int, "x")
        with pytest.raises(ValueError, match="invalid literal"):
            failing.result(DEADLINE_S)
        assert executor.submit(int, "5").result(DEADLINE_S) == 5
    finally:
        executor.shutdown()


def test_what_waits_can_be_cancelled_at_the_end() -> None:
    executor = DatabaseExecutor(1)
    gate = threading.Event()
    running = executor.submit(gate.wait, DEADLINE_S)
    while not running.running():
        pass
    waiting = executor.submit(int)
    executor.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    gate.set()
    assert running.result(DEADLINE_S)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_not_used_again() -> None:
    executor = DatabaseExecutor(1)

    def query() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return id(connection.connection)

    def break_it() -> None:
        connection.errors_occurred = True
        raise OperationalError("server closed the connection")

    try:
        first = executor.submit(query).result(DEADLINE_S)
        assert executor.submit(query).result(DEADLINE_S) == first
        with pytest.raises(OperationalError):
            executor.submit(break_it).result(DEADLINE_S)
        assert executor.submit(lambda: connection.connection).result(DEADLINE_S) is None
    finally:
        executor.shutdown()


# Batches.


@pytest.fixture
async def batches(desk: RealtimeApplication) -> list[list[int]]:
    """The batches that ``double`` was given; asked for so that a pool serves this loop."""
    del desk
    return []


def doubler(batches: list[list[int]]) -> Callable[[list[int]], list[int | Exception]]:
    def double(numbers: list[int]) -> list[int | Exception]:
        batches.append(numbers)
        if any(number < 0 for number in numbers):
            raise ValueError("negative")
        return [Refused("bad", "odd") if number % 2 else number * 2 for number in numbers]

    return double


async def test_requests_that_pile_up_run_together(batches: list[list[int]]) -> None:
    batcher: Batcher[int, int] = Batcher(doubler(batches), most=4)
    results = await asyncio.gather(*(batcher.submit(number) for number in range(0, 20, 2)))
    assert results == list(range(0, 40, 4))
    assert [number for batch in batches for number in batch] == list(range(0, 20, 2))
    assert [len(batch) for batch in batches] == [4, 4, 2]


async def test_each_request_gets_its_own_result_or_exception(batches: list[list[int]]) -> None:
    batcher: Batcher[int, int] = Batcher(doubler(batches))
    found = await asyncio.gather(*map(batcher.submit, [2, 3, 4]), return_exceptions=True)
    assert (found[0], found[2]) == (4, 8)
    assert isinstance(found[1], Refused)
    assert len(batches) == 1


async def test_one_bad_request_hurts_no_other(batches: list[list[int]]) -> None:
    batcher: Batcher[int, int] = Batcher(doubler(batches))
    found = await asyncio.gather(*map(batcher.submit, [2, -2, 4]), return_exceptions=True)
    assert (found[0], found[2]) == (4, 8)
    assert isinstance(found[1], ValueError)
    assert batches == [[2, -2, 4], [2], [-2], [4]]


class BrokenError(Exception):
    """What a driver raises: ``sqlstate`` as PostgreSQL's."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def failed(sqlstate: str | None) -> OperationalError:
    error = OperationalError("failed")
    error.__cause__ = BrokenError(sqlstate)
    return error


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sqlstate", [None, "57P01", "57P02", "57P03", "08006"])
async def test_what_may_have_been_committed_is_not_run_again(sqlstate: str | None) -> None:
    """A connection that broke on COMMIT says nothing: run once more, it might be done twice."""
    runs: list[list[int]] = []

    def run(requests: list[int]) -> list[int | Exception]:
        runs.append(requests)
        raise failed(sqlstate)

    batcher: Batcher[int, int] = Batcher(run)
    found = await asyncio.gather(*map(batcher.submit, [1, 2, 3]), return_exceptions=True)
    assert all(isinstance(each, OperationalError) for each in found)
    assert runs == [[1, 2, 3]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [failed("40P01"), failed("55P03")])
async def test_what_was_rolled_back_for_sure_is_run_again(error: OperationalError) -> None:
    failures = [error]

    def run(requests: list[int]) -> list[int | Exception]:
        if failures:
            raise failures.pop()
        return [2 * number for number in requests]

    batcher: Batcher[int, int] = Batcher(run)
    assert await asyncio.gather(*map(batcher.submit, [1, 2])) == [2, 4]


def test_a_lock_of_sqlite_is_no_database_that_is_away() -> None:
    locked = OperationalError("database is locked")
    locked.__cause__ = sqlite3.OperationalError("database is locked")
    assert not is_away(locked)
    assert is_away(InterfaceError("connection already closed"))
    assert not is_away(ValueError())


class Unlucky(NamespaceConsumer):
    """A namespace whose database is away."""

    @event("ask")
    async def ask(self) -> None:
        raise failed("57P01")


async def test_an_event_that_the_database_fails_is_answered_busy_and_the_socket_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    namespaces = [path("unlucky", Unlucky.as_asgi())]
    async with (
        serving(namespaces) as application,
        connected(application, "plain", "/unlucky") as client,
    ):
        for _ in range(3):
            assert (await client.call("ask"))[0]["code"] == "busy"
    assert caplog.messages.count("the database failed an event") == 1
    assert "Traceback" not in caplog.text


async def test_a_caller_that_stops_waiting_leaves_the_others_alone(
    batches: list[list[int]],
) -> None:
    batcher: Batcher[int, int] = Batcher(doubler(batches))
    leaving = asyncio.create_task(batcher.submit(2))
    staying = asyncio.create_task(batcher.submit(4))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 8
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert batches == [[2, 4]]


async def test_a_run_that_forgets_a_result_fails_its_requests(desk: RealtimeApplication) -> None:
    del desk
    batcher: Batcher[int, int] = Batcher(lambda numbers: list(numbers[1:]))
    found = await asyncio.gather(*map(batcher.submit, [1, 2]), return_exceptions=True)
    assert [type(each) for each in found] == [UsageError, UsageError]


@pytest.mark.django_db(transaction=True)
async def test_outside_of_an_application_database_work_still_runs() -> None:
    assert await in_database(get_user_model().objects.count) == 0
