"""A process that is told to go: its clients are back on another one, with no code of their own."""

import asyncio
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.helpers.balancer import Balancer
from tests.helpers.live_clients import Caller, PlainClient
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.postgres import empty_database
from tests.helpers.services import REDIS_URL, ROOT

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.node,
    # python-engineio leaves aiohttp's connection to a server that went away to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

DRAIN_S = 2
BACK_WITHIN_S = 30.0
ROOM = "lobby"
PROGRAM = ROOT / "tests" / "live" / "js" / "returning.mjs"
# The first characters of a socket's id are its process's.
PROCESS = 8


class Returning:
    """A stock client: the processes that it was on, and how it left each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.processes: list[str] = []
        self.reasons: list[Any] = []
        self.answers: list[bool] = []

    def entered(self, sid: str, *, is_in: bool) -> None:
        self.processes.append(sid[:PROCESS])
        self.answers.append(is_in)


@asynccontextmanager
async def python_client(url: str, transports: list[str]) -> AsyncIterator[Returning]:
    """python-socketio's client with its defaults."""
    found = Returning(f"python {transports}")
    client = socketio.AsyncClient()

    async def connected() -> None:
        answer = await client.call("joinRoom", ROOM, namespace="/live")
        found.entered(client.get_sid("/live"), is_in=answer["ok"])

    client.on("connect", connected, namespace="/live")
    client.on("disconnect", found.reasons.append, namespace="/live")
    await client.connect(url, namespaces=["/live"], transports=transports)
    try:
        yield found
    finally:
        await client.disconnect()
        await client.eio.wait()


@asynccontextmanager
async def javascript_client(url: str, transports: list[str]) -> AsyncIterator[Returning]:
    """The official client with its defaults."""
    found = Returning(f"javascript {transports}")
    process = await asyncio.create_subprocess_exec(
        "node",
        *[str(PROGRAM), url, "/live", ROOM, *transports],
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            fact = json.loads(line)
            if fact["is"] == "in":
                found.entered(fact["sid"], is_in=fact["ok"])
            else:
                found.reasons.append(fact["reason"])

    reading = asyncio.create_task(read())
    try:
        yield found
    finally:
        process.stdin.close()
        await process.wait()
        await reading


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with empty_database() as url:
        yield {
            "DATABASE_URL": url,
            "REDIS_URL": REDIS_URL,
            "REDIS_PREFIX": f"live-{secrets.token_hex(6)}",
            "SECRET_KEY": "a-key-of-the-tests",
            "ALLOWED_HOSTS": "127.0.0.1",
            "REALTIME_DRAIN_S": str(DRAIN_S),
        }


@pytest.fixture(scope="module")
def staying(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> Iterator[LiveServer]:
    server = _server(tmp_path_factory.mktemp("staying"), "uvicorn", environment)
    server.manage("migrate", "--verbosity", "0")
    server.start()
    clerk = Clerk(server.environment)
    clerk.do("namespace", path="/live", title="Live", welcome="Hi")
    clerk.do("room", namespace="/live", name=ROOM)
    clerk.stop()
    yield server
    server.stop()
    assert server.trouble() == []


@pytest.mark.parametrize("kind", ["daphne", "uvicorn", "granian"])
async def test_stock_clients_are_back_elsewhere_and_the_process_ends_in_time(
    kind: str, staying: LiveServer, environment: dict[str, str], tmp_path: Path
) -> None:
    going = _server(tmp_path, kind, environment)
    await asyncio.to_thread(going.start)
    async with Balancer([going.port, staying.port]).running() as balancer:
        await _until(lambda: balancer.is_ready(going.port) and balancer.is_ready(staying.port))
        watcher = await PlainClient.connect(Caller(staying.url, "/live"))
        assert (await watcher.ask("joinRoom", ROOM))["ok"]
        plain = await PlainClient.connect(Caller(going.url, "/live"))
        async with (
            python_client(balancer.url, ["polling"]) as a,
            python_client(balancer.url, ["websocket"]) as b,
            javascript_client(balancer.url, ["polling"]) as c,
            javascript_client(balancer.url, ["websocket"]) as d,
        ):
            clients = [a, b, c, d]
            await _until(lambda: all(each.processes for each in clients))
            (old,) = {each.processes[0] for each in clients}
            began_at = time.monotonic()
            going.signal(signal.SIGTERM)
            await _until(lambda: _readyz(going.port) == 503)
            code = await asyncio.to_thread(going.wait)
            took_s = time.monotonic() - began_at
            await _until(lambda: all(len(each.processes) > 1 for each in clients))
        assert code == 0, going.log()
        # What stopping may take beyond the drain, and what a busy machine does.
        assert took_s < DRAIN_S + 5 + 5
        assert (await plain.wait_for_end())[0] == 1012
        for each in clients:
            assert each.processes[-1] not in {old, ""}, each.name
            assert all(each.answers), each.name
            # None was told to stay away.
            assert "io server disconnect" not in each.reasons, each.name
        await _until(lambda: watcher.log.count("userLeft") >= len(clients))
        await watcher.close()
    assert going.trouble() == []


def _server(folder: Path, kind: str, environment: dict[str, str]) -> LiveServer:
    command = ["serve", "--server", kind, "--host", "127.0.0.1", "--port", "{port}"]
    return LiveServer(folder, command=command, environment=environment)


def _readyz(port: int) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


async def _until(holds: Any) -> None:
    async with asyncio.timeout(BACK_WITHIN_S):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - other processes' states
            await asyncio.sleep(0.02)
