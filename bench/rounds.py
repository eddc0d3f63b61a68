"""Interleaved rounds of one scenario: A B C, A B C, so that a noisy minute hurts all alike."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.deployment import Deployment
from bench.measurement import Load, Measurement
from bench.processes import HOST, RunError, free_port, run_load, running_server
from bench.scenarios import Row, Scenario

# Beside the measured seconds: connecting a thousand clients one by one to the slowest server,
# joining, warming up, waiting for the last delivery.
RUN_EXTRA_S = 120.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rounds found, by row name in the scenario's order, and what went wrong.

    ``measured[row][i]`` is round ``i + 1``: a row that failed has fewer. ``failed`` says why.
    """

    measured: dict[str, list[Measurement]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def run_rounds(
    scenario: Scenario,
    rows: list[Row],
    deployment: Deployment,
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Findings:
    """Run each row once a round; a row that failed is left out of later rounds."""
    findings = Findings({row.name: [] for row in rows})
    running = list(rows)
    for number in range(1, rounds + 1):
        for row in list(running):
            try:
                measured = run_once(scenario, row, deployment, seconds=seconds)
            except RunError as error:
                running.remove(row)
                findings.failed.append(f"{row.name}, round {number}: {error}")
                say(f"round {number}/{rounds}  {row.name}: FAILED")
                continue
            findings.measured[row.name].append(measured)
            say(
                f"round {number}/{rounds}  {row.name}: {measured.cpu_us:.1f} µs CPU"
                f" per {scenario.operation}, {measured.lost} lost"
            )
    return findings


def run_once(
    scenario: Scenario, row: Row, deployment: Deployment, *, seconds: float
) -> Measurement:
    """Start the row's server, put the load on it, end it. Raises ``RunError``."""
    port = free_port()
    environment = {"BENCH_SERVER": row.server.software}
    with ExitStack() as stack:
        database = ""
        if row.server.is_ours:
            site = stack.enter_context(deployment.site())
            environment |= site.environment
            database = str(site.database)
        pid = stack.enter_context(running_server(row.server.command_on(port), port, environment))
        load = Load(
            scenario=scenario.load,
            host=HOST,
            port=port,
            server_pid=pid,
            dialect=row.dialect,
            event=row.event,
            clients=scenario.clients,
            in_flight=scenario.in_flight,
            seconds=seconds,
            database=database,
        )
        output = run_load(["bench.generate", load.to_json()], timeout_s=seconds + RUN_EXTRA_S)
    return _only_if_some(Measurement.from_json(output))


def _only_if_some(measured: Measurement) -> Measurement:
    if measured.operations == 0:
        raise RunError("nothing was delivered")
    return measured
