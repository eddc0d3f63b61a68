"""PostgreSQL databases that tests have for themselves."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.helpers.services import POSTGRES_URL


@contextmanager
def empty_database() -> Iterator[str]:
    """Make an empty database and give its DATABASE_URL; it ends with the block."""
    name = f"roomkey_{secrets.token_hex(6)}"
    server = POSTGRES_URL.rpartition("/")[0]
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
