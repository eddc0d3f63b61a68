"""`/readyz` of a running server whose database or layer hangs, goes away, and comes back."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.helpers import services
from tests.helpers.environment import clean_environment
from tests.helpers.faults import FaultProxy
from tests.helpers.services import ROOT

START_S = 20.0


class Server:
    """A server that a test started, seen from a balancer."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, path: str) -> tuple[int, Any]:
        try:
            with urlopen(self._url + path, timeout=5) as answer:  # noqa: S310 - http, on loopback
                return answer.status, json.load(answer)
        except HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def wait_for(self, status: int, body: dict[str, Any], within_s: float) -> float:
        """Return the seconds until `/readyz` answered so."""
        began = time.monotonic()
        answer: object = None
        while time.monotonic() - began < within_s:
            try:
                answer = self.ask("/readyz")
            except OSError as error:  # not listening yet
                answer = error
            if answer == (status, body):
                return time.monotonic() - began
            time.sleep(0.05)
        pytest.fail(f"/readyz after {within_s} s: {answer}")


READY = {"status": "ready", "degraded": []}


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    values = clean_environment(
        SECRET_KEY="only-for-tests",
        ALLOWED_HOSTS="nobody.example",
        **({"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}"} | environment),
    )
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], env=values, check=True, timeout=60)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*manage, "serve", "--server", "uvicorn", "--host", "127.0.0.1", "--port", str(port)],
            env=values | {"REALTIME_DRAIN_S": "0"},
            stdout=output,
            stderr=output,
        )
        server = Server(port)
        try:
            server.wait_for(200, READY, within_s=START_S)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
    assert status == 0, log.read_text()


def test_a_probe_needs_no_allowed_host(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.ask("/healthz") == (200, {"status": "ok"})
        assert server.ask("/readyz") == (200, READY)


@contextmanager
def proxied(url: str, default_port: int) -> Iterator[tuple[FaultProxy, str]]:
    """A proxy before a service, and the URL that leads through it."""
    parts = urlsplit(url)
    with FaultProxy(parts.hostname or "127.0.0.1", parts.port or default_port) as proxy:
        user = parts.netloc.rpartition("@")[0]
        place = f"{user}@127.0.0.1:{proxy.port}" if user else f"127.0.0.1:{proxy.port}"
        yield proxy, parts._replace(netloc=place).geturl()


@pytest.mark.redis
def test_a_lost_layer_is_noticed_within_two_seconds(
    tmp_path: Path, redis_environment: dict[str, str]
) -> None:
    lost = {"status": "ready", "degraded": ["layer"]}
    with proxied(services.REDIS_URL, 6379) as (proxy, url):
        environment = redis_environment | {"REDIS_URL": url}
        with serving(tmp_path, **environment) as server:
            proxy.cut()
            server.wait_for(200, lost, within_s=2.0)
            proxy.mend()
            server.wait_for(200, READY, within_s=10.0)
            proxy.hang()
            server.wait_for(200, lost, within_s=2.0)
            proxy.mend()
            server.wait_for(200, READY, within_s=10.0)


@pytest.mark.postgres
def test_a_hanging_database_holds_no_probe_and_is_told(tmp_path: Path, postgres_url: str) -> None:
    with (
        proxied(postgres_url, 5432) as (proxy, url),
        serving(tmp_path, DATABASE_URL=url) as server,
    ):
        proxy.hang()
        waited_s = server.wait_for(
            503,
            {"status": "unavailable", "degraded": ["database"], "missing": ["database"]},
            within_s=13.0,
        )
        assert waited_s > 8
        # Fifty probes one after the other: none waits for the database.
        began = time.monotonic()
        for _ in range(50):
            assert server.ask("/healthz")[0] == 200
            assert server.ask("/readyz")[0] == 503
        assert time.monotonic() - began < 2
        proxy.mend()
        server.wait_for(200, READY, within_s=5.0)
