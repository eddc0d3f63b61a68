"""``python -m bench.polls``: what an acked echo by long-polling costs, at home and through another.

Two processes on a Redis of the run's own. Each client opens its session on the first; its further
requests go there (``at the owner``), or to the second (``elsewhere``), or to one and the other in
turn (``scattered``). One process alone, without a layer, is printed beside them.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp

from bench.faults.machines import RedisServer, running_redis
from bench.pair import Served, served
from bench.processes import HOST
from bench.usage import tree_usage

QUERY = "EIO=4&transport=polling"
NAMESPACE = "/games"
SEPARATOR = "\x1e"
UNLIMITED = {
    "REALTIME_EVENTS_PER_S": "1000000",
    "REALTIME_EVENTS_BURST": "1000000",
    "REALTIME_MAX_SESSIONS_PER_ADDRESS": "1000000",
}


@dataclass(frozen=True, slots=True)
class Way:
    """Where the requests of a session go, as places in the list of ports."""

    name: str
    places: tuple[int, ...]


WAYS = (Way("at the owner", (0,)), Way("elsewhere", (1,)), Way("scattered", (0, 1)))


class Client:
    """One polling session that echoes."""

    def __init__(self, http: aiohttp.ClientSession, ports: list[int]) -> None:
        self._http = http
        self._ports = ports
        self._turns = count()
        self._sid = ""
        self.echoes = 0

    async def open(self, port: int) -> None:
        """Open the session and join the namespace."""
        async with self._http.get(f"http://{HOST}:{port}/socket.io/?{QUERY}") as answer:
            self._sid = json.loads((await answer.text())[1:])["sid"]
        await self._post(f"40{NAMESPACE},")
        while not any(packet.startswith(f"40{NAMESPACE},") for packet in await self._poll()):
            pass

    async def echo_until(self, end_at: float) -> None:
        """Ask and poll for the answer, again and again."""
        while time.monotonic() < end_at:
            await self._post(f'42{NAMESPACE},{self.echoes}["echo",{{"n":{self.echoes}}}]')
            wanted = f'43{NAMESPACE},{self.echoes}[{{"n":{self.echoes}}}]'
            while wanted not in await self._poll():
                pass
            self.echoes += 1

    def _url(self) -> str:
        port = self._ports[next(self._turns) % len(self._ports)]
        return f"http://{HOST}:{port}/socket.io/?{QUERY}&sid={self._sid}"

    async def _poll(self) -> list[str]:
        async with self._http.get(self._url()) as answer:
            answer.raise_for_status()
            packets = (await answer.text()).split(SEPARATOR)
        if "2" in packets:
            await self._post("3")
        return packets

    async def _post(self, body: str) -> None:
        async with self._http.post(self._url(), data=body) as answer:
            answer.raise_for_status()


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds an echo, of each process; and how many echoes there were a second."""

    per_process: tuple[float, ...]
    redis: float
    rate: float


async def measure(
    site: Served, redis: RedisServer | None, way: Way, clients: int, seconds: float
) -> Cost:
    """Run one way."""
    ports = [site.ports[place] for place in way.places]
    pids = [*site.pids, *([redis.pid] if redis is not None else [])]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = [Client(http, ports) for _ in range(clients)]
        await asyncio.gather(*(client.open(site.ports[0]) for client in crowd))
        before = [tree_usage(pid).cpu_s for pid in pids]
        end_at = time.monotonic() + seconds
        await asyncio.gather(*(client.echo_until(end_at) for client in crowd))
        used = [tree_usage(pid).cpu_s - was for pid, was in zip(pids, before, strict=True)]
    echoes = sum(client.echoes for client in crowd)
    costs = [1e6 * cpu_s / echoes for cpu_s in used]
    return Cost(tuple(costs[: len(site.pids)]), costs[-1] if redis else 0.0, echoes / seconds)


def _row(name: str, cost: Cost) -> str:
    owner, front = (*cost.per_process, 0.0)[:2]
    total = owner + front + cost.redis
    return f"{name:<28}{owner:>9.0f}{front:>9.0f}{cost.redis:>9.0f}{total:>9.0f}{cost.rate:>10.0f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="bench.polls", description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--server", choices=("uvicorn", "daphne", "granian"), default="uvicorn")
    arguments = parser.parse_args()
    print("CPU, µs an echo                 owner    other    Redis      all  echoes/s")
    with ExitStack() as stack:
        site = stack.enter_context(served(1, server=arguments.server, **UNLIMITED))
        alone = WAYS[0]
        cost = asyncio.run(measure(site, None, alone, arguments.clients, arguments.seconds))
        print(_row("one process, no layer", cost), flush=True)
    if not RedisServer.is_installed():
        sys.exit("no redis-server: the rest was not measured")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(running_redis(folder))
        os.environ["REDIS_URL"] = redis.url
        site = stack.enter_context(served(2, server=arguments.server, **UNLIMITED))
        for way in WAYS:
            cost = asyncio.run(measure(site, redis, way, arguments.clients, arguments.seconds))
            print(_row(f"two, {way.name}", cost), flush=True)


if __name__ == "__main__":
    main()
