"""Many clients, each with one event on its way that asks for an ack."""

import asyncio
import time
from typing import Any

from bench.client import Client
from bench.loads.crowd import check, crowd, describe
from bench.measurement import Load, Measurement
from bench.window import Window

# As long as what is measured, and no longer than this.
WARM_UP_S = 1.0
# An echo that has not come by then is lost.
LAST_ECHO_S = 10.0
PAYLOAD = {"text": "x" * 60}


class Echoes:
    """One client's endless questions; each next one leaves when the last is answered."""

    def __init__(self, client: Client, latencies_s: list[float], deadline: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._latencies_s = latencies_s
        self._deadline = deadline
        self._sent_at = 0.0
        self._ask()

    def _ask(self) -> None:
        self._sent_at = time.perf_counter()
        self._client.call(self._answered, "echo", PAYLOAD)

    def _answered(self, args: list[Any]) -> None:
        if args != [PAYLOAD]:
            raise ValueError(f"echo answered {args}")
        now = time.perf_counter()
        self._latencies_s.append(now - self._sent_at)
        if now < self._deadline:
            self._ask()
        elif not self.done.done():
            self.done.set_result(None)


async def echo_for(clients: list[Client], seconds: float) -> tuple[list[float], int]:
    """Latencies in seconds, and how many clients never got their last answer."""
    latencies_s: list[float] = []
    deadline = time.perf_counter() + seconds
    echoes = [Echoes(client, latencies_s, deadline) for client in clients]
    _, waiting = await asyncio.wait([each.done for each in echoes], timeout=seconds + LAST_ECHO_S)
    check(clients)
    return latencies_s, len(waiting)


async def echo(load: Load) -> Measurement:
    """``clients`` sockets, each with one acked event in flight, for ``seconds``."""
    async with crowd(load) as clients:
        about = await describe(clients[0])
        await echo_for(clients, min(WARM_UP_S, load.seconds))
        window = Window.open(load.server_pid)
        latencies_s, lost = await echo_for(clients, load.seconds)
        return window.close(latencies_s=latencies_s, lost=lost, about=about, extra={})
