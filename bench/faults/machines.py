"""What breaks: a Redis, a PostgreSQL and server processes of a program's own, each on its port.

All of them listen on 127.0.0.1, keep their files in one folder, and end with their blocks.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg

from bench.processes import HOST, ROOT, RunError, free_port

ANSWERS_WITHIN_S = 40.0
ENDS_WITHIN_S = 25.0
_NOTHING_KEPT = ("--save", "", "--appendonly", "no")
POSTGRES_URL = "postgres://postgres@127.0.0.1:5432/postgres"


class Child:
    """One child process that may be stopped, paused, killed and started again."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._command = command
        self._environment = {**os.environ, **environment}
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its number. Raises ``RunError`` where nothing runs."""
        if self._process is None:
            raise RunError("the process does not run")
        return self._process.pid

    def launch(self, answers: Callable[[], bool]) -> None:
        """Start it and wait until it answers. Raises ``RunError`` when it does not."""
        launched = [sys.executable, "-m", "bench.faults.launch", *self._command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                launched,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while not answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RunError(f"it does not answer: {self._command}\n{self.tail()}")
            time.sleep(0.02)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to a process that runs."""
        os.kill(self.pid, number)

    def pause(self) -> None:
        """Let it keep its connections and answer nothing."""
        self.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.send_signal(signal.SIGCONT)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it and wait; return its exit code, None where nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
        try:
            return process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RunError(f"it did not end: {self._command}\n{self.tail()}") from None

    def kill(self) -> None:
        """End it as a crash does."""
        self.end(signal.SIGKILL)

    def tail(self) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class RedisServer(Child):
    """A Redis that stores nothing."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.url = f"redis://{HOST}:{port}"
        command = ["redis-server", "--port", str(port), "--bind", HOST, *_NOTHING_KEPT]
        super().__init__(command, {}, folder / f"redis-{port}.log")

    @staticmethod
    def is_installed() -> bool:
        """Say whether there is a ``redis-server`` to start."""
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        """Start it, empty."""
        self.launch(self._answers)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """Start a Redis on a free port; it ends with the block."""
    server = RedisServer(free_port(), folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class PostgresServer(Child):
    """A PostgreSQL cluster of its own."""

    def __init__(self, port: int, folder: Path) -> None:
        self.url = f"postgres://postgres@{HOST}:{port}/postgres"
        self._data = folder / "postgres"
        self._data.mkdir()
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(self._data, "postgres")
            for each in (folder, *folder.parents[:-2]):
                each.chmod(each.stat().st_mode | 0o011)
        initdb = [_postgres_program("initdb"), "-D", str(self._data), "-A", "trust"]
        done = subprocess.run(
            [*_as_postgres(), *initdb, "-U", "postgres", "--no-sync"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RunError(done.stderr)
        # What is written outlives the server without reaching the disk: the machine goes on.
        settings = {
            "listen_addresses": HOST,
            "unix_socket_directories": str(self._data),
            "fsync": "off",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        program = [_postgres_program("postgres"), "-D", str(self._data), "-p", str(port)]
        super().__init__([*_as_postgres(), *program, *options], {}, folder / "postgres.log")

    @staticmethod
    def is_installed() -> bool:
        """Say whether there are PostgreSQL's programs to run."""
        return bool(_find_postgres_program("initdb"))

    def start(self) -> None:
        """Start it, with what it has stored."""
        self.launch(self._answers)

    def crash(self) -> None:
        """End it at once: what was committed is recovered at the next start."""
        lines = (self._data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGQUIT)
        self.end(signal.SIGCONT)

    def stop(self) -> None:
        """End it as an operator does who does not wait for clients."""
        lines = (self._data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGINT)
        self.end(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True


def _find_postgres_program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def _postgres_program(name: str) -> str:
    found = _find_postgres_program(name)
    if found is None:
        raise RunError(f"PostgreSQL's {name} is not installed")
    return found


def _as_postgres() -> list[str]:
    return ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []


@contextlib.contextmanager
def empty_database() -> Iterator[str]:
    """Make a database on the PostgreSQL at POSTGRES_URL; it ends with the block."""
    url = os.environ.get("POSTGRES_URL", POSTGRES_URL)
    name = f"h_faults_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
