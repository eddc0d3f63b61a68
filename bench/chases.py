"""Evictions while rooms talk: ``python -m bench.chases --evictions 10000 --rate 1000``.

Two processes serve on a PostgreSQL and a Redis, which have to be there. Guests sit in rooms with
a history, each with some tabs over both processes; a moderator kicks them, or bans and unbans them,
again and again, and each comes back. On a socket that was put out, nothing of the room may arrive

- behind its ``kicked``, whenever that was sent, until it asks to come in again, and
- of what was said after the moderator had read the ack, which may even overtake ``kicked``.

Messages carry the number under which they were said, so that what lay in a buffer when the ack
was read is told from what was said later. Ends with an error if anything arrived, if nothing was
said while somebody was out, or if there were too few evictions within ``--seconds``.
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
from urllib.parse import urlencode

from bench.client import Client, open_client
from bench.dialects import DIALECTS, Event, Incoming, PlainDialect
from bench.launch import pin
from bench.loads.crowd import join
from bench.measurement import percentile
from bench.pair import Served, served
from bench.processes import HOST, LOAD_CORE, SERVER_CORE, RunError

TICK_S = 0.01
OUT_S = 0.05
# Beyond the time that was given, for what is on its way.
ENDS_WITHIN_S = 60.0
# How long after the ack a socket may take to read its ``kicked``.
KICKED_WITHIN_S = 10.0
# So many messages of one speaker may be on their way; beyond it the load says less than asked.
ON_THEIR_WAY_MOST = 4
# What of the room somebody who is out could hear.
OF_THE_ROOM = frozenset({"message", "newUser", "userLeft", "typing", "missed", "messageRemoved"})


class KnownDialect(PlainDialect):
    """Plain JSON, by somebody who brings a ``ticket``, or as a ``guest`` came before."""

    def __init__(self, **known: str) -> None:
        self.target = f"{PlainDialect.target}?{urlencode(known)}"


class SpeakerDialect(PlainDialect):
    """Plain JSON, by somebody who does not care for what others say: that saves reading it."""

    _HEARD = Event("message", [])

    def decode(self, text: str) -> Incoming:
        """Know messages by how they begin."""
        if text.startswith('{"event":"message"'):
            return self._HEARD
        return super().decode(text)


@dataclass(slots=True)
class Tally:
    """What was counted; ``acks_s`` are seconds from asking for an eviction to reading its ack.

    ``evicted`` are sockets, all of a guest's by one act.
    """

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
            f"{self.evicted} evictions by {len(self.acks_s)} acts in {self.wall_s:.0f} s, "
            f"acks {', '.join(acks)}\n"
            f"{self.said} said ({self.said / self.wall_s:.0f} a second), {self.said_while_out} of "
            f"them while somebody was out; {self.heard} heard by those who come and go\n"
            f"refused: {dict(self.refused) or 'none'}\n"
            f"arrived too late: {self.violations.total()} {dict(self.violations) or ''}\n"
        )


_SHARES = (("p50", 0.5), ("p99", 0.99), ("last", 1.0))


class Chased:
    """One socket that is put out and comes back, and all that it hears of the room."""

    def __init__(self, tally: Tally, room: str) -> None:
        self.room = room
        self.user = ""
        self.guest = ""
        self.client: Client | None = None
        self.kicked = asyncio.Event()
        self._tally = tally
        self._is_out = False
        # The first message that was said after the ack.
        self._barrier: int | None = None

    async def open(self, port: int, guest: str = "") -> None:
        """Connect and come in, as a new guest or with the token of one."""
        dialect = KnownDialect(guest=guest) if guest else DIALECTS["plain"]
        self.client = await open_client(HOST, port, dialect, self.hear)
        await self.come_in()

    async def come_in(self) -> None:
        """Join, again; from here on what is said may be heard."""
        self._is_out, self._barrier = False, None
        self.kicked.clear()
        if self.client is None:
            raise TypeError("not connected")
        await join(self.client, self.room)

    def acked(self, next_number: int) -> None:
        """Take note that what is said from now on is not for this one."""
        self._barrier = next_number

    def hear(self, _client: Client | None, event: Event) -> None:
        """Take what arrived, and count what should not have."""
        if event.name == "identity":
            self.user = event.args[0]["user"]["id"]
            self.guest = event.args[0].get("guest", "")
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


@dataclass(slots=True)
class Speaker:
    """One who talks in a room."""

    client: Client
    room: str
    on_their_way: int = 0


class Chase:
    """The rooms' talk, and those who are chased from them."""

    def __init__(
        self, servers: Served, tickets: Sequence[str], options: argparse.Namespace
    ) -> None:
        self.tally = Tally()
        self._servers, self._tickets = servers, tickets
        self._options = options
        self._acts = itertools.count()
        self._said = 0
        self._deadline = 0.0
        self._is_over = False

    async def run(self) -> None:
        """Let guests be put out in turn until there were evictions enough.

        The events of one socket are handled in order: it takes many speakers for much talk.
        """
        rooms = itertools.cycle(_names(self._options.rooms))
        guests = [await self._enter(next(rooms)) for _ in range(self._options.guests)]
        chasers = [
            await open_client(HOST, self._servers.port(number), KnownDialect(ticket=ticket))
            for number, ticket in enumerate(self._tickets)
        ]
        speakers = [await self._speaker(n, next(rooms)) for n in range(self._options.speakers)]
        began_at = time.monotonic()
        talking = asyncio.create_task(self._talk(speakers))
        self._deadline = began_at + self._options.seconds
        async with (
            asyncio.timeout(self._options.seconds + ENDS_WITHIN_S),
            asyncio.TaskGroup() as tasks,
        ):
            for chaser, tabs in zip(chasers, guests, strict=True):
                tasks.create_task(self._chase(chaser, tabs))
        self._is_over = True
        await talking
        self.tally.wall_s = time.monotonic() - began_at
        chased = [tab.client for tabs in guests for tab in tabs]
        for client in (*(speaker.client for speaker in speakers), *chasers, *chased):
            if client is not None:
                client.close()

    async def _enter(self, room: str) -> list[Chased]:
        """Let a guest come in with all tabs."""
        tabs = [Chased(self.tally, room) for _ in range(self._options.tabs)]
        for number, tab in enumerate(tabs):
            await tab.open(self._servers.port(number), tabs[0].guest)
        return tabs

    async def _speaker(self, number: int, room: str) -> Speaker:
        client = await open_client(HOST, self._servers.port(number), SpeakerDialect())
        await join(client, room)
        return Speaker(client, room)

    async def _chase(self, chaser: Client, tabs: Sequence[Chased]) -> None:
        whom = {"room": tabs[0].room, "user": tabs[0].user}
        while time.monotonic() < self._deadline and self.tally.evicted < self._options.evictions:
            is_ban = next(self._acts) % 4 == 3
            asked_at = time.monotonic()
            answer = await chaser.ask("ban" if is_ban else "kick", whom)
            for tab in tabs:
                # What is said from here on was said after the ack was read.
                tab.acked(self._said)
            if self._is_ok("eviction", answer):
                self.tally.acks_s.append(time.monotonic() - asked_at)
            async with asyncio.timeout(KICKED_WITHIN_S):
                for tab in tabs:
                    await tab.kicked.wait()
            self.tally.evicted += len(tabs)
            before = self.tally.said
            await asyncio.sleep(OUT_S)
            self.tally.said_while_out += self.tally.said - before
            if is_ban:
                self._is_ok("unban", await chaser.ask("unban", whom))
            await asyncio.gather(*(tab.come_in() for tab in tabs))

    def _is_ok(self, event: str, answer: object) -> bool:
        if isinstance(answer, dict) and answer.get("ok") is True:
            return True
        # The words too: a code such as ``busy`` comes from more places than one.
        said = answer if isinstance(answer, dict) else {}
        self.tally.refused[f"{event}: {said.get('code')} ({said.get('message')})"] += 1
        return False

    async def _talk(self, speakers: Sequence[Speaker]) -> None:
        turn = itertools.cycle(speakers)
        seen_at, due = time.monotonic(), 0.0
        while not self._is_over:
            now = time.monotonic()
            due += (now - seen_at) * self._options.rate
            seen_at = now
            count, due = int(due), due % 1
            for speaker in itertools.islice(turn, count):
                if speaker.on_their_way < ON_THEIR_WAY_MOST:
                    self._say(speaker)
            await asyncio.sleep(TICK_S)

    def _say(self, speaker: Speaker) -> None:
        def answered(args: list[Any]) -> None:
            speaker.on_their_way -= 1
            if self._is_ok("message", args[0]):
                self.tally.said += 1

        speaker.on_their_way += 1
        message = {"room": speaker.room, "text": str(self._said)}
        speaker.client.call(answered, "message", message)
        self._said += 1


def main() -> None:
    """Serve, chase, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="bench.chases")
    parser.add_argument("--evictions", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="messages a second")
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--unkept", type=int, default=0, help="rooms of them without a history")
    parser.add_argument("--guests", type=int, default=2)
    parser.add_argument("--tabs", type=int, default=24, help="sockets of each guest")
    parser.add_argument("--speakers", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=600.0, help="at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--server", default="uvicorn")
    options = parser.parse_args()
    with served(options.processes, server=options.server) as servers:
        # What is asked here is no server's CPU: each may have a core, and the load what is left.
        for pid, core in zip(servers.pids, itertools.cycle((SERVER_CORE, LOAD_CORE)), strict=False):
            pin(core, pid)
        chase = Chase(servers, _make_rooms(options), options)
        asyncio.run(chase.run())
    sys.stdout.write(chase.tally.lines())
    if chase.tally.violations:
        raise RunError("something of the room arrived after the eviction")
    if chase.tally.evicted < options.evictions or not chase.tally.said_while_out:
        raise RunError("too few evictions were acknowledged, or nothing was said meanwhile")


def _names(rooms: int) -> list[str]:
    return [f"chased-{number}" for number in range(rooms)]


def _sizes(options: argparse.Namespace) -> list[int]:
    """Give how many messages each room keeps."""
    return [0] * options.unkept + [1_000] * (options.rooms - options.unkept)


def _make_rooms(options: argparse.Namespace) -> list[str]:
    """Make the rooms and their moderators; give their tickets."""
    # Models can be imported only once Django is set up.
    from django.contrib.auth import get_user_model  # noqa: PLC0415

    from bench.dialects import NAMESPACE  # noqa: PLC0415
    from realtime.namespaces.tickets import issue_ticket  # noqa: PLC0415
    from rooms.models import Membership, Namespace, Room  # noqa: PLC0415

    place = Namespace.objects.get(path=NAMESPACE)
    made = [
        Room.objects.create(namespace=place, name=name, history_size=size)
        for name, size in zip(_names(options.rooms), _sizes(options), strict=True)
    ]
    users = [get_user_model().objects.create_user(f"chaser-{n}") for n in range(options.guests)]
    for user in users:
        for room in made:
            Membership.objects.create(room=room, user=user, role="moderator")
    return [issue_ticket(user) for user in users]


if __name__ == "__main__":
    main()
