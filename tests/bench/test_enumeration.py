"""Hidden rooms and missing ones, told apart by time or not: the program in short."""

import random
import subprocess
import sys

import pytest

from bench.enumeration import Times, kolmogorov_smirnov
from bench.processes import ROOT, RunError


def sample(shift: float, count: int = 2_000) -> list[float]:
    turns = random.Random(count + shift)
    return [turns.gauss(shift, 1.0) for _number in range(count)]


def test_the_distance_is_that_of_the_distributions_and_its_likelihood_the_known_one() -> None:
    assert kolmogorov_smirnov([1, 2, 3, 4], [1, 2, 3, 4]) == (0.0, 1.0)
    assert kolmogorov_smirnov([1, 2], [3, 4])[0] == 1.0
    assert kolmogorov_smirnov([1, 3, 5, 7], [2, 4, 6, 8])[0] == 0.25
    # Two samples of 100 that are 0.23 apart: p 0.01, as printed tables have it.
    one, other = list(range(100)), [value + 22.5 for value in range(100)]
    distance, p = kolmogorov_smirnov(one, other)
    assert distance == pytest.approx(0.23)
    assert p == pytest.approx(0.01, rel=0.2)


def test_a_shift_is_found_and_chance_is_not() -> None:
    assert kolmogorov_smirnov(sample(0.0), sample(0.001))[1] > 0.01
    assert kolmogorov_smirnov(sample(0.0), sample(0.2))[1] < 0.001


def test_another_answer_or_another_time_is_an_error() -> None:
    same, other = [1.0, 1.1, 1.2] * 50, [1.2, 1.3, 1.4] * 50
    assert "0.0% apart" in Times(same, list(same), {"?"}).judge("same", 0.05, 0.01)
    for times in (Times(same, other, {"?"}), Times(same, list(same), {"?", "!"})):
        with pytest.raises(RunError):
            times.judge("other", 0.05, 0.01)


def test_hidden_and_missing_rooms_are_answered_alike() -> None:
    small = ["--tries", "10", "--rooms", "10", "--within", "100", "--p", "-1"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.enumeration", *small],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for given in ("nothing", "invitation", "password"):
        assert f"{given}: 10 each" in done.stdout
