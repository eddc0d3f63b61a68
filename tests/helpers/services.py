"""Programs that some tests need beside Python: where they are, or what is missing."""

import os
import shutil
import socket
from functools import cache
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
# The names that `make test` looks for; the first needs half the work of the others.
CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Return the path of a Chromium; CHROMIUM in the environment names one."""
    names = [name for name in (os.environ.get("CHROMIUM"), *CHROMIUM_NAMES) if name]
    return next((path for name in names if (path := shutil.which(name))), None)


def skip_unless_ci(reason: str) -> NoReturn:
    """End a test that lacks something: a person's machine may, a machine of CI must not."""
    if os.environ.get("CI", "") not in {"", "0", "false"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def chromium_problem() -> str | None:
    """Say what is missing for a browser test; None if nothing is."""
    return None if find_chromium() else "no Chromium: install it, or set CHROMIUM=/path"


def node_problem() -> str | None:
    """Say what is missing for the official JavaScript client; None if nothing is."""
    if not shutil.which("node"):
        return "no Node: run `make setup`"
    if not (ROOT / "node_modules" / "socket.io-client").is_dir():
        return "no socket.io-client: run `make setup`"
    return None


def program_problem(name: str, package: str) -> str | None:
    """Say that a program is missing; None if it is there."""
    return None if shutil.which(name) else f"no {name}: install it (Debian: apt install {package})"


@cache
def redis_problem() -> str | None:
    """Say why there is no Redis; None if one listens."""
    return _listening_problem("Redis", REDIS_URL, 6379, "TEST_REDIS_URL")


@cache
def postgres_problem() -> str | None:
    """Say why there is no PostgreSQL; None if one listens."""
    return _listening_problem("PostgreSQL", POSTGRES_URL, 5432, "TEST_POSTGRES_URL")


def _listening_problem(what: str, url: str, default_port: int, variable: str) -> str | None:
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or default_port)
    try:
        socket.create_connection(address, timeout=2).close()
    except OSError as error:
        return f"no {what} at {address[0]}:{address[1]} ({error}): set {variable}"
    return None
