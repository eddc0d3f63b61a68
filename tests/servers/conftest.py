"""Servers that tests share: a process takes a second to start."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.servers.running import ALL, FRAMED, RunningServer, Servers, running


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Give the server of a name; at the end none must have complained of anything."""
    started: dict[str, RunningServer] = {}
    with ExitStack() as stack:

        def find(name: str) -> RunningServer:
            if name not in started:
                started[name] = stack.enter_context(running(name))
            return started[name]

        yield find


@pytest.fixture(params=FRAMED)
def framed(request: pytest.FixtureRequest, servers: Servers) -> RunningServer:
    """A server that offers finished frames, on each of them."""
    return servers(request.param)


@pytest.fixture(params=ALL)
def server(request: pytest.FixtureRequest, servers: Servers) -> RunningServer:
    """A server, on each of them."""
    return servers(request.param)
