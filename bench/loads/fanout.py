"""One event (or several) at a time to everyone in a room; each member's copy is a delivery."""

import asyncio
import time

from bench.client import Client, ClientError
from bench.dialects import DIALECTS, Event
from bench.frames import TEXT, read_frames
from bench.loads.crowd import check, crowd, describe, in_waves, join
from bench.measurement import Load, Measurement
from bench.window import Window

ROOM = "csgo"
# As long as what is measured, and no longer than this.
WARM_UP_S = 1.0
# After this long without a delivery, what is outstanding counts as lost.
SILENCE_S = 5.0
# Makes the event some hundred bytes long, as chat lines are.
PADDING = "x" * 50

# What members hear after they sent this event.
HEARD_AS = {"relay": "news", "message": "message"}

_FRAMES_KEPT = 64


class Deliveries:
    """Who has not yet heard which event; sends the next when everyone has heard one."""

    def __init__(self, members: list[Client], load: Load) -> None:
        self.latencies_s: list[float] = []
        self.lost = 0
        self.doubled = 0
        self._members = members
        self._load = load
        self._heard_as = HEARD_AS[load.event]
        self._dialect = DIALECTS[load.dialect]
        self._next_number = 0
        self._deadline = 0.0
        self._sent_at: dict[int, float] = {}
        self._missing: dict[int, set[Client]] = {}
        self._frames: dict[bytes, int] = {}
        self._chunk = b""
        self._chunk_numbers: list[int] = []
        self._all_heard = asyncio.Event()
        for member in members:
            member.take_chunk = self._take_chunk
            member.on_event = self._take_event

    async def run(self, seconds: float) -> None:
        """Keep ``in_flight`` events on their way for so long, then wait for the last of them.

        Counts anew. Raises ``ClientError`` when a member was refused or lost its connection.
        """
        self.latencies_s = []
        self.lost = self.doubled = 0
        self._all_heard.clear()
        self._deadline = time.perf_counter() + seconds
        for _ in range(self._load.in_flight):
            self._send_next()
        while not self._all_heard.is_set():
            await self._wait_while_some_come()
        check(self._members)

    async def _wait_while_some_come(self) -> None:
        before = len(self.latencies_s)
        try:
            async with asyncio.timeout(SILENCE_S):
                await self._all_heard.wait()
        except TimeoutError:
            check(self._members)
            if len(self.latencies_s) == before:
                self._give_up()

    def _give_up(self) -> None:
        self.lost = sum(len(missing) for missing in self._missing.values())
        self._missing.clear()
        self._sent_at.clear()
        self._all_heard.set()

    def _send_next(self) -> None:
        number = self._next_number
        self._next_number += 1
        self._missing[number] = set(self._members)
        # As many senders as events in flight.
        sender = self._members[number % self._load.in_flight]
        text = f"{PADDING} {number}"
        self._sent_at[number] = time.perf_counter()
        sender.send(self._load.event, {"room": ROOM, "text": text})

    def _take_chunk(self, member: Client, chunk: bytes) -> bool:
        """Count a chunk of whole, known frames.

        Members of one room get the same bytes: each distinct chunk is parsed once.
        """
        if chunk != self._chunk:
            numbers = self._read_chunk(chunk)
            if numbers is None:
                return False
            self._chunk = chunk
            self._chunk_numbers = numbers
        for number in self._chunk_numbers:
            self._count(member, number)
        return True

    def _read_chunk(self, chunk: bytes) -> list[int] | None:
        frames = read_frames(chunk)
        if frames.consumed != len(chunk):
            return None
        numbers = []
        for opcode, payload in frames.items:
            number = self._frames.get(payload)
            if number is None:
                number = self._read_frame(opcode, payload)
            if number is None:
                return None
            numbers.append(number)
        return numbers

    def _read_frame(self, opcode: int, payload: bytes) -> int | None:
        if opcode != TEXT:
            return None
        incoming = self._dialect.decode(payload.decode())
        if not isinstance(incoming, Event) or incoming.name != self._heard_as:
            return None
        if len(self._frames) >= _FRAMES_KEPT:
            self._frames.clear()
        number = _number(incoming)
        self._frames[payload] = number
        return number

    def _take_event(self, member: Client, event: Event) -> None:
        if event.name == self._heard_as:
            self._count(member, _number(event))
        elif event.name == "err":
            raise ClientError(f"{self._load.event}: {event.args}")

    def _count(self, member: Client, number: int) -> None:
        missing = self._missing.get(number)
        if missing is None or member not in missing:
            self.doubled += 1
            return
        missing.remove(member)
        self.latencies_s.append(time.perf_counter() - self._sent_at[number])
        if missing:
            return
        del self._missing[number], self._sent_at[number]
        if time.perf_counter() < self._deadline:
            self._send_next()
        elif not self._missing:
            self._all_heard.set()


def _number(event: Event) -> int:
    return int(event.args[0]["text"].rpartition(" ")[2])


async def fanout(load: Load) -> Measurement:
    """``clients`` members of one room, ``in_flight`` events at a time, for ``seconds``.

    ``extra`` has ``doubled``: deliveries that came twice.
    """
    async with crowd(load) as members:
        await in_waves(len(members), lambda number: join(members[number], ROOM))
        about = await describe(members[0])
        deliveries = Deliveries(members, load)
        await deliveries.run(min(WARM_UP_S, load.seconds))
        window = Window.open(load.server_pid)
        await deliveries.run(load.seconds)
        return window.close(
            latencies_s=deliveries.latencies_s,
            lost=deliveries.lost,
            about=about,
            extra={"doubled": float(deliveries.doubled)},
        )
