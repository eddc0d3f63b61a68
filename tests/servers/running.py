"""Server programs that a test starts, and clients that see the bytes."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast
from urllib.request import urlopen

from tests.helpers.environment import clean_environment

ROOT = Path(__file__).resolve().parents[2]
FRAMED = ("daphne", "uvicorn")
ALL = (*FRAMED, "granian")
TIMEOUT_S = 30.0
Servers = Callable[[str], "RunningServer"]
_MASK = b"\x01\x02\x03\x04"


class RunningServer:
    """A server program in a process of its own, known to serve."""

    def __init__(self, arguments: Sequence[str], **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=clean_environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A group of its own: the reloader's child must go with it.
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.port = 0

    def wait_until_ready(self) -> None:
        """Read what it writes up to its port."""
        for line in cast("IO[str]", self.process.stdout):
            self.lines.append(line.strip())
            if line.startswith("ready "):
                self.port = int(line.split()[1])
                return
        raise AssertionError(f"it ended: {self.finish()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def finish(self, *, timeout_s: float = TIMEOUT_S) -> tuple[int, list[str], str]:
        """Wait for its end; return the exit code, its lines and what it complained of."""
        try:
            out, complaints = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            out, complaints = self.process.communicate()
            raise AssertionError(f"it did not end: {complaints}") from None
        return self.process.returncode, [*self.lines, *out.split("\n")[:-1]], complaints

    def clean_up(self) -> None:
        """End whatever still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(ValueError):
            self.process.communicate(timeout=TIMEOUT_S)

    def url(self, path: str) -> str:
        """Return the WebSocket's address."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> bytes:
        """Return the body of a plain request."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=TIMEOUT_S) as answer:
            return cast("bytes", answer.read())

    def request(self, path: str) -> socket.socket:
        """Send a plain request and leave its answer to come."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return connection

    @contextmanager
    def begin(self, path: str, header: bytes = b"X-Nothing: much") -> Iterator["BareClient"]:
        """Connect a client that has asked for a WebSocket and not read the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as connection:
            client = BareClient(connection)
            client.ask_for_websocket(path, header)
            yield client

    @contextmanager
    def open(self, path: str) -> Iterator["BareClient"]:
        """Connect a client that does nothing by itself, not even answer pings."""
        with self.begin(path) as client:
            client.read_answer()
            yield client


@contextmanager
def running(
    server: str, *, application: str = "commanded", **options: float
) -> Iterator[RunningServer]:
    """Run a test application on one of our servers; it must end cleanly and complain of nothing.

    A block that waits for the end itself is left alone.
    """
    given = [f"{name}={value}" for name, value in options.items()]
    started = RunningServer(["-m", "tests.servers.program", server, application, *given])
    try:
        started.wait_until_ready()
        yield started
        if started.process.returncode is None:
            started.signal(signal.SIGTERM)
            code, _, complaints = started.finish()
            assert (code, complaints) == (0, "")
    finally:
        started.clean_up()


class BareClient:
    """A WebSocket by hand: it sends what it is told and shows each byte that it gets."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.answer = b""
        # The rest of a frame that did not go out whole.
        self.unsent = b""
        self._unread = b""

    def ask_for_websocket(self, path: str, header: bytes) -> None:
        """Send the handshake with one more header."""
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        )
        self.connection.sendall(head.encode() + header + b"\r\n\r\n")

    def read_answer(self) -> None:
        """Read the handshake's answer, which must accept it."""
        while b"\r\n\r\n" not in self._unread:
            self._unread += self._receive()
        self.answer, _, self._unread = self._unread.partition(b"\r\n\r\n")
        assert self.answer.startswith(b"HTTP/1.1 101 "), self.answer

    def say(self, text: str) -> None:
        """Send a text message."""
        self.connection.sendall(masked_frame(0x81, text.encode()))

    def command(self, what: str, **arguments: Any) -> None:
        """Send a command to the test application."""
        self.say(json.dumps({"do": what, **arguments}))

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        while len(self._unread) < size:
            self._unread += self._receive()
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def frame(self) -> tuple[int, bytes]:
        """Return the next frame: its first byte and its payload."""
        first, size = self.read(2)
        if size == 126:
            size = int.from_bytes(self.read(2))
        elif size == 127:
            size = int.from_bytes(self.read(8))
        return first, self.read(size)

    def frames_to_the_end(self) -> int:
        """Read until the connection ends, in order or not; return how many frames came."""
        count = 0
        try:
            while True:
                self.frame()
                count += 1
        except (EOFError, ConnectionResetError):
            return count

    def text(self) -> str:
        """Return the next message, pings aside."""
        first, payload = self.frame()
        while first == 0x89:
            first, payload = self.frame()
        assert first == 0x81, (first, payload)
        return payload.decode()

    def ask(self, what: str, **arguments: Any) -> Any:
        """Send a command and return its answer."""
        self.command(what, **arguments)
        return json.loads(self.text())

    def flood(self, frame: bytes, *, at_most: int) -> int:
        """Send frames until the server has taken no byte for a while; return how many went."""
        self.connection.settimeout(0.5)
        sent = 0
        left = memoryview(frame)
        try:
            while sent < at_most:
                left = left[self.connection.send(left) :]
                if not left:
                    sent += 1
                    left = memoryview(frame)
        except TimeoutError:
            pass
        self.connection.settimeout(TIMEOUT_S)
        self.unsent = bytes(left) if len(left) < len(frame) else b""
        return sent

    def _receive(self) -> bytes:
        data = self.connection.recv(65_536)
        if not data:
            raise EOFError("the server closed the connection")
        return data


def masked_frame(first: int, payload: bytes) -> bytes:
    """Return a client's frame."""
    size = len(payload)
    if size <= 125:
        head = bytes([first, 0x80 | size])
    elif size <= 0xFFFF:
        head = bytes([first, 0x80 | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, 0x80 | 127]) + size.to_bytes(8)
    repeated = int.from_bytes((_MASK * (size // 4 + 1))[:size])
    return head + _MASK + (int.from_bytes(payload) ^ repeated).to_bytes(size)


def wait_for(condition: Callable[[], bool], *, timeout_s: float = TIMEOUT_S) -> None:
    """Return when the condition holds; fail when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.02)
