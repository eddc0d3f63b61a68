"""The conformance server as a program, on each server: what only a real connection shows."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.conformance.profiles import PROFILES
from tests.servers.running import ALL, RunningServer

TIMEOUT_S = 30.0
OPEN = "/socket.io/?EIO=4&transport=polling"
UNKNOWN_SID = b'{"code":1,"message":"Session ID unknown"}'
# Daphne hands a request over only when its body is there, so that no application can be early.
READS_WHOLE_BODIES = "daphne"


@pytest.fixture(scope="module", params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    server: str = request.param
    return server


@pytest.fixture(scope="module")
def server(name: str) -> Iterator[RunningServer]:
    arguments = ["-m", "tests.conformance", "--profile", "check", "--port", "0", "--server", name]
    # Sessions that tests leave behind are not to be sent away at leisure.
    running = RunningServer(arguments, REALTIME_DRAIN_S="0.1")
    try:
        running.wait_until_ready()
        yield running
        running.process.terminate()
        code, _, complaints = running.finish()
        assert (code, complaints) == (0, "")
    finally:
        running.clean_up()


class Session:
    """A session over long-polling, by hand."""

    def __init__(self, server: RunningServer) -> None:
        self.port = server.port
        opening = self.ask("GET", OPEN)[1]
        self.path = f"{OPEN}&sid={json.loads(opening[1:])['sid']}"

    def ask(
        self, method: str, path: str | None = None, body: bytes | None = None
    ) -> tuple[int, bytes]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)) as connection:
            connection.request(method, path or self.path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def begin(self, head: str, body: bytes = b"") -> socket.socket:
        """Send a request and leave its answer, or the rest of its body, to come."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
        method, _, headers = head.partition("\r\n")
        lines = f"{method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{headers}\r\n"
        connection.sendall(lines.encode() + body)
        return connection

    def join(self) -> None:
        assert self.ask("POST", body=b"40/custom,") == (200, b"ok")
        packets = b""
        while b'42/custom,["auth",{}' not in packets:
            packets += self.ask("GET")[1]

    def is_over(self, *, within_s: float = TIMEOUT_S) -> bool:
        """Whether the server forgets the session by then; asked without a waiting GET."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.ask("POST", body=b"3") == (400, UNKNOWN_SID):
                return True
            time.sleep(0.01)
        return False


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(65_536).split()[1])


def test_a_dropped_poll_ends_its_session_within_a_second(server: RunningServer) -> None:
    session, other = Session(server), Session(server)
    session.join()
    other.join()
    connection = session.begin("GET")
    time.sleep(0.1)
    connection.close()
    assert session.is_over(within_s=1)
    assert not other.is_over(within_s=0.1)


def test_a_reset_within_a_body_ends_its_session_alone(server: RunningServer, name: str) -> None:
    session, other = Session(server), Session(server)
    session.join()
    other.join()
    connection = session.begin("POST\r\nContent-Length: 100\r\n", b"42/custom,")
    time.sleep(0.1)
    # Nothing lingers: the peer is told by a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()
    # Where the application never heard of that request, its session goes on.
    assert session.is_over(within_s=1) is (name != READS_WHOLE_BODIES)
    assert not other.is_over(within_s=0.1)


def test_a_second_poll_is_refused_and_the_first_is_let_go(server: RunningServer) -> None:
    session = Session(server)
    session.join()
    with session.begin("GET") as first:
        time.sleep(0.1)
        assert session.ask("GET") == (400, b"")
        assert status_of(first) == 200
    assert session.ask("GET") == (400, UNKNOWN_SID)


def test_too_large_a_body_is_refused_before_it_is_there(server: RunningServer, name: str) -> None:
    session = Session(server)
    session.join()
    head = "POST\r\nTransfer-Encoding: chunked\r\n"
    chunk = b"10000\r\n" + b"4" * 65_536 + b"\r\n"
    with session.begin(head, chunk * 16) as connection:
        if name == READS_WHOLE_BODIES:
            connection.sendall(b"0\r\n\r\n")
        assert status_of(connection) == 413
    assert not session.is_over(within_s=0.1)


def test_two_posts_at_once_end_the_session(server: RunningServer, name: str) -> None:
    if name == READS_WHOLE_BODIES:
        pytest.skip("Daphne hands a request over only when its body is there")
    session = Session(server)
    session.join()
    with session.begin("POST\r\nContent-Length: 100\r\n", b"42/custom,"):
        time.sleep(0.1)
        assert session.ask("POST", body=b"3") == (400, b"")
        assert session.ask("GET") == (400, UNKNOWN_SID)


def test_another_pages_origin_may_read(server: RunningServer) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)) as connection:
        connection.request("GET", OPEN, headers={"Origin": "https://friend.example"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("access-control-allow-origin") == "https://friend.example"


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_promises_its_heartbeat(profile: str) -> None:
    arguments = ["-m", "tests.conformance", "--profile", profile, "--port", "0"]
    running = RunningServer(arguments)
    try:
        running.wait_until_ready()
        prefix = "/engine.io/" if profile == "engine" else "/socket.io/"
        opening: dict[str, Any] = json.loads(
            running.get(f"{prefix}?EIO=4&transport=polling").decode()[1:]
        )
        expected = {
            "engine": (300, 200),
            "socketio": (300, 200),
            "client": (2_000, 20_000),
            "check": (25_000, 20_000),
        }
        assert (opening["pingInterval"], opening["pingTimeout"]) == expected[profile]
        running.process.terminate()
        assert running.finish()[0] == 0
    finally:
        running.clean_up()
