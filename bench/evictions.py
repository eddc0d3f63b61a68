"""How soon 1,000 sockets leave a room that is closed: ``python -m bench.evictions``.

The room is saved in the admin over HTTP, or by this process (``--by shell``); taken is the time
from before that until each client hears ``kicked``, and the servers' CPU. One process serves on
SQLite, ``--processes 2`` on a PostgreSQL and a Redis, which have to be there.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.client import Client, open_client
from bench.dialects import DIALECTS, NAMESPACE, Event
from bench.launch import pin, raise_open_files
from bench.loads.crowd import in_waves, join
from bench.loads.fanout import ROOM
from bench.measurement import percentile
from bench.office import Office
from bench.pair import Served, served
from bench.processes import HOST, LOAD_CORE
from bench.usage import tree_usage

HEARD_WITHIN_S = 15.0


@dataclass(slots=True)
class Round:
    """What one closing of the room took."""

    latencies: list[float]
    answered_s: float
    cpu_s: float


def main() -> None:
    """Serve, measure each round, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.evictions")
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--by", choices=("admin", "shell"), default="admin")
    parser.add_argument("--server", default="uvicorn")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="plain")
    options = parser.parse_args()
    raise_open_files()
    pin(LOAD_CORE)
    with served(options.processes, server=options.server) as servers:
        rounds = asyncio.run(
            _measure(servers, options.by, options.dialect, options.clients, options.rounds)
        )
    for found in rounds:
        sys.stdout.write(_line("round", [found], options.clients))
    sys.stdout.write(_line("all", rounds, options.clients))


def _line(name: str, rounds: list[Round], clients: int) -> str:
    ordered = sorted(at for found in rounds for at in found.latencies)
    lost = clients * len(rounds) - len(ordered)
    shares = {"first": 0.0, "p50": 0.5, "p95": 0.95, "p99": 0.99, "last": 1.0}
    found = [f"{key} {percentile(ordered, of) * 1000:.0f} ms" for key, of in shares.items()]
    answered = max(found.answered_s for found in rounds) * 1000
    cpu = sum(found.cpu_s for found in rounds) / len(rounds) * 1000
    return (
        f"{name}: {len(ordered)} evicted, {lost} lost, {', '.join(found)}; "
        f"save answered within {answered:.0f} ms, server CPU {cpu:.0f} ms\n"
    )


async def _measure(servers: Served, by: str, dialect: str, count: int, rounds: int) -> list[Round]:
    clients: list[Client] = []
    heard: dict[Client, float] = {}
    prepare = await asyncio.to_thread(_preparing, servers, by)

    def listen(client: Client, event: Event) -> None:
        if event.name == "kicked":
            heard[client] = time.perf_counter()

    async def connect(number: int) -> None:
        client = await open_client(HOST, servers.port(number), DIALECTS[dialect])
        client.on_event = listen
        clients.append(client)

    await in_waves(count, connect)
    done = []
    for _round in range(rounds):
        await in_waves(count, lambda number: join(clients[number], ROOM))
        # What joining left to do is done.
        await asyncio.sleep(2)
        heard.clear()
        save = await asyncio.to_thread(prepare, is_open=False)
        used_s, began_at = _cpu_s(servers), time.perf_counter()
        await asyncio.to_thread(save)
        answered_s = time.perf_counter() - began_at
        await _until(lambda: len(heard) == count)
        latencies = [at - began_at for at in heard.values()]
        done.append(Round(latencies, answered_s, _cpu_s(servers) - used_s))
        await asyncio.to_thread(await asyncio.to_thread(prepare, is_open=True))
        await asyncio.sleep(1)
    for client in clients:
        client.close()
    return done


def _preparing(servers: Served, by: str) -> Callable[..., Callable[[], None]]:
    if by == "shell":
        return _room_here
    office = Office(HOST, servers.ports[0])
    office.open()
    return partial(office.room_form, NAMESPACE, ROOM)


def _cpu_s(servers: Served) -> float:
    return sum(tree_usage(pid).cpu_s for pid in servers.pids)


def _room_here(*, is_open: bool) -> Callable[[], None]:
    # Models can be imported only once Django is set up.
    from rooms.models import Room  # noqa: PLC0415

    room = Room.objects.get(namespace__path=NAMESPACE, name=ROOM)
    room.is_open = is_open
    return room.save


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HEARD_WITHIN_S
    while not holds() and time.monotonic() < deadline:  # noqa: ASYNC110 - clients wake nobody
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    main()
