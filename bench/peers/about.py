"""What a Python server can say about what it runs on; called from a handler."""

import asyncio
import os
import sys
from importlib.metadata import version


def describe(*details: str) -> str:
    """Such as ``uvicorn 0.54.0, uvloop``, and then ``details`` as they are.

    ``BENCH_SERVER`` in the environment names the server's distribution.
    """
    software = os.environ["BENCH_SERVER"]
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return ", ".join((f"{software} {version(software)}", loop, *details))


def websocket_implementation() -> str:
    """Daphne has one; Uvicorn's is what its ``--ws auto`` chose."""
    auto = sys.modules.get("uvicorn.protocols.websockets.auto")
    if auto is None:
        return "autobahn"
    return str(auto.AutoWebSocketsProtocol.__module__).rpartition(".")[2]
