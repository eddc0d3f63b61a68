"""Every server that the benchmark can start, and why one cannot be started here."""

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from bench.processes import HOST, ROOT

BENCH = ROOT / "bench"


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one server. ``{port}`` in ``command`` becomes the port.

    ``software`` is the distribution that serves. ``is_ours`` servers get a site of their own;
    ``modules`` and ``files`` must be there.
    """

    name: str
    command: tuple[str, ...]
    software: str = "uvicorn"
    is_ours: bool = False
    dialect: str = "socketio"
    modules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """What is not installed, in one line; None when all is there."""
        for module in self.modules:
            if find_spec(module) is None:
                return f"the Python package {module} is not installed"
        if shutil.which(self.command[0]) is None:
            return f"{self.command[0]} is not installed"
        for file in self.files:
            if not (BENCH / file).exists():
                return f"bench/{file} is not there: run `npm ci` in bench/"
        return None

    def command_on(self, port: int) -> list[str]:
        """The command line that serves on ``port``."""
        return [part.format(port=port) for part in self.command]


def _uvicorn(application: str) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "uvicorn", application, "--host", HOST, "--port", "{port}"),
        *("--lifespan", "off", "--log-level", "warning", "--no-access-log"),
    )


def _manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *arguments)


def _serve(server: str) -> Server:
    return Server(
        name=f"ours@{server}",
        command=_manage("serve", "--server", server, "--host", HOST, "--port", "{port}"),
        software=server,
        is_ours=True,
        modules=(server,),
    )


SERVERS: dict[str, Server] = {
    server.name: server
    for server in (
        _serve("uvicorn"),
        _serve("daphne"),
        _serve("granian"),
        Server(
            name="ours@runserver",
            command=_manage("runserver", "--noreload", HOST + ":{port}"),
            software="daphne",
            is_ours=True,
            modules=("daphne",),
        ),
        Server(
            name="raw@uvicorn",
            command=_uvicorn("bench.peers.raw:application"),
            modules=("uvicorn",),
        ),
        Server(
            name="raw@daphne",
            command=(
                *(sys.executable, "-m", "daphne", "--bind", HOST, "--port", "{port}"),
                *("--verbosity", "0", "bench.peers.raw:application"),
            ),
            software="daphne",
            modules=("daphne",),
        ),
        Server(
            name="pysio@uvicorn",
            command=_uvicorn("bench.peers.pysio:application"),
            modules=("uvicorn", "socketio"),
        ),
        Server(
            name="channels@uvicorn",
            command=_uvicorn("bench.peers.stock_channels:application"),
            dialect="plain",
            modules=("uvicorn", "channels"),
        ),
        Server(
            name="node",
            command=("node", "bench/peers/node.mjs", "{port}"),
            software="node",
            files=("node_modules/socket.io",),
        ),
    )
}
