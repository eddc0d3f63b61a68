"""Of all who ask at once as many get in as there are places: the program in short."""

import os
import subprocess
import sys

import pytest

from bench.processes import ROOT
from tests.helpers.services import POSTGRES_URL, REDIS_URL


@pytest.mark.parametrize(
    "processes",
    ["1", pytest.param("2", marks=[pytest.mark.redis, pytest.mark.postgres])],
)
def test_of_all_who_ask_at_once_as_many_get_in_as_there_are_places(processes: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.races", "--processes", processes, "--rounds", "1"],
        cwd=ROOT,
        env={**os.environ, "POSTGRES_URL": POSTGRES_URL, "REDIS_URL": REDIS_URL},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "capacity: {'" in done.stdout
    assert "invitation: {'" in done.stdout
