"""Redis goes away between two processes, and comes back empty (DESIGN sections 6 and 10)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from bench.faults.machines import RedisServer, running_redis
from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, PlainClient
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.postgres import empty_database
from tests.helpers.waiting import until

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.skipif(not RedisServer.is_installed(), reason="no redis-server to start"),
]

Joiner = Callable[[LiveServer, str], Awaitable[PlainClient]]
# What is promised is 2 s; a busy machine takes longer.
HEARD_WITHIN_S = 16.0


class Site:
    """Two servers with a Redis of their own."""

    def __init__(self, redis: RedisServer, servers: list[LiveServer], clerk: Clerk) -> None:
        self.redis = redis
        self.clerk = clerk
        self.a, self.b, self.leaver = servers

    def room(self, **fields: object) -> str:
        name = f"room {secrets.token_hex(4)}"
        self.clerk.do("room", namespace="/live", name=name, **fields)
        return name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("layer")
    with empty_database() as database, running_redis(folder) as redis:
        environment = {
            "DATABASE_URL": database,
            "REDIS_URL": redis.url,
            "SECRET_KEY": "a-key-of-the-tests",
            "ALLOWED_HOSTS": "127.0.0.1",
            "REALTIME_DRAIN_S": "1",
        }
        place = ["--host", "127.0.0.1", "--port", "{port}"]
        servers = [
            LiveServer(
                folder,
                name=kind,
                command=["serve", "--server", kind, *place],
                environment=environment,
            )
            for kind in ("uvicorn", "granian", "daphne")
        ]
        servers[0].manage("migrate", "--verbosity", "0")
        for server in servers:
            server.start()
        clerk = Clerk(servers[0].environment)
        clerk.do("namespace", path="/live", title="Live", welcome="Hi")
        yield Site(redis, servers, clerk)
        clerk.stop()
        for server in servers:
            server.stop()
            assert "Traceback" not in server.log()


@pytest.fixture
async def join(site: Site) -> AsyncIterator[Joiner]:
    del site
    clients: list[PlainClient] = []

    async def join(server: LiveServer, room: str) -> PlainClient:
        client = await PlainClient.connect(Caller(server.url, "/live"))
        clients.append(client)
        assert (await client.ask("joinRoom", room))["ok"]
        return client

    yield join
    for client in clients:
        assert not client.ended.is_set()
        await client.close()


async def test_what_was_said_meanwhile_arrives_and_where_nothing_is_kept_its_loss_is_told(
    site: Site, join: Joiner
) -> None:
    kept, unkept, quiet = site.room(), site.room(history_size=0), site.room(history_size=0)
    pairs = [(await join(site.a, room), await join(site.b, room)) for room in (kept, unkept, quiet)]
    (a, b), (c, d), (e, f) = pairs
    beside = await join(site.a, kept)
    for (here, there), room in zip(pairs, (kept, unkept, quiet), strict=True):
        await here.ask("message", {"room": room, "text": "before"})
        await _until_heard(there, "message", 1)
    await asyncio.to_thread(site.redis.kill)
    await a.ask("message", {"room": kept, "text": "meanwhile"})
    # The own sockets of a process do not wait for Redis.
    assert beside.log.count("message") == 2
    await c.ask("message", {"room": unkept, "text": "lost"})
    # Through the database, before Redis is back.
    await _until_heard(b, "message", 2)
    # In this thread: it ends with the one that started it, and the next test needs it, too.
    site.redis.start()
    await _until_heard(d, "missed", 1)
    await c.ask("message", {"room": unkept, "text": "after"})
    await _until_heard(d, "message", 2)
    heard = {
        client: [args[0] for event, args in await client.take_all() if event == "missed"]
        for client in (a, b, c, d, e, f)
    }
    assert heard == {a: [], b: [], c: [], d: [{"room": unkept}], e: [], f: []}


async def test_who_leaves_with_a_process_that_ends_meanwhile_is_told_once(
    site: Site, join: Joiner
) -> None:
    room = site.room()
    stays = await join(site.b, room)
    leaves = [await PlainClient.connect(Caller(site.leaver.url, "/live")) for _ in range(3)]
    for client in leaves:
        assert (await client.ask("joinRoom", room))["ok"]
    await _until_heard(stays, "newUser", 4)
    await asyncio.to_thread(site.redis.kill)
    try:
        ready = Browser(site.leaver.url)
        await until(
            lambda: ready.get("/readyz").json()["degraded"] == ["layer"], within_s=HEARD_WITHIN_S
        )
        assert await asyncio.to_thread(site.leaver.end) == 0
        assert (await stays.ask("members", room))["count"] == 1
    finally:
        site.redis.start()
    # Whichever of the two gave their seats free: it waited until it would be heard.
    await _until_heard(stays, "userLeft", 3)
    beside = await join(site.a, room)
    await _until_heard(stays, "newUser", 5)
    assert stays.log.count("userLeft") == 3
    assert beside.log.count("userLeft") == 0


async def _until_heard(client: PlainClient, event: str, count: int) -> None:
    async with asyncio.timeout(HEARD_WITHIN_S):
        while client.log.count(event) < count:  # noqa: ASYNC110 - the log wakes nobody
            await asyncio.sleep(0.02)
