"""A server as a person starts it: a process, a port, a database and a log of its own."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.helpers.environment import clean_environment
from tests.helpers.services import ROOT

START_S = 60.0
STOP_S = 40.0
RUNSERVER = ("runserver", "--noreload", "127.0.0.1:{port}")
TROUBLE = ("Traceback", " ERROR ", " CRITICAL ", "Exception ignored")


class LiveServer:
    """One server process; ``environment`` is all that it knows of the project's variables."""

    def __init__(
        self,
        folder: Path,
        *,
        command: Sequence[str] = RUNSERVER,
        project: Path = ROOT,
        name: str = "server",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        database = {"DATABASE_URL": f"sqlite:///{folder / 'live.sqlite3'}"}
        self.environment = clean_environment(**database | dict(environment or {}))
        self._command = [part.format(port=self.port) for part in command]
        self._project = project
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> str:
        """Run a command of ``manage.py`` and return what it wrote; fail if it does."""
        done = self.try_to_manage(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def try_to_manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``manage.py``, which may fail."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self._project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self) -> None:
        """Serve, and return once the server says that it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", *self._command],
                cwd=self._project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, f"the server ended: {self.log()}"
            assert time.monotonic() < deadline, f"the server did not start: {self.log()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server as an operator does; it must end by itself and in peace."""
        code = self.end(signal.SIGTERM)
        assert code == 0, f"it ended with {code}: {self.log()}"

    def kill(self) -> None:
        """End the server as a crash does: it has no time to say goodbye."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code; 0 where nothing runs any more."""
        self.signal(how)
        return self.wait()

    def signal(self, how: signal.Signals) -> None:
        """Send a signal and go on, if anything runs."""
        if self._process is not None:
            self._process.send_signal(how)

    def wait(self) -> int:
        """Wait for the end and return the exit code; 0 where nothing runs any more."""
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
            raise AssertionError(f"the server did not end: {self.log()}") from None

    def log(self) -> str:
        """Return what the server has written."""
        return self._log.read_text(errors="replace")

    def trouble(self) -> list[str]:
        """Return the lines of the log that tell of a fault of ours."""
        return [line for line in self.log().splitlines() if any(word in line for word in TROUBLE)]

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            # A project of somebody else's has no such page, and serves when it says so.
            return connection.getresponse().status in {200, 404}
        except OSError:
            return False
        finally:
            connection.close()


class Clerk:
    """A process of its own that writes into a server's database: ``tests.live.clerk``."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.clerk"],
            cwd=ROOT,
            env={"SECRET_KEY": "the-clerk's", "ALLOWED_HOSTS": "localhost"} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str, **fields: Any) -> Any:
        """Have something done and return what the clerk answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the clerk ended over {what} {fields}"
        return json.loads(line)

    def stop(self) -> None:
        """Send the clerk home."""
        self._process.communicate(timeout=STOP_S)


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
