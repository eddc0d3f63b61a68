"""Several processes of the site on one PostgreSQL and one Redis."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.services import REDIS_URL

LEASE_S = 4.0


class Pair:
    """Two servers, A and B, that know of each other through the database and Redis alone."""

    def __init__(self, servers: list[LiveServer], clerk: Clerk) -> None:
        self.a, self.b = servers
        self.clerk = clerk

    def room(self, **fields: object) -> str:
        name = f"room {secrets.token_hex(4)}"
        self.clerk.do("room", namespace="/live", name=name, **fields)
        return name


@contextmanager
def running_servers(
    folder: Path,
    database: str,
    kinds: Sequence[str],
    environment: Mapping[str, str],
    *,
    of_the_first: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[list[LiveServer], Clerk]]:
    """Serve on ``kinds``, and have a clerk who shares nothing but the stores; none may log trouble.

    ``of_the_first`` is what only the first server's environment has.
    """
    shared = {
        "DATABASE_URL": database,
        "REDIS_URL": REDIS_URL,
        "REDIS_PREFIX": f"live-{secrets.token_hex(6)}",
        "SECRET_KEY": "a-key-of-the-tests",
        "ALLOWED_HOSTS": "127.0.0.1",
        "REALTIME_LEASE_S": str(LEASE_S),
        **environment,
    }
    servers = [
        LiveServer(
            folder,
            name=f"server-{number}",
            command=["serve", "--server", kind, "--host", "127.0.0.1", "--port", "{port}"],
            environment={**shared, **(of_the_first if number == 0 else {})},
        )
        for number, kind in enumerate(kinds)
    ]
    servers[-1].manage("migrate", "--verbosity", "0")
    for server in servers:
        server.start()
    clerk = Clerk(servers[-1].environment)
    clerk.do("namespace", path="/live", title="Live", welcome="Hi")
    yield servers, clerk
    clerk.stop()
    for server in servers:
        server.stop()
        assert not server.trouble(), server.trouble()


@contextmanager
def running_pair(folder: Path, database: str, **environment: str) -> Iterator[Pair]:
    """Serve on Daphne and on Uvicorn."""
    kinds = ["daphne", "uvicorn"]
    with running_servers(folder, database, kinds, environment) as (servers, clerk):
        yield Pair(servers, clerk)
