"""The site as a browser meets it: a server of its own, on a database of its own."""

import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from tests.helpers.environment import clean_environment
from tests.helpers.services import ROOT

START_S = 60
STOP_S = 30


class Site:
    """A ``runserver`` on a free port of this machine; it can be killed and come back there.

    ``environment`` is all that it knows of the project's variables, and what else works on its
    database needs. ``sessions`` are the session cookies of people who have signed in before, by
    name.
    """

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "server.log"
        self.environment = clean_environment(
            DATABASE_URL=f"sqlite:///{folder / 'site.sqlite3'}",
            DEBUG="0",
            SECRET_KEY="only-for-browser-tests",
            ALLOWED_HOSTS="127.0.0.1",
        )
        self.sessions: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> str:
        """Run a command of ``manage.py`` and return what it printed; it is told if it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Serve, and return once the server answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, f"the server ended: {self.log()}"
            assert time.monotonic() < deadline, f"the server did not start: {self.log()}"

    def kill(self) -> None:
        """End the server as a crash does: it has no time to say goodbye."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let the server stand still: its connections stay, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server as an operator does."""
        self._end(signal.SIGTERM)

    def log(self) -> str:
        """Return what the server has written."""
        return self._log.read_text(errors="replace")

    def _signal(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process = None

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.05)
            return False
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
