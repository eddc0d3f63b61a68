"""Can a stranger tell a hidden room from a missing one by time? ``python -m bench.enumeration``.

One socket tries at names, of hidden rooms of each kind and of none, in random turns: with nothing,
with a guessed invitation, with a guessed password. Compared are the answers, byte by byte but for
the name and the ref, and the two samples of times: by their medians, and by the two-sample
Kolmogorov-Smirnov test. Ends with an error where an answer differs, the medians are more than
``--within`` apart, or the test's p is not above ``--p``.
"""

import argparse
import asyncio
import json
import math
import random
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.client import Client, open_client
from bench.dialects import DIALECTS, NAMESPACE
from bench.launch import pin
from bench.pair import served
from bench.processes import HOST, LOAD_CORE, RunError

GIVEN: dict[str, dict[str, str]] = {
    "nothing": {},
    "invitation": {"invitation": "guessed"},
    "password": {"password": "guessed"},
}
# Tries of each kind before any is counted, where so many are.
WARM_UP = 20


@dataclass(slots=True)
class Times:
    """How long the answers took, in seconds, and all that they said."""

    hidden: list[float] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    def judge(self, what: str, within: float, least_p: float) -> str:
        """Return a line for people; raises ``RunError`` where the two can be told apart."""
        hidden, missing = median(self.hidden), median(self.missing)
        apart = abs(hidden - missing) / missing
        distance, p = kolmogorov_smirnov(self.hidden, self.missing)
        line = (
            f"{what}: {len(self.hidden)} each, hidden p50 {hidden * 1000:.2f} ms, "
            f"missing p50 {missing * 1000:.2f} ms, {apart:.1%} apart; "
            f"KS D {distance:.4f}, p {p:.3f}; answers {len(self.said)}\n"
        )
        if len(self.said) != 1:
            raise RunError(f"{line}the answers differ: {sorted(self.said)}")
        if apart > within or p <= least_p:
            raise RunError(f"{line}a hidden room can be told from a missing one by time")
        return line


def main() -> None:
    """Serve, try, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.enumeration")
    parser.add_argument("--tries", type=int, default=2_000, help="of each of the two")
    parser.add_argument("--rooms", type=int, default=50, help="of each of the two")
    parser.add_argument("--given", choices=sorted(GIVEN), action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=0.05)
    parser.add_argument("--p", type=float, default=0.01)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    pin(LOAD_CORE)
    unlimited = {"REALTIME_PASSWORD_TRIES": "1000000"}
    with served(options.processes, server=options.server, **unlimited) as servers:
        pairs = _make_rooms(options.rooms)
        for given in options.given or GIVEN:
            times = asyncio.run(_measure(servers.ports[0], pairs, GIVEN[given], options))
            sys.stdout.write(times.judge(given, options.within, options.p))
            sys.stdout.flush()


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Give the greatest distance of two samples' distributions, and how likely chance makes it.

    The likelihood is that of the limit, with Stephens' correction for small samples: good from
    some ten values each.
    """
    one, other = sorted(one), sorted(other)
    at_one = at_other = 0
    distance = 0.0
    for value in sorted({*one, *other}):
        while at_one < len(one) and one[at_one] <= value:
            at_one += 1
        while at_other < len(other) and other[at_other] <= value:
            at_other += 1
        distance = max(distance, abs(at_one / len(one) - at_other / len(other)))
    root = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    reach = (root + 0.12 + 0.11 / root) * distance
    if reach < 0.2:
        return distance, 1.0
    terms = ((-1) ** (n - 1) * math.exp(-2 * (n * reach) ** 2) for n in range(1, 101))
    return distance, min(1.0, max(0.0, 2 * sum(terms)))


def _make_rooms(count: int) -> list[tuple[str, str]]:
    """Make hidden rooms of each kind in turn; give their names, each with one that is no room's.

    Of one length, so that nothing else can differ.
    """
    # Models can be imported only once Django is set up.
    from django.contrib.auth.hashers import make_password  # noqa: PLC0415

    from rooms.models import AccessRule, Ban, Namespace, Room  # noqa: PLC0415

    kinds = (
        {"access": "members"},
        {"access": "password", "password": make_password("x"), "password_version": "1"},
        {"access": "invitation"},
        {"access": "groups"},
        {"is_open": False},
    )
    place = Namespace.objects.get(path=NAMESPACE)
    pairs = []
    for number in range(count):
        hidden, missing = (f"{secrets.token_hex(4)} {number}" for _which in range(2))
        row = {"namespace": place, "name": hidden, "is_listed": False}
        room = Room.objects.create(**row, **kinds[number % len(kinds)])
        if number % 2:
            AccessRule.objects.create(room=room, effect="deny", subject="authenticated")
            Ban.objects.create(room=room, network="192.0.2.0/24")
        pairs.append((hidden, missing))
    return pairs


async def _measure(
    port: int,
    pairs: Sequence[tuple[str, str]],
    given: dict[str, str],
    options: argparse.Namespace,
) -> Times:
    turns = random.Random(options.seed)
    client = await open_client(HOST, port, DIALECTS["plain"])
    await _try_all(client, pairs, given, min(WARM_UP, options.tries), turns)
    times = await _try_all(client, pairs, given, options.tries, turns)
    client.close()
    return times


async def _try_all(
    client: Client,
    pairs: Sequence[tuple[str, str]],
    given: dict[str, str],
    tries: int,
    turns: random.Random,
) -> Times:
    times = Times()
    for number in range(tries):
        hidden, missing = pairs[number % len(pairs)]
        both = [(hidden, times.hidden), (missing, times.missing)]
        turns.shuffle(both)
        for name, taken in both:
            began_at = time.perf_counter()
            answer = await client.ask("joinRoom", {"room": name, **given})
            taken.append(time.perf_counter() - began_at)
            times.said.add(_blanked(answer, name))
    return times


def _blanked(answer: object, name: str) -> str:
    """Give an answer as text, without what has to differ."""
    text = json.dumps(answer).replace(json.dumps(name)[1:-1], "?")
    ref = answer.get("ref") if isinstance(answer, dict) else None
    return text.replace(ref, "?") if isinstance(ref, str) else text


if __name__ == "__main__":
    main()
