"""Run one of our servers with the test application: ``program.py SERVER OPTION=VALUE ...``.

Writes ``ready PORT`` once it serves, and then what the application's lifecycle writes.
"""

import importlib
import logging
import sys

from django.conf import settings

from realtime.conf import Options
from realtime.servers.listening import bind
from tests.servers.application import CommandedApplication


def main(server: str, given: list[str]) -> None:
    """Serve until a signal."""
    settings.configure()
    logging.basicConfig(level=logging.WARNING)
    values = {name: float(value) for name, _, value in (each.partition("=") for each in given)}
    kinds = {name: type(getattr(Options(), name)) for name in values}
    options = Options(**{name: kinds[name](value) for name, value in values.items()})
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]

    def ready() -> None:
        print(f"ready {port}", flush=True)  # noqa: T201

    launcher = importlib.import_module(f"realtime.servers.{server}")
    launcher.serve(CommandedApplication(), sockets, options, ready=ready)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
