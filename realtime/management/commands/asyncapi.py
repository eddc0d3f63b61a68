"""``manage.py asyncapi``: describe the events of ASGI_APPLICATION to programmers."""

import json
from argparse import ArgumentParser
from pathlib import Path

from daphne.management.commands.runserver import get_default_application
from django.core.management.base import BaseCommand, CommandError

from realtime.conf import options
from realtime.contracts.asyncapi import Heading, make_document
from realtime.contracts.description import Address, Description, address_of, describe
from realtime.contracts.typescript import make_types
from realtime.exceptions import UsageError
from realtime.namespaces.routing import RoutingTable
from realtime.server import Lifecycle


class Command(BaseCommand):
    """Write an AsyncAPI 3.0 document, TypeScript types, or both."""

    help = (
        "Write what clients may send and hear, from the consumers' annotations: an AsyncAPI 3.0 "
        "document in JSON, or with --typescript the types of socket.io-client's Socket."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to describe, and where to write."""
        parser.add_argument("--output", type=Path, help="the document's file (default: stdout)")
        parser.add_argument(
            "--typescript",
            type=Path,
            metavar="FILE",
            help="write TypeScript types there; the document only if --output is given too",
        )
        parser.add_argument(
            "--namespace",
            action="append",
            default=[],
            metavar="PATH",
            help="describe only what answers at this path, such as /games; may be repeated",
        )
        parser.add_argument("--title", default="Realtime events", help="the document's title")
        parser.add_argument("--api-version", default="1.0.0", help="the document's version")

    def handle(
        self,
        *_arguments: object,
        output: Path | None,
        typescript: Path | None,
        namespace: list[str],
        title: str,
        api_version: str,
        **_options: object,
    ) -> None:
        """Write the files; every failure is one line."""
        try:
            description = _described(_routing(), namespace)
        except UsageError as error:
            raise CommandError(str(error)) from error
        if typescript is not None:
            _write(typescript, make_types(description))
        if typescript is not None and output is None:
            return
        prefixes = options()
        document = make_document(
            description,
            Heading(
                title=title,
                version=api_version,
                plain_path=prefixes.ws_prefix.removesuffix("/"),
                socketio_path=prefixes.socketio_path,
            ),
        )
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if output is None:
            self.stdout.write(text, ending="")
        else:
            _write(output, text)


def _routing() -> RoutingTable:
    lifecycle = getattr(get_default_application(), "lifecycle", None)
    if not isinstance(lifecycle, Lifecycle):
        raise UsageError(
            "ASGI_APPLICATION is not what realtime_application() returned, and has no attribute "
            "`lifecycle` of it: the namespaces cannot be found"
        )
    return lifecycle.routing


def _described(routing: RoutingTable, paths: list[str]) -> Description:
    if not paths:
        return describe((address_of(route), found) for route, found in routing.routes)
    mounted = []
    for path in paths:
        route = routing.match(path)
        if route is None:
            known = ", ".join(address_of(each).path for each, _found in routing.routes)
            raise UsageError(f"nothing answers at {path}: there is {known}")
        mounted.append((Address(path, {}), route.consumer_class))
    return describe(mounted)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
