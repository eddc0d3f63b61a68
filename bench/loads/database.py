"""Handlers that wait for the database, while another socket wants its echo."""

import asyncio
import time
from pathlib import Path

from bench.client import Client
from bench.loads.crowd import check, crowd, describe, open_one
from bench.loads.echo import PAYLOAD
from bench.measurement import Load, Measurement
from bench.usage import open_files
from bench.window import Window

QUERY_S = 0.3
# Often enough to meet each stall, seldom enough to stay out of its way.
ECHO_PAUSE_S = 0.002
# How long the server may take to let go of the connections that the connects needed.
IDLE_S = 4.0


async def database(load: Load) -> Measurement:
    """``clients`` sockets ask at once for 0.3 s of database time; the operations are echoes.

    ``extra`` has ``all_done_ms``, ``slowest_echo_ms``, and the times that the server had its
    database file open: ``connections`` at the most, ``idle_connections`` at the least while the
    crowd was there and asked nothing (-1 where /proc does not tell).
    """
    async with crowd(load) as clients:
        echoing = await open_one(load)
        try:
            about = await describe(echoing)
            idle = await _idle_connections(load)
            window = Window.open(load.server_pid)
            latencies_s, all_done_s, most = await _echo_while_they_wait(load, clients, echoing)
            check(clients)
        finally:
            echoing.close()
        return window.close(
            latencies_s=latencies_s,
            lost=0,
            about=about,
            extra={
                "all_done_ms": all_done_s * 1000,
                "slowest_echo_ms": max(latencies_s) * 1000,
                "connections": float(most),
                "idle_connections": float(idle),
            },
        )


async def _echo_while_they_wait(
    load: Load, clients: list[Client], echoing: Client
) -> tuple[list[float], float, int]:
    latencies_s: list[float] = []
    most = -1
    began_at = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(client.ask("slowQuery", QUERY_S)) for client in clients]
        while not all(task.done() for task in asked) or not latencies_s:
            sent_at = time.perf_counter()
            await echoing.ask("echo", PAYLOAD)
            latencies_s.append(time.perf_counter() - sent_at)
            most = max(most, _connections(load))
            await asyncio.sleep(ECHO_PAUSE_S)
    all_done_s = time.perf_counter() - began_at
    answers = [task.result() for task in asked]
    if answers != [{"ok": True}] * len(clients):
        raise ValueError(f"slowQuery answered {answers}")
    return latencies_s, all_done_s, most


async def _idle_connections(load: Load) -> int:
    deadline = time.perf_counter() + IDLE_S
    least = _connections(load)
    while least > 0 and time.perf_counter() < deadline:
        await asyncio.sleep(0.05)
        least = min(least, _connections(load))
    return least


def _connections(load: Load) -> int:
    found = open_files(load.server_pid, Path(load.database)) if load.database else None
    return -1 if found is None else found
