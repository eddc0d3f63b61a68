"""Our own project under load: its environment, and a fresh database for each run."""

import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.processes import HOST, run_command

UNLIMITED = "1000000"

# DESIGN section 8: the counting stays on, its limits are out of the way. All else stays.
RAISED = (
    "EVENTS_PER_S",
    "EVENTS_BURST",
    "JOINS_PER_S",
    "JOINS_BURST",
    "MAX_SESSIONS_PER_ADDRESS",
)


@dataclass(frozen=True, slots=True)
class Site:
    """One run's own copy: the environment to start it in, and where its database lies."""

    environment: Mapping[str, str]
    database: Path


class Deployment:
    """Migrates and seeds one database on first use; hands out copies of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._secret_key = secrets.token_urlsafe(50)

    @contextmanager
    def site(self) -> Iterator[Site]:
        """A site that nobody has visited. Raises ``RunError`` when the database cannot be made."""
        with TemporaryDirectory(dir=self._directory) as name:
            directory = Path(name)
            for file in self._seeded.iterdir():
                shutil.copy(file, directory)
            database = directory / "bench.sqlite3"
            yield Site(self._environment(database), database)

    @cached_property
    def _seeded(self) -> Path:
        directory = self._directory / "seeded"
        # It is there when an earlier run failed here; this one then says why, too.
        directory.mkdir(exist_ok=True)
        environment = self._environment(directory / "bench.sqlite3")
        run_command([sys.executable, "-m", "bench.ours.seed"], environment)
        return directory

    def _environment(self, database: Path) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "bench.ours.settings",
            "DATABASE_URL": f"sqlite:///{database}",
            "REDIS_URL": "",
            "SECRET_KEY": self._secret_key,
            "DEBUG": "0",
            "ALLOWED_HOSTS": HOST,
            **{f"REALTIME_{name}": UNLIMITED for name in RAISED},
        }
