"""No sticky sessions: unmodified clients whose every request reaches another process."""

import asyncio
import json
import secrets
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import aiohttp
import pytest
import socketio

from tests.helpers.scattering_proxy import ScatteringProxy
from tests.helpers.services import REDIS_URL, ROOT
from tests.helpers.waiting import until
from tests.servers.running import RunningServer

pytestmark = pytest.mark.redis

DEADLINE_S = 60.0
MESSAGES = 100
LARGE = 900_000
# What is said of a process that died, and by one that a busy machine has kept from its turn.
KILLED = frozenset({"link to a process broken", "a process is gone", "layer lost"})
PROGRAM = ROOT / "tests" / "live" / "js" / "scattered.mjs"
TRANSPORTS = ["polling", "polling,websocket"]


class Cluster:
    """Some processes on one Redis."""

    def __init__(self, kinds: Sequence[str]) -> None:
        arguments = ["-m", "tests.conformance", "--profile", "check", "--port", "0"]
        shared = ["--redis", REDIS_URL, "--prefix", secrets.token_hex(6)]
        self.servers = [
            RunningServer([*arguments, *shared, "--server", kind], REALTIME_DRAIN_S="0.5")
            for kind in kinds
        ]
        for server in self.servers:
            server.wait_until_ready()

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def stop(self, *, expected: frozenset[str] = frozenset()) -> None:
        """End what still runs; it must end in peace and have complained of nothing else."""
        living = [server for server in self.servers if server.process.poll() is None]
        try:
            for server in living:
                server.signal(signal.SIGTERM)
            for server in living:
                code, _, complaints = server.finish(timeout_s=20)
                assert code == 0
                assert set(complaints.splitlines()) <= expected
        finally:
            for server in self.servers:
                server.clean_up()


@pytest.fixture(
    scope="module", params=[("uvicorn", "uvicorn"), ("daphne", "granian")], ids="-".join
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    cluster = Cluster(request.param)
    yield cluster
    cluster.stop()


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[ScatteringProxy]:
    proxy = ScatteringProxy(cluster.ports)
    await proxy.start()
    yield proxy
    await proxy.stop()


class JavaScriptClients:
    """The clients of ``scattered.mjs``: facts by kind, as they come."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.facts: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, url: str, transports: str, count: int) -> "JavaScriptClients":
        arguments = [str(PROGRAM), url, transports, str(count)]
        return cls(
            await asyncio.create_subprocess_exec("node", *arguments, stdin=PIPE, stdout=PIPE)
        )

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the facts of a kind, in order of their clients."""
        found = [fact for fact in self.facts if fact["is"] == kind]
        return sorted(found, key=lambda fact: int(fact["id"]))

    def ask(self) -> None:
        """Have each client ask its server something."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"ask\n")

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), DEADLINE_S)
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.facts.append(json.loads(line))


@pytest.mark.node
@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_javascript_client_notices_nothing(
    cluster: Cluster, proxy: ScatteringProxy, transports: str
) -> None:
    count = 6
    clients = await JavaScriptClients.start(proxy.url, transports, count)
    try:
        await until(
            lambda: len(clients.of("done") + clients.of("failed")) == count, within_s=DEADLINE_S
        )
        assert clients.of("failed") == []
        name = transports.rpartition(",")[2]
        for number, fact in enumerate(clients.of("done")):
            assert fact == {
                "id": number,
                "is": "done",
                "greeted": "/dyn-7",
                "echoed": "ü☃",
                "asked": ["ok", [{"from": number}, "answered"]],
                "heard": list(range(MESSAGES)),
                "size": LARGE,
                "blob": 600_000,
                "transport": name,
                "engine": name,
                "other": True,
            }
        assert len(clients.of("connected")) == count
        assert clients.of("disconnected") == []
    finally:
        await clients.stop()
    assert min(proxy.taken[port] for port in cluster.ports) > count


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_python_client_notices_nothing(
    cluster: Cluster, proxy: ScatteringProxy, transports: str
) -> None:
    del cluster
    numbers = range(6)
    await asyncio.gather(*(_run_python_client(proxy.url, transports, n) for n in numbers))


async def _run_python_client(url: str, transports: str, number: int) -> None:
    client = socketio.AsyncClient(reconnection=False)
    heard: list[int] = []
    greeted = asyncio.get_running_loop().create_future()

    async def question(value: Any) -> tuple[Any, str]:
        return value, "answered"

    client.on("question", question, namespace="/check")
    client.on("m", lambda n, *_rest: heard.append(n), namespace="/check")
    client.on("hello", lambda name, *_rest: greeted.set_result(name), namespace="/dyn-7")
    await client.connect(
        url, transports=transports.split(","), namespaces=["/check", "/dyn-7"], wait_timeout=20
    )

    async def ask(event: str, *args: Any) -> Any:
        return await client.call(event, args, namespace="/check", timeout=DEADLINE_S)

    try:
        assert await asyncio.wait_for(greeted, DEADLINE_S) == "/dyn-7"
        data = secrets.token_bytes(900)
        assert await ask("echo", {"deep": [data, "ü☃"]}, number) == ({"deep": [data, "ü☃"]}, number)
        assert await ask("ask-me", number) == ("ok", [number, "answered"])
        await client.emit("mixed", MESSAGES, namespace="/check")
        await until(lambda: len(heard) == MESSAGES, within_s=DEADLINE_S)
        assert heard == list(range(MESSAGES))
        assert await ask("size", "x" * LARGE) == LARGE
        assert len(await ask("blob", 600_000)) == 600_000
        assert await ask("transport") == transports.rpartition(",")[2]
    finally:
        await client.disconnect()


@pytest.mark.node
@pytest.mark.parametrize(
    ("how", "transports"),
    [
        (signal.SIGKILL, "polling"),
        (signal.SIGKILL, "polling,websocket"),
        (signal.SIGTERM, "polling"),
        (signal.SIGTERM, "polling,websocket"),
    ],
)
async def test_clients_come_back_by_themselves_when_their_process_ends(
    how: signal.Signals, transports: str
) -> None:
    cluster = Cluster(["uvicorn"] * 3)
    proxy = ScatteringProxy(cluster.ports)
    await proxy.start()
    count = 12
    # The client leaves a session of its own behind when its connection breaks.
    http = aiohttp.ClientSession()
    python = socketio.AsyncClient(reconnection_delay=0.2, http_session=http)
    connects: list[str] = []
    python.on("connect", lambda: connects.append(python.sid or ""), namespace="/check")
    try:
        clients = await JavaScriptClients.start(proxy.url, transports, count)
        await python.connect(
            proxy.url, transports=transports.split(","), namespaces=["/check"], wait_timeout=20
        )
        await until(lambda: len(clients.of("done")) == count, within_s=DEADLINE_S)
        # Who has clients shows in the socket ids: they begin with their process's.
        owners = [fact["sid"][:8] for fact in clients.of("connected")]
        assert len(set(owners)) == 3
        cluster.servers[0].signal(how)
        await until(lambda: len(clients.of("disconnected")) >= count // 3, within_s=DEADLINE_S)
        # Those who lose their process late may be asked too early.
        async with asyncio.timeout(DEADLINE_S):
            while len({fact["id"] for fact in clients.of("answered")}) < count:
                clients.ask()
                await asyncio.sleep(0.5)
        async with asyncio.timeout(DEADLINE_S):
            while not await _is_answered(python):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.5)
        await clients.stop()
        await python.disconnect()
    finally:
        await http.close()
        await proxy.stop()
        cluster.servers[0].process.wait(20)
        cluster.servers[0].clean_up()
        cluster.stop(expected=KILLED if how is signal.SIGKILL else frozenset())


async def _is_answered(client: socketio.AsyncClient) -> bool:
    try:
        return bool(await client.call("echo", "back", namespace="/check", timeout=5) == "back")
    except socketio.exceptions.SocketIOError:
        return False


def test_the_proxy_runs_by_itself() -> None:
    server = RunningServer(["-m", "tests.helpers.scattering_proxy", "0", "1"])
    try:
        server.wait_until_ready()
        assert server.port
    finally:
        server.clean_up()
