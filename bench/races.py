"""Fifty who want the same at once: ``python -m bench.races``, or with ``--processes 1`` or 2.

A room for ten takes exactly ten, with no other answer than ``room_full``; an invitation of one use
lets in exactly one, with no other answer than ``invalid_invitation``. Ends with an error if not.
One process serves on SQLite, two on a PostgreSQL and a Redis, which have to be there; both in turn
unless one is asked for.
"""

import argparse
import asyncio
import secrets
import subprocess
import sys
from collections import Counter

from bench.client import open_client
from bench.dialects import DIALECTS, NAMESPACE
from bench.pair import Served, served
from bench.processes import HOST, RunError

PLACES = 10


def main() -> None:
    """Serve, run each round, and print what was answered."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.races")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="plain")
    options = parser.parse_args()
    if options.processes is None:
        # Each in a process of its own: Django is set up for one database.
        for processes in ("1", "2"):
            command = [sys.executable, "-m", "bench.races", *sys.argv[1:]]
            subprocess.run([*command, "--processes", processes], check=True)
        return
    store = "SQLite" if options.processes == 1 else "PostgreSQL and Redis"
    sys.stdout.write(f"processes: {options.processes}, on {store}\n")
    sys.stdout.flush()
    with served(options.processes) as servers:
        for _round in range(options.rounds):
            room, _token = _make_room(capacity=PLACES)
            answers = asyncio.run(_join(servers, options.dialect, options.clients, {"room": room}))
            _judge("capacity", answers, PLACES, options.clients, "room_full")
            room, token = _make_room(access="invitation")
            asked = {"room": room, "invitation": token}
            answers = asyncio.run(_join(servers, options.dialect, options.clients, asked))
            _judge("invitation", answers, 1, options.clients, "invalid_invitation")


def _judge(what: str, answers: Counter[str], places: int, clients: int, refusal: str) -> None:
    sys.stdout.write(f"{what}: {dict(answers)}\n")
    sys.stdout.flush()
    if answers != {"joined": places, refusal: clients - places}:
        raise RunError(f"{what}: {places} were to be let in")


def _make_room(**fields: object) -> tuple[str, str]:
    # Models can be imported only once Django is set up.
    from rooms.models import Invitation, Namespace, Room  # noqa: PLC0415

    place = Namespace.objects.get(path=NAMESPACE)
    room = Room.objects.create(namespace=place, name=f"race {secrets.token_hex(4)}", **fields)
    _invitation, token = Invitation.objects.issue(room)
    return room.name, token


async def _join(servers: Served, dialect: str, count: int, asked: dict[str, str]) -> Counter[str]:
    """Connect all, then let them ask at once; count the answers by code."""
    clients = [
        await open_client(HOST, servers.port(number), DIALECTS[dialect]) for number in range(count)
    ]
    answers = await asyncio.gather(*(client.ask("joinRoom", asked) for client in clients))
    for client in clients:
        client.close()
    return Counter(
        "joined" if answer["ok"] else str(answer["code"])
        for answer in answers
        if isinstance(answer, dict)
    )


if __name__ == "__main__":
    main()
