"""A site of one or more server processes of ours, on a database and a Redis."""

import secrets
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path

from bench.deployment import RAISED, UNLIMITED
from bench.faults.machines import Child
from bench.processes import HOST, RunError, free_port, run_command

TOKEN = secrets.token_hex(20)


class Server(Child):
    """One process: ``manage.py serve``."""

    def __init__(self, kind: str, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.kind = kind
        self.port = free_port()
        place = ["--host", HOST, "--port", str(self.port)]
        command = [sys.executable, "manage.py", "serve", "--server", kind, *place]
        super().__init__(command, environment, folder / f"{name}.log")

    def start(self) -> None:
        """Serve; returns once the server says that it is ready."""
        self.launch(lambda: self.status("/readyz") == 200)

    def status(self, path: str) -> int | None:
        """Return the status that a page answers with; None where nothing answers."""
        connection = HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def metric(self, name: str, label: str) -> float:
        """Return what `/metrics` says of a name with such a label. Raises ``RunError``."""
        connection = HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        for line in text.splitlines():
            if line.startswith(f"{name}{{") and label in line:
                return float(line.rpartition(" ")[2])
        raise RunError(f"no metric {name} with {label}: {text[:300]}")


class Site:
    """Several servers that know of each other through the database and Redis alone."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str,
        redis: str,
        kinds: tuple[str, ...] = ("uvicorn", "uvicorn"),
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "REDIS_PREFIX": f"faults-{secrets.token_hex(6)}",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DEBUG": "0",
            # Hundreds of sockets come and go: their lines are of no interest here.
            "LOG_LEVEL": "WARNING",
            "ALLOWED_HOSTS": HOST,
            "REALTIME_METRICS_TOKEN": TOKEN,
            **{f"REALTIME_{name}": UNLIMITED for name in RAISED},
            **{f"REALTIME_{name}": value for name, value in (options or {}).items()},
        }
        self.servers = [
            Server(kind, f"server-{number}", self.environment, folder)
            for number, kind in enumerate(kinds)
        ]

    def start(self) -> None:
        """Make the database ready and start all servers."""
        run_command([sys.executable, "-m", "bench.faults.seed"], self.environment)
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """End what runs."""
        for server in self.servers:
            server.end()
