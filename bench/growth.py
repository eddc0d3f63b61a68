"""``python -m bench.growth``: what the channel layer costs per message, and where it ends.

Two parts. ``--calibrate`` measures, on a Redis of its own, what one message costs Redis for itself
and for each subscribed process, and what it costs the process that sends and each that receives.
The simulation then places members of rooms on processes at random, groups on Redis hosts by name,
and adds up. It prints one row per size of a site, with the host that is busiest.
"""

import argparse
import asyncio
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import Redis

from realtime.adapters.envelope import EnvelopeCodec, LayerEvent

BEATS_PER_S = 2.0
# A core that is busier than this answers late.
FULL = 0.7
MESSAGES = 2_000
RECEIVERS = 8
TEXT = "x" * 100


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of CPU, of Redis and of our processes.

    Redis': for a message, and for each process that gets it. Ours: for sending a message,
    for receiving one, and for its delivery to one member.
    """

    redis_message: float
    redis_receiver: float
    send: float
    receive: float
    delivery: float


# Measured as docs/explanation/growing.md says; `--calibrate` takes them anew.
MEASURED = Costs(redis_message=17.5, redis_receiver=6.3, send=90.0, receive=58.0, delivery=12.0)


@dataclass(frozen=True, slots=True)
class Site:
    """How large a site is: messages are per second in each room."""

    processes: int
    rooms: int
    members: int
    per_s: float
    hosts: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What a site costs: messages a second, processes that hear one, and busy cores."""

    messages_per_s: float
    receivers: float
    redis: float
    busiest_host: float
    layer_per_process: float
    process: float

    @property
    def ends(self) -> str:
        """What is full, if anything is."""
        full = [("Redis", self.busiest_host), ("processes", self.process)]
        return ", ".join(name for name, share in full if share > FULL) or "-"


def simulate(site: Site, costs: Costs, *, seed: int = 1) -> Load:
    """Place members at random and add up what each message costs whom."""
    chance = random.Random(seed)
    host_us: dict[int, float] = defaultdict(float)
    total_receivers = 0
    for room in range(site.rooms):
        here = {chance.randrange(site.processes) for _ in range(site.members)}
        total_receivers += len(here)
        # A group lives on one host, which its name's checksum chooses.
        host = crc32(f"room {room}".encode()) % site.hosts
        host_us[host] += site.per_s * (costs.redis_message + len(here) * costs.redis_receiver)
    beats = site.processes * BEATS_PER_S
    everybody = crc32(b"everybody") % site.hosts
    host_us[everybody] += beats * (costs.redis_message + site.processes * costs.redis_receiver)
    messages = site.rooms * site.per_s
    receivers = total_receivers / site.rooms
    sent_us = (messages + beats) * costs.send
    received_us = (messages * receivers + beats * site.processes) * costs.receive
    delivered_us = messages * site.members * costs.delivery
    layer = (sent_us + received_us) / 1e6 / site.processes
    return Load(
        messages_per_s=messages,
        receivers=receivers,
        redis=sum(host_us.values()) / 1e6,
        busiest_host=max(host_us.values()) / 1e6,
        layer_per_process=layer,
        process=layer + delivered_us / 1e6 / site.processes,
    )


SITES = (
    Site(processes=2, rooms=100, members=20, per_s=1),
    Site(processes=8, rooms=1_000, members=20, per_s=1),
    Site(processes=8, rooms=10, members=2_000, per_s=5),
    Site(processes=16, rooms=4_000, members=20, per_s=1),
    Site(processes=32, rooms=8_000, members=20, per_s=1),
    Site(processes=32, rooms=8_000, members=20, per_s=1, hosts=4),
    Site(processes=64, rooms=8_000, members=5, per_s=1),
    Site(processes=64, rooms=16_000, members=20, per_s=1, hosts=4),
    Site(processes=256, rooms=1_000, members=1_000, per_s=1, hosts=4),
)


def table(sites: Sequence[Site], costs: Costs) -> str:
    """Return the sites and what they cost, as Markdown."""
    lines = [
        "| processes | rooms | members of each | messages/s | processes that hear one"
        " | Redis hosts | busiest host | layer, per process | process | full |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for site in sites:
        load = simulate(site, costs)
        lines.append(
            f"| {site.processes} | {site.rooms:,} | {site.members:,} | {load.messages_per_s:,.0f}"
            f" | {load.receivers:.1f} | {site.hosts} | {load.busiest_host:.0%}"
            f" | {load.layer_per_process:.0%} | {load.process:.0%} | {load.ends} |"
        )
    return "\n".join(lines)


def calibrate(delivery_us: float) -> Costs:
    """Measure on a Redis of our own; deliveries are what ``make bench`` measures."""
    with own_redis() as url:
        return asyncio.run(_calibrate(url, delivery_us))


async def _calibrate(url: str, delivery_us: float) -> Costs:
    alone = await _measure(url, receivers=0)
    heard = await _measure(url, receivers=RECEIVERS)
    return Costs(
        redis_message=alone.redis_us,
        redis_receiver=(heard.redis_us - alone.redis_us) / RECEIVERS,
        send=alone.own_us,
        receive=(heard.own_us - alone.own_us) / RECEIVERS,
        delivery=delivery_us,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    redis_us: float
    own_us: float


async def _measure(url: str, *, receivers: int) -> _Run:
    """Send messages to a group of so many processes' layers; give the CPU of each message."""
    codec = EnvelopeCodec(["a key of the benchmark"])
    message = LayerEvent(
        origin="bench", namespace="/games", event="message", args=f'[{{"text":"{TEXT}"}}]'
    )
    client = Redis.from_url(url)
    async with layers(url, receivers + 1) as (sender, *others):
        channels = [await layer.new_channel() for layer in others]
        for layer, channel in zip(others, channels, strict=True):
            await layer.group_add("group", channel)

        async def hear(layer: RedisPubSubChannelLayer, channel: str) -> None:
            for _ in range(MESSAGES):
                codec.open(await layer.receive(channel))

        hearing = [
            asyncio.create_task(hear(layer, channel))
            for layer, channel in zip(others, channels, strict=True)
        ]
        redis_before, own_before = _redis_s(client), _own_s()
        for _ in range(MESSAGES):
            await sender.group_send("group", codec.seal(message))
        async with asyncio.timeout(60):
            await asyncio.gather(*hearing)
        own_s, redis_s = _own_s() - own_before, _redis_s(client) - redis_before
    client.close()
    return _Run(redis_us=redis_s / MESSAGES * 1e6, own_us=own_s / MESSAGES * 1e6)


@asynccontextmanager
async def layers(url: str, count: int) -> AsyncIterator[list[RedisPubSubChannelLayer]]:
    """So many layers, as so many processes would have."""
    made = [RedisPubSubChannelLayer(hosts=[url], prefix="growth") for _ in range(count)]
    try:
        yield made
    finally:
        for layer in made:
            await layer.flush()


@contextmanager
def own_redis() -> Iterator[str]:
    """A Redis that keeps nothing, on a free port, for as long as the block lasts."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
        process = subprocess.Popen(
            [program, *arguments, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
        )
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _wait_for(port)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _redis_s(client: Redis) -> float:
    found: Any = client.info("cpu")
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def _own_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the costs and the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--calibrate", action="store_true", help="measure here first")
    parser.add_argument("--processes", type=int, help="one site of your own: so many processes")
    parser.add_argument("--rooms", type=int, default=1_000)
    parser.add_argument("--members", type=int, default=20, help="of each room")
    parser.add_argument("--per-s", type=float, default=1.0, help="messages in each room")
    parser.add_argument("--hosts", type=int, default=1, help="Redis hosts")
    given = parser.parse_args(arguments)
    costs = calibrate(MEASURED.delivery) if given.calibrate else MEASURED
    print(f"{costs}\n")
    sites: Sequence[Site] = SITES
    if given.processes:
        sites = [Site(given.processes, given.rooms, given.members, given.per_s, given.hosts)]
    print(table(sites, costs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
