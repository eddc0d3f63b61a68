"""One server for most tests, and clients of all kinds that meet there."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from itertools import count
from typing import Any

import pytest

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.node_client import NodeProgram

WELCOME = "Welcome to the live tests!"
OTHER_WELCOME = "This is the other one."
DOORS = ["plain", "python", pytest.param("javascript", marks=pytest.mark.node)]

ADDRESSES = count(int(ip_address("10.0.0.1")))

Connector = Callable[[Caller], Awaitable[Client]]


class Site:
    """A server with its clerk; rooms are made as tests need them, each test its own."""

    def __init__(self, server: LiveServer, clerk: Clerk) -> None:
        self.server = server
        self.clerk = clerk
        self.url = server.url
        self._rooms = 0
        self.notes: set[str] = set()
        self.signed_in = cache(self._sign_in)

    def room(self, name: str | None = None, namespace: str = "/live", **fields: Any) -> str:
        """Make a room and return its name."""
        self._rooms += 1
        name = name or f"room {self._rooms:03}"
        self.clerk.do("room", namespace=namespace, name=name, **fields)
        return name

    def browser(self) -> Browser:
        """Return a browser without cookies."""
        return Browser(self.url)

    def _sign_in(self, name: str) -> Browser:
        return self.browser().sign_in(name)


@dataclass
class Visitors:
    """Those who come in through one door; each leaves when the test ends."""

    site: Site
    connector: Connector
    # Wrong passwords are counted by address too: those of one test are nothing to another.
    address: str = field(default_factory=lambda: str(ip_address(next(ADDRESSES))))
    clients: list[Client] = field(default_factory=list)

    async def connect(
        self, namespace: str = "/live", *, user: str | None = None, **auth: Any
    ) -> Client:
        """Come in, and hear the greeting; raises ``ConnectRefusedError``."""
        client = await self.connect_silently(namespace, user=user, **auth)
        await client.hear_one("welcome")
        client.me = await client.hear_one("identity")
        return client

    async def connect_silently(
        self, namespace: str = "/live", *, user: str | None = None, **auth: Any
    ) -> Client:
        """Come in; what is heard is left to the test."""
        headers = self.site.signed_in(user).cookie_header if user else {}
        client = await self.connector(
            Caller(self.site.url, namespace, auth, {**headers, "X-Forwarded-For": self.address})
        )
        self.clients.append(client)
        return client

    async def join(self, room: str, namespace: str = "/live", **who: Any) -> Client:
        """Come in and join a room; what the joiner hears of that is taken."""
        client = await self.connect(namespace, **who)
        answer = await client.ask("joinRoom", room)
        assert answer["ok"], answer
        await client.hear("success")
        await client.hear("newUser")
        return client

    async def leave(self) -> None:
        """All leave who are still there."""
        for client in self.clients:
            await client.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """``manage.py runserver`` as the README starts it, with the demo and what tests add.

    Only that it believes this machine to be a proxy, so that visitors have addresses of their own.
    """
    server = LiveServer(
        tmp_path_factory.mktemp("live"), environment={"TRUSTED_PROXIES": "127.0.0.1"}
    )
    server.manage("migrate", "--verbosity", "0")
    server.manage("seed_demo")
    server.start()
    clerk = Clerk(server.environment)
    try:
        clerk.do("namespace", path="/live", title="Live", welcome=WELCOME)
        clerk.do("namespace", path="/other", title="Other", welcome=OTHER_WELCOME)
        yield Site(server, clerk)
    finally:
        clerk.stop()
        server.end()
    assert server.trouble() == []


@pytest.fixture(scope="session")
def node_program() -> Iterator[NodeProgram]:
    """The program in which the official JavaScript client runs."""
    program = NodeProgram()
    yield program
    program.stop()


@pytest.fixture(params=DOORS)
async def visitors(site: Site, request: pytest.FixtureRequest) -> AsyncIterator[Visitors]:
    """Visitors of one kind; the test runs once for each."""
    connectors: dict[str, Connector] = {
        "plain": PlainClient.connect,
        "python": PythonClient.connect,
    }
    if request.param == "javascript":
        connectors["javascript"] = request.getfixturevalue("node_program").connect
    here = Visitors(site, connectors[request.param])
    yield here
    await here.leave()


@pytest.fixture
async def plain(site: Site) -> AsyncIterator[Visitors]:
    """Visitors through the plain door alone."""
    here = Visitors(site, PlainClient.connect)
    yield here
    await here.leave()
