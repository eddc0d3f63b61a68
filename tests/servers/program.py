"""Run one of our servers with the test application: ``SERVER APPLICATION OPTION=VALUE ...``.

Writes ``ready PORT`` once it serves, and then what the application's lifecycle writes.
"""

import importlib
import logging
import sys
from collections.abc import Callable
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from realtime.conf import Options
from realtime.servers.listening import bind
from tests.servers.application import CommandedApplication


class StockConsumer(AsyncWebsocketConsumer):
    """A consumer as of any Channels project; it waits on the layer."""

    groups = ["everybody"]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Echo."""
        await self.send(text_data=text_data, bytes_data=bytes_data)


APPLICATIONS: dict[str, Callable[[], Any]] = {
    "commanded": CommandedApplication,
    "channels": StockConsumer.as_asgi,
}


def main(server: str, application: str, given: list[str]) -> None:
    """Serve until a signal."""
    layer = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    settings.configure(CHANNEL_LAYERS={"default": layer})
    logging.basicConfig(level=logging.WARNING)
    values = {name: float(value) for name, _, value in (each.partition("=") for each in given)}
    kinds = {name: type(getattr(Options(), name)) for name in values}
    options = Options(**{name: kinds[name](value) for name, value in values.items()})
    sockets = bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]

    def ready() -> None:
        print(f"ready {port}", flush=True)  # noqa: T201

    launcher = importlib.import_module(f"realtime.servers.{server}")
    made = APPLICATIONS[application]()
    launcher.serve(made, sockets, options, ready=ready)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
