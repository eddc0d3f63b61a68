"""The checker of the fault programs on histories, and the programs themselves in short."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.faults.checker import Record, check
from bench.faults.machines import PostgresServer, RedisServer
from bench.processes import ROOT
from tests.helpers.services import POSTGRES_URL, skip_unless_ci


def history(*heard: list[int], start: int = 0, acked: int = 3) -> list[Record]:
    acks = [{"kind": "ack", "offset": at, "id": f"id{at}"} for at in range(1, acked + 1)]
    ids = {"kind": "ids", "pairs": [[at, f"id{at}"] for at in range(1, acked + 1)]}
    return [*acks, ids, *({"kind": "member", "start": start, "heard": each} for each in heard)]


def test_a_history_in_which_everybody_heard_everything_is_sound() -> None:
    found = check(history([1, 2, 3], [1, 2, 3]))
    assert found.is_sound
    assert (found.acked, found.members, found.heard) == (3, 2, 6)


def test_what_a_member_lacks_is_lost_even_at_the_end() -> None:
    assert check(history([1, 3], [1, 2])).lost == 2
    assert check(history([], [1, 2, 3])).lost == 3
    # What nobody was told of, but was acknowledged.
    assert check(history([1, 2], [1, 2], acked=4)).lost == 4


def test_what_came_before_a_member_did_is_not_lost() -> None:
    assert check(history([3], start=2)).is_sound


def test_what_is_heard_twice_is_doubled_wherever_it_comes() -> None:
    assert check(history([1, 2, 2, 3])).doubled == 1
    assert check(history([1, 2, 3, 1])).doubled == 1
    assert check(history([2, 3], start=2)).doubled == 1


def test_what_comes_behind_a_later_one_is_out_of_order() -> None:
    found = check(history([1, 3, 2]))
    assert (found.reordered, found.lost, found.doubled) == (1, 0, 0)
    assert not found.is_sound


def test_an_ack_of_what_is_not_there_is_found() -> None:
    records = history([1, 2, 3])
    records[0]["id"] = "another"
    assert check(records).unstored == 1
    assert not check(records).is_sound


def test_refusals_and_closed_sockets_are_counted_and_no_violation() -> None:
    found = check(
        [
            *history([1, 2, 3]),
            {"kind": "refused", "code": "busy"},
            {"kind": "closed"},
            {"kind": "unanswered", "count": 2},
            {"kind": "fault", "what": "kill -9"},
        ]
    )
    assert found.is_sound
    assert (found.refused["busy"], found.closed, found.unanswered) == (1, 1, 2)


def run_program(name: str, folder: Path, *arguments: str) -> str:
    """Run a fault program in short; return what it printed of a sound history."""
    if not RedisServer.is_installed():
        skip_unless_ci("no redis-server to start")
    small = ["--members", "20", "--before-s", "1", "--broken-s", "2", "--after-s", "1"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.faults", name, *small),
            *("--history", str(folder / "history.jsonl"), *arguments),
        ],
        cwd=ROOT,
        env={**os.environ, "POSTGRES_URL": POSTGRES_URL},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
def test_a_reader_whose_outbox_is_full_is_told_and_takes_nobody_along(
    server: str, tmp_path: Path
) -> None:
    # How long the others wait is for a machine that does nothing else.
    patient = ["--per-s", "10", "--grows-most", "1000"]
    assert "sockets closed 1" in run_program("slow_reader", tmp_path, "--server", server, *patient)


@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.parametrize("name", ["kill9", "redis_restart", "redis_pause", "postgres_restart"])
def test_nothing_is_lost_doubled_or_out_of_order_while_something_breaks(
    name: str, tmp_path: Path
) -> None:
    if name == "postgres_restart" and not PostgresServer.is_installed():
        skip_unless_ci("no initdb to make a PostgreSQL with")
    said = run_program(name, tmp_path, "--per-s", "20", "--within-s", "8")
    assert "lost 0, doubled 0, out of order 0" in said
