"""What holds on SQLite holds on PostgreSQL: the tests of the units run there once more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import services

ROOT = Path(__file__).resolve().parents[2]
UNITS = (
    "test_join",
    "test_enumeration",
    "test_messages",
    "test_history",
    "test_presence",
    "test_rooms_list",
    "test_query_plans",
    "test_permissions",
    "test_permission_models",
    "test_races",
    "test_turns",
    "test_versions",
    "test_dashboard",
    "test_migrations",
)


@pytest.mark.postgres
def test_joins_messages_and_presence_hold_on_postgresql() -> None:
    paths = [f"tests/rooms/{name}.py" for name in UNITS]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": services.POSTGRES_URL},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4_000:]
