"""``manage.py serve``: one production process on Daphne, Uvicorn or Granian, as meant."""

import importlib
from argparse import ArgumentParser, ArgumentTypeError

from daphne.management.commands.runserver import get_default_application
from django.core.management.base import BaseCommand, CommandError

from realtime.conf import options
from realtime.exceptions import UsageError
from realtime.servers.listening import bind, describe, raise_open_files

SERVERS = ("daphne", "uvicorn", "granian")
_MAX_PORT = 65_535


class Command(BaseCommand):
    """Run one server process in the foreground until SIGTERM or SIGINT, then drain it."""

    help = (
        "Serve ASGI_APPLICATION with our WebSocket classes, size limits, no compression and no "
        "proxy headers. SIGTERM and SIGINT drain the sockets first; a second signal ends at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the server, the host and the port."""
        parser.add_argument(
            "--server", choices=SERVERS, default="daphne", help="the server (default: daphne)"
        )
        parser.add_argument("--host", default="127.0.0.1", help="a name or address")
        parser.add_argument("--port", type=_port, default=8000, help="0 takes a free one")

    def handle(self, *_arguments: object, **given: object) -> None:
        """Serve; every failure of the start is one line."""
        name = str(given["server"])
        host, port = str(given["host"]), int(str(given["port"]))
        try:
            server = importlib.import_module(f"realtime.servers.{name}")
        except ModuleNotFoundError as error:
            raise CommandError(
                f"{name} is not installed here ({error.name} is missing): pip install {name}"
            ) from error
        raise_open_files()
        try:
            sockets = bind(host, port)
            where = describe(sockets)

            def ready() -> None:
                self.stdout.write(f"{name} serves at {where}")
                self.stdout.flush()

            server.serve(get_default_application(), sockets, options(), ready=ready)
        except UsageError as error:
            raise CommandError(str(error)) from error


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= _MAX_PORT:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a port number from 0 to {_MAX_PORT}")
