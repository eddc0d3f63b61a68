"""Connect and join, many times over; what it costs, and what an idle socket keeps."""

import asyncio
import time

from bench.client import Client
from bench.loads.crowd import describe, in_waves, join, open_one
from bench.measurement import Load, Measurement
from bench.usage import tree_usage
from bench.window import Window

# The rooms ``bench-0`` to ``bench-99``: a hundred small ones, as on a site.
ROOMS = 100
# The server writes what it has put off, before its memory is read.
SETTLE_S = 1.0


async def connect(load: Load) -> Measurement:
    """``clients`` guests connect and join, 32 at a time; each is one operation.

    ``extra`` has ``kib_per_client``: resident memory that came with a socket.
    """
    first = await open_one(load)
    clients: list[Client] = [first]
    latencies_s: list[float] = []

    async def arrive(number: int) -> None:
        began_at = time.perf_counter()
        client = await open_one(load)
        clients.append(client)
        await join(client, f"bench-{number % ROOMS}")
        latencies_s.append(time.perf_counter() - began_at)

    try:
        about = await describe(first)
        await join(first, "bench-0")
        before = tree_usage(load.server_pid).rss_bytes
        window = Window.open(load.server_pid)
        await in_waves(load.clients, arrive)
        measured = window.close(latencies_s=latencies_s, lost=0, about=about, extra={})
        await asyncio.sleep(SETTLE_S)
        grown = tree_usage(load.server_pid).rss_bytes - before
        measured.extra["kib_per_client"] = grown / load.clients / 1024
        return measured
    finally:
        for client in clients:
            client.close()
