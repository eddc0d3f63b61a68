"""The command line: ``python -m bench [scenario] [--rounds N] [--seconds S] [--only ROW,…]``."""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NoReturn

from bench.deployment import Deployment
from bench.report import report
from bench.rounds import run_rounds
from bench.scenarios import SCENARIOS, Row, Scenario

DEFAULT_SCENARIO = "fanout"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios and print what they found; 1 when a run failed, 2 on a wrong argument."""
    # As an exception it unwinds the blocks that end the children.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    options = _parser().parse_args(arguments)
    scenarios = list(SCENARIOS.values())
    if options.scenario != "all":
        scenarios = [SCENARIOS[options.scenario]]
    print(machine())
    with TemporaryDirectory(prefix="roomkey-bench-") as directory:
        deployment = Deployment(Path(directory))
        results = [_run(scenario, deployment, options) for scenario in scenarios]
    return 0 if all(results) else 1


def machine() -> str:
    """What the figures were taken on; how busy it was, as noise explains much."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, load average {load}"
    )


def _run(scenario: Scenario, deployment: Deployment, options: argparse.Namespace) -> bool:
    """Run and report one scenario; False when a run failed."""
    if options.members is not None:
        scenario = replace(scenario, clients=options.members)
    rows = _chosen(scenario, options.only)
    title = f"{scenario.name}: {scenario.clients:,} clients"
    if scenario.load == "fanout":
        title += f", {scenario.in_flight} in flight"
    print(f"\n## {title}, {options.rounds} rounds\n", flush=True)
    findings = run_rounds(
        scenario,
        rows,
        deployment,
        rounds=options.rounds,
        seconds=options.seconds,
        say=_say,
    )
    print(report(scenario, findings.measured), flush=True)
    for failure in findings.failed:
        _say(f"FAILED {failure}")
    return bool(rows) and not findings.failed


def _chosen(scenario: Scenario, only: list[str] | None) -> list[Row]:
    """The rows that were asked for and can run here; the others are named with the reason."""
    rows = []
    for row in scenario.rows:
        if only is not None and row.name not in only:
            continue
        missing = row.server.missing()
        if missing is None:
            rows.append(row)
        else:
            _say(f"skipped {row.name}: {missing}")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenario",
        nargs="?",
        default=DEFAULT_SCENARIO,
        choices=[*SCENARIOS, "all"],
        help=f"what to run (default: {DEFAULT_SCENARIO})",
    )
    parser.add_argument("--rounds", type=_positive_int, default=3, help="how often (default: 3)")
    parser.add_argument(
        "--seconds", type=_positive_float, default=4.0, help="measured in a run (default: 4)"
    )
    parser.add_argument(
        "--members", type=_positive_int, help="clients, in place of the scenario's own number"
    )
    parser.add_argument("--only", type=_row_names, help="rows by name, separated by commas")
    return parser


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("must be over 0 and at most 600")
    return value


def _row_names(text: str) -> list[str]:
    known = {row.name for scenario in SCENARIOS.values() for row in scenario.rows}
    names = text.split(",")
    for name in names:
        if name not in known:
            choices = ", ".join(sorted(known))
            raise argparse.ArgumentTypeError(f"no row {name!r}; there are {choices}")
    return names


def _say(line: str) -> None:
    """Progress, apart from the report."""
    print(line, file=sys.stderr, flush=True)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
