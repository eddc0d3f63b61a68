"""Nothing of a room reaches those who were put out of it: the program in short."""

import os
import subprocess
import sys

import pytest

from bench.chases import Chased, Tally
from bench.dialects import Event
from bench.processes import ROOT
from tests.helpers.services import POSTGRES_URL, REDIS_URL


def message(number: int) -> Event:
    return Event("message", [{"text": str(number)}])


@pytest.mark.parametrize(
    ("heard", "late"),
    [
        ([message(7), Event("kicked", [{}])], 0),
        ([message(8), Event("kicked", [{}])], 1),
        ([Event("kicked", [{}]), message(7)], 1),
        ([Event("kicked", [{}]), Event("newUser", ["", {}])], 1),
    ],
)
def test_what_arrives_behind_the_eviction_or_was_said_after_its_ack_is_found(
    heard: list[Event], late: int
) -> None:
    tally = Tally()
    chased = Chased(tally, "csgo")
    chased.acked(next_number=8)
    for event in heard:
        chased.hear(None, event)
    assert tally.violations.total() == late


@pytest.mark.redis
@pytest.mark.postgres
def test_nothing_of_the_room_reaches_those_who_were_put_out_of_it() -> None:
    small = ["--evictions", "24", "--rate", "50", "--guests", "3", "--tabs", "2", "--rooms", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.chases", *small],
        cwd=ROOT,
        env={**os.environ, "POSTGRES_URL": POSTGRES_URL, "REDIS_URL": REDIS_URL},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arrived too late: 0" in done.stdout
