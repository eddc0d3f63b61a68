"""What guessed passwords cost everybody else: ``python -m bench.guessing``.

Sockets guess at rooms' passwords without a pause, with as many tries as keep the hashing busy all
the time, while another socket echoes. Printed are the echo's latencies without and with the
guessing, the guesses, and how late the server's loop took its turns (``/metrics``).
Hashes are Argon2's as in the project's settings, or Django's own with ``--hasher pbkdf2``. Ends
with an error when nothing was hashed, or the echo's 99th percentile is not below ``--within-ms``.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count

from bench.client import Client, open_client
from bench.dialects import DIALECTS, NAMESPACE
from bench.launch import pin
from bench.loads.echo import echo_for
from bench.measurement import percentile
from bench.pair import Served, served
from bench.processes import HOST, LOAD_CORE, RunError

ROOMS = 5
TOKEN = "bench-guessing"  # noqa: S105 - of a server that lives for this run, on this machine
LAG_EVERY_S = 0.25
HASHERS = {"pbkdf2": "PBKDF2PasswordHasher", "argon2": "Argon2PasswordHasher"}


@dataclass(slots=True)
class Found:
    """One phase: the echo's latencies and the loop's lags in seconds, the guesses by answer."""

    echoes: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    guesses: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0

    def line(self, name: str) -> str:
        """Return a line for people."""
        echoes, lags = sorted(self.echoes), sorted(self.lags)
        told = [f"echo p50 {_ms(echoes, 0.5)}, p99 {_ms(echoes, 0.99)}, last {_ms(echoes, 1.0)}"]
        told.append(f"loop lag p50 {_ms(lags, 0.5)}, last {_ms(lags, 1.0)}")
        if self.guesses:
            rate = self.guesses["wrong_password"] / self.wall_s
            told.append(f"{rate:.1f} hashes a second, answered {dict(self.guesses)}")
        return f"{name}: {'; '.join(told)}\n"


def main() -> None:
    """Serve, echo alone, echo among guesses, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.guessing")
    parser.add_argument("--sockets", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tries", type=int, default=1_000_000, help="PASSWORD_TRIES")
    parser.add_argument("--within-ms", type=float, default=100.0)
    parser.add_argument("--hasher", choices=sorted(HASHERS), default="argon2")
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    pin(LOAD_CORE)
    limits = {"REALTIME_PASSWORD_TRIES": str(options.tries), "REALTIME_METRICS_TOKEN": TOKEN}
    with served(1, server=options.server, **limits) as servers:
        rooms = _make_rooms(HASHERS[options.hasher])
        alone, among = asyncio.run(_measure(servers, rooms, options.sockets, options.seconds))
    sys.stdout.write(alone.line("alone"))
    sys.stdout.write(among.line("among guesses"))
    if not among.guesses["wrong_password"]:
        raise RunError("no password was hashed")
    if percentile(sorted(among.echoes), 0.99) * 1000 >= options.within_ms:
        raise RunError(f"the echo's p99 was to stay below {options.within_ms:g} ms")


def _make_rooms(hasher: str) -> list[str]:
    # Models can be imported only once Django is set up.
    from django.contrib.auth.hashers import get_hashers, make_password  # noqa: PLC0415

    from rooms.models import Namespace, Room  # noqa: PLC0415

    (chosen,) = (each for each in get_hashers() if type(each).__name__ == hasher)
    encoded = make_password("what nobody guesses", hasher=chosen)
    place = Namespace.objects.get(path=NAMESPACE)
    names = [f"guessed-{number}" for number in range(ROOMS)]
    for name in names:
        room = Room(namespace=place, name=name, access="password")
        room.set_password("what nobody guesses")
        room.password = encoded
        room.save()
    return names


async def _measure(
    servers: Served, rooms: list[str], sockets: int, seconds: float
) -> tuple[Found, Found]:
    port = servers.ports[0]
    echoing, *guessing = [
        await open_client(HOST, port, DIALECTS["plain"]) for _ in range(sockets + 1)
    ]
    await echo_for([echoing], 1.0)
    alone = await _phase(port, echoing, seconds, [])
    numbers = count()

    def guesser(client: Client, room: str) -> Callable[[Found], Awaitable[None]]:
        async def guess(found: Found) -> None:
            asked = {"room": room, "password": f"guess {next(numbers)}"}
            found.guesses[_code(await client.ask("joinRoom", asked))] += 1

        return guess

    each = [guesser(client, rooms[at % ROOMS]) for at, client in enumerate(guessing)]
    among = await _phase(port, echoing, seconds, each)
    for client in (echoing, *guessing):
        client.close()
    return alone, among


async def _phase(
    port: int, echoing: Client, seconds: float, guessers: list[Callable[[Found], Awaitable[None]]]
) -> Found:
    """Echo for so long, with everybody else at work until it ends."""
    found, is_over = Found(), asyncio.Event()
    began_at = time.perf_counter()

    async def again_and_again(guess: Callable[[Found], Awaitable[None]]) -> None:
        while not is_over.is_set():
            await guess(found)

    async def read_lags() -> None:
        while not is_over.is_set():
            found.lags.append(await asyncio.to_thread(_loop_lag_s, port))
            await asyncio.sleep(LAG_EVERY_S)

    async with asyncio.TaskGroup() as tasks:
        for guess in guessers:
            tasks.create_task(again_and_again(guess))
        tasks.create_task(read_lags())
        found.echoes, lost = await echo_for([echoing], seconds)
        is_over.set()
        found.wall_s = time.perf_counter() - began_at
    if lost:
        raise RunError("an echo never came")
    return found


def _code(answer: object) -> str:
    return str(answer.get("code")) if isinstance(answer, dict) else "no answer"


def _loop_lag_s(port: int) -> float:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    for line in text.splitlines():
        name, _space, value = line.rpartition(" ")
        if "loop_lag_seconds" in name and not line.startswith("#"):
            return float(value)
    raise RunError(f"/metrics says nothing of the loop: {text[:200]}")


def _ms(ordered: list[float], share: float) -> str:
    return f"{percentile(ordered, share) * 1000:.1f} ms"


if __name__ == "__main__":
    main()
