"""The command line, on real servers with a small load."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.processes import ROOT
from bench.usage import PROC

SMALL = ("--rounds", "1", "--seconds", "0.3", "--members", "20")


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def started(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def rows(report: str) -> dict[str, list[str]]:
    """The cells of each row of the table, by the row's name."""
    cells = [line.strip("| ").split(" | ") for line in report.splitlines() if line.startswith("| ")]
    return {row[0]: row for row in cells}


def test_a_fan_out_is_measured_without_a_loss_in_either_dialect() -> None:
    done = bench("fanout-100", *SMALL, "--only", "pysio@uvicorn,channels@uvicorn")

    assert done.returncode == 0, done.stderr
    found = rows(done.stdout)
    for name in ("pysio@uvicorn", "channels@uvicorn"):
        assert float(found[name][2].replace(",", "")) > 0
        assert found[name][6] == "0"
        assert f"- {name}: uvicorn " in done.stdout


def test_an_unknown_row_is_named_with_those_there_are() -> None:
    done = bench("fanout", "--only", "raw@nothing")

    assert done.returncode == 2
    assert "no row 'raw@nothing'; there are " in done.stderr
    assert "raw@uvicorn" in done.stderr


def children(pid: int) -> list[int]:
    listing = (PROC / str(pid) / "task" / str(pid) / "children").read_text()
    return [int(child) for child in listing.split()]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_children(process: "subprocess.Popen[str]", count: int) -> list[int]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = children(process.pid)
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{len(children(process.pid))} children")


@pytest.mark.skipif(not PROC.exists(), reason="needs /proc")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_the_benchmark(ending: signal.Signals) -> None:
    arguments = ("--rounds", "1", "--seconds", "60", "--members", "2", "--only", "raw@uvicorn")
    with started("fanout", *arguments) as process:
        found = wait_for_children(process, 2)

        process.send_signal(ending)
        process.wait(20)

        deadline = time.monotonic() + 10
        while any(is_running(pid) for pid in found) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(is_running(pid) for pid in found)
