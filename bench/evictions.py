"""How soon 1,000 sockets leave a room that is closed: ``python -m bench.evictions``.

A server of ours on SQLite and Redis; this process saves the room as the admin does, and takes the
time from before the save until each client hears ``kicked``. Needs a Redis on 127.0.0.1:6379 or at
REDIS_URL.
"""

import argparse
import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import django

from bench.client import Client, open_client
from bench.deployment import Deployment
from bench.dialects import DIALECTS, NAMESPACE, Event
from bench.launch import pin, raise_open_files
from bench.loads.crowd import in_waves, join
from bench.loads.fanout import ROOM
from bench.measurement import percentile
from bench.processes import HOST, LOAD_CORE, free_port, running_server

HEARD_WITHIN_S = 15.0
REDIS_URL = "redis://127.0.0.1:6379"


def main() -> None:
    """Serve, measure each round, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.evictions")
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--server", default="uvicorn")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="plain")
    options = parser.parse_args()
    raise_open_files()
    pin(LOAD_CORE)
    with TemporaryDirectory() as directory, Deployment(Path(directory)).site() as site:
        environment = {
            **site.environment,
            "REDIS_URL": os.environ.get("REDIS_URL", REDIS_URL),
            "REDIS_PREFIX": f"bench-{secrets.token_hex(6)}",
        }
        os.environ.update(environment)
        django.setup()
        port = free_port()
        place = ["--server", options.server, "--host", HOST, "--port", str(port)]
        with running_server([sys.executable, "manage.py", "serve", *place], port, environment):
            latencies = asyncio.run(
                _measure(port, options.dialect, options.clients, options.rounds)
            )
    ordered = sorted(latencies)
    lost = options.clients * options.rounds - len(ordered)
    figures = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    found = [f"{name} {percentile(ordered, of) * 1000:.0f} ms" for name, of in figures.items()]
    sys.stdout.write(f"evictions: {len(ordered)}, lost: {lost}, {', '.join(found)}\n")


async def _measure(port: int, dialect: str, count: int, rounds: int) -> list[float]:
    clients: list[Client] = []
    heard: dict[Client, float] = {}

    def listen(client: Client, event: Event) -> None:
        if event.name == "kicked":
            heard[client] = time.perf_counter()

    async def connect(_number: int) -> None:
        client = await open_client(HOST, port, DIALECTS[dialect])
        client.on_event = listen
        clients.append(client)

    await in_waves(count, connect)
    latencies: list[float] = []
    for _round in range(rounds):
        await in_waves(count, lambda number: join(clients[number], ROOM))
        # What joining left to do is done.
        await asyncio.sleep(2)
        heard.clear()
        began_at = time.perf_counter()
        await asyncio.to_thread(_change_room, is_open=False)
        await _until(lambda: len(heard) == count)
        latencies += [at - began_at for at in heard.values()]
        await asyncio.to_thread(_change_room, is_open=True)
        await asyncio.sleep(1)
    for client in clients:
        client.close()
    return latencies


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HEARD_WITHIN_S
    while not holds() and time.monotonic() < deadline:  # noqa: ASYNC110 - clients wake nobody
        await asyncio.sleep(0.01)


def _change_room(*, is_open: bool) -> None:
    # Models can be imported only once Django is set up.
    from rooms.models import Room  # noqa: PLC0415

    room = Room.objects.get(namespace__path=NAMESPACE, name=ROOM)
    room.is_open = is_open
    room.save()


if __name__ == "__main__":
    main()
