"""Our own project under the loads, small ones."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.deployment import Deployment
from bench.measurement import Measurement
from bench.rounds import run_once
from bench.scenarios import SCENARIOS
from bench.usage import PROC


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with TemporaryDirectory() as directory:
        yield Deployment(Path(directory))


def measure(deployment: Deployment, scenario_name: str, row_name: str) -> Measurement:
    scenario = SCENARIOS[scenario_name]
    row = scenario.row(row_name)
    assert row is not None
    return run_once(replace(scenario, clients=8), row, deployment, seconds=0.3)


@pytest.mark.parametrize("row", ["ours@uvicorn", "ours@uvicorn+message"])
def test_a_fan_out_loses_nothing(deployment: Deployment, row: str) -> None:
    found = measure(deployment, "fanout", row)

    assert found.operations > 0
    assert found.operations % 8 == 0
    assert found.lost == 0
    assert found.extra == {"doubled": 0}
    assert found.about.startswith("uvicorn ")


def test_slow_queries_take_their_connections_and_give_them_back(deployment: Deployment) -> None:
    found = measure(deployment, "database", "ours@uvicorn")

    # Eight times 0.3 s on four connections.
    assert found.extra["all_done_ms"] >= 600
    assert found.operations > 0
    if PROC.exists():
        assert found.extra["connections"] == 4
        assert found.extra["idle_connections"] == 0
