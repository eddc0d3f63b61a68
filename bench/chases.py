"""Evictions while a room talks: ``python -m bench.chases --evictions 10000 --rate 1000``.

Two processes serve on a PostgreSQL and a Redis, which have to be there. Guests sit in one room
with a history; a moderator kicks them, or bans and unbans them, again and again, and each comes
back. On the socket of one who was put out, nothing of the room may arrive

- behind its ``kicked``, whenever that was sent, until it asks to come in again, and
- of what was said after the moderator had read the ack, which may even overtake ``kicked``.

Messages carry the number under which they were said, so that what lay in a buffer when the ack
was read is told from what was said later. Ends with an error if anything arrived, if nothing was
said while somebody was out, or if an eviction was not acknowledged.
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bench.client import Client, open_client
from bench.dialects import DIALECTS, Event, PlainDialect
from bench.launch import pin
from bench.loads.crowd import join
from bench.measurement import percentile
from bench.pair import Served, served
from bench.processes import HOST, LOAD_CORE, RunError

ROOM = "chased"
TICK_S = 0.01
OUT_S = 0.05
# Beyond the time that was given, for what is on its way.
ENDS_WITHIN_S = 60.0
# What of the room somebody who is out could hear.
OF_THE_ROOM = frozenset({"message", "newUser", "userLeft", "typing", "missed", "messageRemoved"})


class TicketDialect(PlainDialect):
    """Plain JSON, by a user who brings a ticket."""

    def __init__(self, ticket: str) -> None:
        self.target = f"{PlainDialect.target}?ticket={quote(ticket)}"


@dataclass(slots=True)
class Tally:
    """What was counted; ``acks_s`` are seconds from asking for an eviction to reading its ack."""

    said: int = 0
    heard: int = 0
    evicted: int = 0
    said_while_out: int = 0
    acks_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0

    def lines(self) -> str:
        """Return lines for people."""
        ordered = sorted(self.acks_s)
        acks = [f"{name} {percentile(ordered, of) * 1000:.0f} ms" for name, of in _SHARES]
        return (
            f"{self.evicted} evictions in {self.wall_s:.0f} s, acks {', '.join(acks)}\n"
            f"{self.said} said ({self.said / self.wall_s:.0f} a second), {self.said_while_out} of "
            f"them while somebody was out; {self.heard} heard by those who come and go\n"
            f"refused: {dict(self.refused) or 'none'}\n"
            f"arrived too late: {self.violations.total()} {dict(self.violations) or ''}\n"
        )


_SHARES = (("p50", 0.5), ("p99", 0.99), ("last", 1.0))


class Chased:
    """One guest who is put out and comes back, and all that it hears of the room."""

    def __init__(self, tally: Tally) -> None:
        self.user = ""
        self.client: Client | None = None
        self.kicked = asyncio.Event()
        self._tally = tally
        self._is_out = False
        # The first message that was said after the ack.
        self._barrier: int | None = None

    async def open(self, port: int) -> None:
        """Connect and come in."""
        self.client = await open_client(HOST, port, DIALECTS["plain"], self.hear)
        await self.come_in()

    async def come_in(self) -> None:
        """Join, again; from here on what is said may be heard."""
        self._is_out, self._barrier = False, None
        self.kicked.clear()
        if self.client is None:
            raise TypeError("not connected")
        await join(self.client, ROOM)

    def acked(self, next_number: int) -> None:
        """Take note that what is said from now on is not for this one."""
        self._barrier = next_number

    def hear(self, _client: Client | None, event: Event) -> None:
        """Take what arrived, and count what should not have."""
        if event.name == "identity":
            self.user = event.args[0]["user"]["id"]
        elif event.name == "kicked":
            self._is_out = True
            self.kicked.set()
        elif event.name in OF_THE_ROOM:
            self._tally.heard += 1
            if self._is_out:
                self._tally.violations[f"{event.name} behind kicked"] += 1
            elif self._barrier is not None and self._number(event) >= self._barrier:
                self._tally.violations[f"{event.name} said after the ack"] += 1

    @staticmethod
    def _number(event: Event) -> int:
        return int(event.args[0]["text"]) if event.name == "message" else -1


class Chase:
    """The room's talk, and those who are chased from it."""

    def __init__(
        self, servers: Served, tickets: Sequence[str], rate: float, evictions: int, seconds: float
    ) -> None:
        self.tally = Tally()
        self._servers, self._tickets = servers, tickets
        self._rate, self._evictions, self._seconds = rate, evictions, seconds
        self._numbers = itertools.count()
        self._said = 0
        self._deadline = 0.0
        self._is_over = False

    async def run(self, guests: int, speaking: int) -> None:
        """Let ``guests`` be put out in turn until there were evictions enough.

        The events of one socket are handled in order: it takes many ``speaking`` for much talk.
        """
        chased = [Chased(self.tally) for _ in range(guests)]
        for number, each in enumerate(chased):
            await each.open(self._servers.port(number))
        chasers = [await self._open(number, ticket) for number, ticket in enumerate(self._tickets)]
        speakers = [
            await open_client(HOST, self._servers.port(number), DIALECTS["plain"])
            for number in range(speaking)
        ]
        for speaker in speakers:
            await join(speaker, ROOM)
        began_at = time.monotonic()
        talking = asyncio.create_task(self._talk(speakers))
        self._deadline = began_at + self._seconds
        async with (
            asyncio.timeout(self._seconds + ENDS_WITHIN_S),
            asyncio.TaskGroup() as tasks,
        ):
            for number, each in enumerate(chased):
                tasks.create_task(self._chase(chasers[number % len(chasers)], each))
        self._is_over = True
        await talking
        self.tally.wall_s = time.monotonic() - began_at
        for client in (*speakers, *chasers, *(each.client for each in chased)):
            if client is not None:
                client.close()

    async def _open(self, number: int, ticket: str) -> Client:
        return await open_client(HOST, self._servers.port(number), TicketDialect(ticket))

    async def _chase(self, chaser: Client, chased: Chased) -> None:
        while time.monotonic() < self._deadline:
            number = next(self._numbers)
            if number >= self._evictions:
                break
            is_ban = bool(number % 4 == 3)
            whom = {"room": ROOM, "user": chased.user}
            asked_at = time.monotonic()
            answer = await chaser.ask("ban" if is_ban else "kick", whom)
            # What is said from here on was said after the ack was read.
            chased.acked(self._said)
            if self._is_ok("eviction", answer):
                self.tally.acks_s.append(time.monotonic() - asked_at)
                self.tally.evicted += 1
            await chased.kicked.wait()
            before = self.tally.said
            await asyncio.sleep(OUT_S)
            self.tally.said_while_out += self.tally.said - before
            if is_ban:
                self._is_ok("unban", await chaser.ask("unban", whom))
            await chased.come_in()

    def _is_ok(self, event: str, answer: object) -> bool:
        if isinstance(answer, dict) and answer.get("ok") is True:
            return True
        code = answer.get("code") if isinstance(answer, dict) else None
        self.tally.refused[f"{event}: {code}"] += 1
        return False

    async def _talk(self, speakers: Sequence[Client]) -> None:
        began_at = time.monotonic()
        while not self._is_over:
            due = int((time.monotonic() - began_at) * self._rate)
            for _ in range(min(due - self._said, int(self._rate))):
                speaker = speakers[self._said % len(speakers)]
                speaker.call(self._answered, "message", {"room": ROOM, "text": str(self._said)})
                self._said += 1
            await asyncio.sleep(TICK_S)

    def _answered(self, args: list[Any]) -> None:
        if self._is_ok("message", args[0]):
            self.tally.said += 1


def main() -> None:
    """Serve, chase, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="bench.chases")
    parser.add_argument("--evictions", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="messages a second")
    parser.add_argument("--guests", type=int, default=16)
    parser.add_argument("--speakers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1_800.0, help="at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    pin(LOAD_CORE)
    with served(options.processes, server=options.server) as servers:
        chase = Chase(servers, _make_room(), options.rate, options.evictions, options.seconds)
        asyncio.run(chase.run(options.guests, options.speakers))
    sys.stdout.write(chase.tally.lines())
    if chase.tally.violations:
        raise RunError("something of the room arrived after the eviction")
    if chase.tally.evicted < options.evictions or not chase.tally.said_while_out:
        raise RunError("too few evictions were acknowledged, or nothing was said meanwhile")


def _make_room() -> list[str]:
    """Make the room and two moderators; give their tickets."""
    # Models can be imported only once Django is set up.
    from django.contrib.auth import get_user_model  # noqa: PLC0415

    from bench.dialects import NAMESPACE  # noqa: PLC0415
    from realtime.namespaces.tickets import issue_ticket  # noqa: PLC0415
    from rooms.models import Membership, Namespace, Room  # noqa: PLC0415

    place = Namespace.objects.get(path=NAMESPACE)
    room = Room.objects.create(namespace=place, name=ROOM)
    users = [get_user_model().objects.create_user(f"chaser-{number}") for number in range(2)]
    for user in users:
        Membership.objects.create(room=room, user=user, role="moderator")
    return [issue_ticket(user) for user in users]


if __name__ == "__main__":
    main()
