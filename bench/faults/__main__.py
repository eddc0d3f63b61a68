"""Break one thing: ``python -m bench.faults kill9``; exits with 1 on a violation.

Needs ``redis-server`` and a PostgreSQL at POSTGRES_URL, 127.0.0.1:5432 unless set;
``postgres_restart`` runs its own. The history goes to ``--history``, JSON lines.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.faults.breaking import kill9, postgres_restart, redis_pause, redis_restart
from bench.faults.crowding import slow_reader, soak, storm
from bench.faults.forged import forged
from bench.faults.trial import Outcome, Plan, Report
from bench.launch import raise_open_files
from bench.processes import RunError

Program = Callable[[Path, Plan, Path], Coroutine[Any, Any, Outcome | Report]]

# Each with its own measure of members and messages a second, where the command line has none.
PROGRAMS: dict[str, tuple[Program, int, float]] = {
    "kill9": (kill9, 200, 200.0),
    "redis_restart": (redis_restart, 200, 200.0),
    "redis_pause": (redis_pause, 200, 200.0),
    "postgres_restart": (postgres_restart, 200, 200.0),
    "forged": (forged, 50, 50.0),
    "slow_reader": (slow_reader, 1_000, 5.0),
    "storm": (storm, 5_000, 0.0),
    "soak": (soak, 5_000, 0.0),
}


def main() -> None:
    """Run what the command line names and print what was found."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.faults")
    parser.add_argument("name", choices=sorted(PROGRAMS))
    parser.add_argument("--members", type=int)
    parser.add_argument("--per-s", type=float)
    parser.add_argument("--before-s", type=float, default=plan.before_s)
    parser.add_argument("--after-s", type=float, default=plan.after_s)
    parser.add_argument("--broken-s", type=float, default=plan.broken_s)
    parser.add_argument("--within-s", type=float, default=plan.within_s, help="to catch up")
    parser.add_argument("--grows-most", type=float, default=plan.grows_most, help="of slow_reader")
    parser.add_argument("--minutes", type=float, default=plan.minutes, help="of soak")
    parser.add_argument("--server", default=plan.server, help="of slow_reader, storm and soak")
    parser.add_argument("--history", type=Path)
    options = parser.parse_args()
    raise_open_files()
    program, members, per_s = PROGRAMS[options.name]
    plan = Plan(
        members=options.members or members,
        per_s=options.per_s or per_s,
        before_s=options.before_s,
        after_s=options.after_s,
        broken_s=options.broken_s,
        within_s=options.within_s,
        minutes=options.minutes,
        grows_most=options.grows_most,
        server=options.server,
    )
    began_at = time.monotonic()
    with TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        history = options.history or Path(f"faults-{options.name}-{os.getpid()}.jsonl")
        try:
            outcome = asyncio.run(program(folder, plan, history))
        except RunError as error:
            sys.exit(f"{options.name}: {error}")
        logs = {path.name: path.read_text(errors="replace") for path in folder.glob("server*.log")}
    outcome.violations += [
        f"{log} has a traceback" for log, text in logs.items() if "Traceback" in text
    ]
    print(f"{options.name}, {plan.members} members, {plan.per_s:g} messages a second")
    print(outcome.report())
    print(f"history: {history}; took {time.monotonic() - began_at:.0f} s")
    if outcome.violations:
        for log, text in logs.items():
            print(f"--- {log}\n" + "\n".join(text.splitlines()[-40:]))
    sys.exit(1 if outcome.violations else 0)


if __name__ == "__main__":
    main()
