"""What operators see of a process, on each server: metrics, and logs without secrets."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, PlainClient, PythonClient
from tests.helpers.live_server import LiveServer

SERVERS = ("daphne", "uvicorn", "granian")
TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module", params=SERVERS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    name = request.param
    server = LiveServer(
        tmp_path_factory.mktemp(name),
        command=["serve", "--server", name, "--host", "127.0.0.1", "--port", "{port}"],
        environment={
            "SECRET_KEY": "a-key-of-the-tests",
            "ALLOWED_HOSTS": "127.0.0.1",
            "REALTIME_METRICS_TOKEN": TOKEN,
        },
    )
    server.manage("migrate", "--verbosity", "0")
    server.start()
    yield server
    server.stop()
    assert server.trouble() == []


async def test_the_metrics_tell_of_each_door(served: LiveServer) -> None:
    clients = [
        await PlainClient.connect(Caller(served.url, "/")),
        await PythonClient.connect(Caller(served.url, "/", transports=["polling"])),
    ]
    for client in clients:
        assert await client.ask("echo", "x") == "x"
    browser = Browser(served.url)
    assert browser.get("/metrics").status == 403
    answer = browser.get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    found = {
        (sample.name, sample.labels.get("door"), sample.labels.get("transport")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["roomkey_sockets", "plain", "websocket"] == 1
    assert found["roomkey_sockets", "socket.io", "polling"] == 1
    assert found["roomkey_process_resident_memory_bytes", None, None] > 1_000_000
    for client in clients:
        await client.close()
