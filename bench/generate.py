"""The load's own process: ``python -m bench.generate <load as JSON>`` prints a measurement."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from bench.client import ClientError
from bench.launch import raise_open_files
from bench.loads.connect import connect
from bench.loads.database import database
from bench.loads.echo import echo
from bench.loads.fanout import fanout
from bench.measurement import Load, Measurement

SCENARIOS: dict[str, Callable[[Load], Awaitable[Measurement]]] = {
    "fanout": fanout,
    "echo": echo,
    "connect": connect,
    "database": database,
}


async def _measure(load: Load) -> Measurement:
    return await SCENARIOS[load.scenario](load)


def main() -> int:
    """Run one load; what went wrong goes to standard error, with exit code 1."""
    load = Load.from_json(sys.argv[1])
    raise_open_files()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            measured = runner.run(_measure(load))
    except (ClientError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(measured.to_json() + "\n")
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that costs least: a load generator must cost less than the server."""
    try:
        import uvloop  # noqa: PLC0415 - it may be missing
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
