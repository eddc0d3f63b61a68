"""CPU and memory of a process tree."""

import os
import time
from pathlib import Path

import pytest

from bench.usage import (
    PROC,
    ProcessRow,
    Usage,
    descendants,
    open_files,
    parse_ps,
    parse_stat,
    tree_usage,
)

needs_proc = pytest.mark.skipif(not (PROC / "self" / "stat").exists(), reason="needs /proc")


def test_a_stat_line_is_read_whatever_the_command_is_called() -> None:
    times = "1000 500 200 100"
    line = (
        f"42 (a) b (c) S 7 42 42 0 -1 0 0 0 0 0 {times} 20 0 1 0 100 4096 25 18446744073709551615"
    )

    row = parse_stat(line)

    assert (row.pid, row.parent) == (42, 7)
    assert row.usage.cpu_s == pytest.approx(1800 / os.sysconf("SC_CLK_TCK"))
    assert row.usage.rss_bytes == 25 * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("0:01.50", 1.5), ("00:02:03", 123.0), ("1-01:00:00", 90_000.0)],
)
def test_a_ps_line_is_read(time: str, seconds: float) -> None:
    assert parse_ps(f"  42     7   2048 {time}") == ProcessRow(42, 7, Usage(seconds, 2048 * 1024))


def test_a_tree_is_a_process_and_all_below_it() -> None:
    none = Usage(0, 0)
    rows = [ProcessRow(pid, parent, none) for pid, parent in [(5, 3), (3, 2), (2, 1), (9, 1)]]

    assert {row.pid for row in descendants(2, rows)} == {2, 3, 5}


@needs_proc
def test_our_own_work_is_seen() -> None:
    before = tree_usage(os.getpid())
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass

    after = tree_usage(os.getpid())

    # The kernel counts in ticks of ten milliseconds.
    assert after.cpu_s - before.cpu_s >= 0.08
    assert after.rss_bytes > 1_000_000


def test_a_process_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ProcessLookupError):
        tree_usage(2**22 + 1)


@needs_proc
def test_open_files_are_counted_by_path(tmp_path: Path) -> None:
    path = tmp_path / "database"

    with path.open("w"), path.open():
        assert open_files(os.getpid(), path) == 2
    assert open_files(os.getpid(), path) == 0
