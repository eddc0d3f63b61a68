"""From the start to the end of a server process: signals, the drain, and its bounds."""

import asyncio
import gc
import json
import signal
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from realtime.conf import Options
from realtime.servers import lifecycle
from realtime.servers.lifecycle import ServerLife
from tests.servers.application import CommandedApplication
from tests.servers.running import ALL, RunningServer, running


@pytest.fixture(params=ALL)
def ending(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server of the test's own, for it to end."""
    with running(request.param, drain_s=1) as started:
        yield started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_sockets_then_stops_then_ends(
    ending: RunningServer, number: signal.Signals
) -> None:
    with connect(ending.url("/ws/going")) as client:
        _echo(client)
        ending.signal(number)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=2)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "going away")
    # Nothing is left to wait for, whatever DRAIN_S says.
    code, lines, complaints = ending.finish(timeout_s=1.5)
    assert (code, complaints) == (0, "")
    assert [line.split()[0] for line in lines] == ["start", "ready", "drain", "stop"]


def test_while_draining_plain_requests_are_served_and_new_sockets_refused(
    ending: RunningServer,
) -> None:
    with connect(ending.url("/ws/stubborn")) as stubborn:
        _echo(stubborn)
        ending.signal(signal.SIGTERM)
        _wait_for_line(ending, "drain 1")
        assert ending.get("/healthz") == b"fine"
        with pytest.raises(InvalidStatus) as refused, connect(ending.url("/ws/late")):
            pass
        assert refused.value.response.status_code == 503
        # The one that the application does not end is ended by the server, or cut.
        with pytest.raises(ConnectionClosed):
            stubborn.recv(timeout=6)
    code, _, complaints = ending.finish()
    assert (code, complaints) == (0, "")


def test_garbage_is_looked_for_seldom_and_not_in_what_the_start_has_left(
    ending: RunningServer,
) -> None:
    first, *_others, set_aside = json.loads(ending.get("/garbage"))
    assert first == Options().gc_threshold
    assert set_aside > 10_000


def test_the_interpreters_own_ways_with_garbage_can_be_kept() -> None:
    with running("uvicorn", gc_threshold=0) as server:
        first, *_others, set_aside = json.loads(server.get("/garbage"))
    assert (first, set_aside) == (gc.get_threshold()[0], 0)


def test_a_second_signal_ends_at_once(ending: RunningServer) -> None:
    with connect(ending.url("/ws/stubborn")) as stubborn:
        _echo(stubborn)
        ending.signal(signal.SIGTERM)
        _wait_for_line(ending, "drain 1")
        began = time.monotonic()
        ending.signal(signal.SIGINT)
        code, lines, complaints = ending.finish()
    assert time.monotonic() - began < 1
    assert code == 1
    assert "second signal" in complaints
    assert not any(line.startswith("stop") for line in lines)


def test_a_request_in_flight_does_not_hold_up_the_end(ending: RunningServer) -> None:
    slow = ending.request("/slow")
    try:
        ending.get("/")
        ending.signal(signal.SIGTERM)
        began = time.monotonic()
        assert ending.finish()[0] == 0
        assert time.monotonic() - began < 4
    finally:
        slow.close()


def test_daphne_ends_sockets_that_no_lifecycle_knows() -> None:
    # Stock Daphne crashes the interpreter here: Python 3.11.7, in-memory layer, an open socket.
    with running("daphne", application="channels") as started:
        with connect(started.url("/ws/stock")) as client:
            _echo(client)
            started.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        code, _, complaints = started.finish()
        assert (code, complaints) == (0, "")


class HangingLifecycle:
    """A lifecycle whose drain never ends, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    async def start(self) -> None:
        """Nothing to do."""

    async def drain(self, _seconds: float) -> None:
        if self._failure is not None:
            raise self._failure
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("failure", [None, OSError("the layer is gone")])
async def test_a_drain_that_hangs_or_fails_is_logged_and_the_server_ends_all_the_same(
    failure: Exception | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifecycle, "STOP_S", 0.05)
    finished = asyncio.Event()

    async def finish() -> None:
        finished.set()

    application = CommandedApplication()
    application.lifecycle = HangingLifecycle(failure)  # type: ignore[assignment]
    life = ServerLife(application, drain_s=0.05, finish=finish)
    await life.start()
    # From a thread, as the reloader does; it waits for the end.
    async with asyncio.timeout(5):
        await asyncio.to_thread(life.end_from_thread, timeout_s=4)
    assert finished.is_set()
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "realtime.servers.lifecycle"


def _echo(client: ClientConnection) -> None:
    client.send("hello")
    assert client.recv(timeout=5) == "hello"


def _wait_for_line(ending: RunningServer, expected: str) -> None:
    assert ending.process.stdout is not None
    line = ending.process.stdout.readline().strip()
    ending.lines.append(line)
    assert line == expected
