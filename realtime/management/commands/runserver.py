"""``manage.py runserver``: Daphne's, on our server class, so that development is as production."""

import ipaddress
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.management.commands.runserver import get_default_application
from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections

from realtime.conf import options as realtime_options
from realtime.exceptions import UsageError
from realtime.servers.daphne import RealtimeServer, use_uvloop
from realtime.servers.listening import bind, raise_open_files
from realtime.transports.base import AsgiApplication

# Who presses Ctrl-C waits for the drain.
_INTERRUPT_DRAIN_S = 1.0
# What a reload gives the sockets to hear that this process goes.
_RELOAD_END_S = 3.0


class Command(DaphneCommand):
    """Serve for development: static files, reloading, one line a request."""

    server: RealtimeServer | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        """Leave static files to WhiteNoise where a project asks for it as WhiteNoise documents.

        Its own command, which does the same, would not run our server.
        """
        super().add_arguments(parser)
        if apps.is_installed("whitenoise.runserver_nostatic"):
            parser.set_defaults(use_static_handler=False)

    def run(self, **options: object) -> None:
        """Refuse an open door, then run with or without the reloader."""
        if getattr(settings, "DEBUG_BY_DEFAULT", False) and not _is_loopback(self.addr):
            raise CommandError(
                "DEBUG is on only because neither DEBUG nor SECRET_KEY is set, so runserver"
                f" serves this machine alone, not {self.addr}. To serve others, set DEBUG=1, or"
                " set SECRET_KEY and ALLOWED_HOSTS, which leaves DEBUG off."
            )
        raise_open_files()
        try:
            super().run(**options)
        finally:
            # The reloader ends the process from the main thread, under a server that runs.
            if self.server is not None:
                self.server.life.end_from_thread(timeout_s=_RELOAD_END_S)

    def inner_run(self, *args: object, **options: object) -> None:
        """Take the address first: when it is in use, that is the one thing to say."""
        if not options.get("use_asgi", True):
            super().inner_run(*args, **options)
            return
        try:
            sockets = bind(self.addr, int(self.port))
        except UsageError as error:
            if not options["use_reloader"]:
                raise CommandError(str(error)) from error
            # In the reloader's thread an exception would wait for the next change of a file.
            self.stderr.write(self.style.ERROR(f"Error: {error}"))
            os._exit(1)
        use_uvloop()
        # Where Daphne's command names a class, it calls this with the class's arguments.
        self.server_cls = partial(self._make_server, sockets)
        try:
            super().inner_run(*args, **options)
        finally:
            for each in sockets:
                each.close()

    def check_migrations(self) -> None:
        """Check, and let go of the connection: this thread asks the database nothing more."""
        super().check_migrations()
        connections.close_all()

    def _make_server(
        self,
        sockets: list[socket.socket],
        *,
        application: AsgiApplication,
        signal_handlers: bool,
        action_logger: Callable[[str, str, dict[str, Any]], None],
        http_timeout: int | None,
        root_path: str,
        **_limits: object,
    ) -> RealtimeServer:
        # Sizes and time-outs are the engine's options.
        self.server = RealtimeServer(
            application,
            sockets,
            realtime_options(),
            lifecycle_of=get_default_application(),
            interrupt_drain_s=_INTERRUPT_DRAIN_S,
            signal_handlers=signal_handlers,
            action_logger=action_logger,
            http_timeout=http_timeout,
            root_path=root_path,
        )
        return self.server

    def log_action(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        """Log a request without its query: it may hold a session's id, a secret."""
        path = details["path"].partition("?")[0]
        super().log_action(protocol, action, {**details, "path": path})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
