"""What a Python server can say about what it runs on."""

import asyncio
import sys
from importlib.metadata import version


def describe(software: str, *details: str) -> str:
    """Such as ``uvicorn 0.54.0, uvloop, websockets-sansio``: to be called from a handler.

    ``software`` is a distribution's name; ``details`` are appended as they are.
    """
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return ", ".join((f"{software} {version(software)}", loop, *details))


def uvicorn_websockets() -> str:
    """The WebSocket implementation that Uvicorn's ``--ws auto`` chose: its module's last part."""
    auto = sys.modules["uvicorn.protocols.websockets.auto"]
    return str(auto.AutoWebSocketsProtocol.__module__).rpartition(".")[2]
