"""Several servers of ours on one PostgreSQL and one Redis, or one on SQLite: what races run on.

The database is made for the run and dropped after it. ``POSTGRES_URL`` and ``REDIS_URL`` in the
environment say where the two are, if not on 127.0.0.1.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import django
import psycopg

from bench.deployment import Deployment
from bench.processes import HOST, free_port, run_command, running_server

POSTGRES_URL = "postgres://postgres@127.0.0.1:5432/postgres"
REDIS_URL = "redis://127.0.0.1:6379"


@dataclass(frozen=True, slots=True)
class Served:
    """Servers that answer, with the environment that they share with whoever asks their models."""

    ports: tuple[int, ...]
    pids: tuple[int, ...]
    environment: dict[str, str]

    def port(self, number: int) -> int:
        """Give each client its server, in turn."""
        return self.ports[number % len(self.ports)]


@contextmanager
def served(processes: int, *, server: str = "uvicorn", **options: str) -> Iterator[Served]:
    """Serve on SQLite and the in-memory layer, or with several processes on PostgreSQL and Redis.

    ``options`` are further variables of the environment. This process's Django is set up on the
    same database. Raises ``RunError``.
    """
    with TemporaryDirectory() as directory, ExitStack() as stack:
        deployment = Deployment(Path(directory))
        environment = dict(stack.enter_context(deployment.site()).environment)
        if processes > 1:
            environment |= {
                "DATABASE_URL": stack.enter_context(_empty_database()),
                "REDIS_URL": os.environ.get("REDIS_URL", REDIS_URL),
                "REDIS_PREFIX": f"bench-{secrets.token_hex(6)}",
            }
            run_command([sys.executable, "-m", "bench.ours.seed"], environment)
        environment |= options
        os.environ.update(environment)
        django.setup()
        ports = tuple(free_port() for _ in range(processes))
        pids = tuple(
            stack.enter_context(running_server(_command(server, port), port, environment))
            for port in ports
        )
        yield Served(ports, pids, environment)


def _command(server: str, port: int) -> list[str]:
    place = ["--server", server, "--host", HOST, "--port", str(port)]
    return [sys.executable, "manage.py", "serve", *place]


@contextmanager
def _empty_database() -> Iterator[str]:
    url = os.environ.get("POSTGRES_URL", POSTGRES_URL)
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
