"""Members of a room who come back by themselves, and write down what they hear.

Each keeps its place as a client would: it joins again with the last offset that it has, and what
the answer brings counts as heard.
"""

import asyncio
import contextlib
import json
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from bench.client import Client, ClientError, open_client
from bench.dialects import Event, Incoming, PlainDialect
from bench.frames import TEXT, FrameError, read_frames
from bench.processes import HOST

RETRY_S = 0.2
_MESSAGE = b'{"event":"message"'
_FRAMES_KEPT = 2_000


class GuestDialect(PlainDialect):
    """Plain JSON, by a guest who has been here before."""

    def __init__(self, token: str | None) -> None:
        if token is not None:
            self.target = f"{PlainDialect.target}?guest={quote(token)}"

    def decode(self, text: str) -> Incoming:
        """Take a good-bye for an event: the close frame behind it says more."""
        if text.startswith('{"disconnect"'):
            return Event("disconnect", [text])
        return super().decode(text)


class Frames:
    """What was said, by the bytes that say it: members of one room hear the same."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self._offsets: dict[bytes, int] = {}

    def offset(self, payload: bytes) -> int | None:
        """Return the offset of a message; None for anything else."""
        offset = self._offsets.get(payload)
        if offset is None and payload.startswith(_MESSAGE):
            offset = self.note(json.loads(payload)["args"][0])
            if len(self._offsets) >= _FRAMES_KEPT:
                self._offsets.pop(next(iter(self._offsets)))
            self._offsets[payload] = offset
        return offset

    def note(self, message: dict[str, Any]) -> int:
        """Keep a message's id."""
        offset: int = message["offset"]
        self.ids.setdefault(offset, message["id"])
        return offset


class Member:
    """One member; ``ports`` gives where to connect, the best first."""

    def __init__(
        self, name: str, room: str, ports: Callable[[], Sequence[int]], frames: Frames
    ) -> None:
        self.name = name
        self.room = room
        self.port = 0
        self.start: int | None = None
        self.heard = array("L")
        self.heard_at = array("d")
        self.others: list[tuple[str, Any]] = []
        self.closed = 0
        self.client: Client | None = None
        self.is_in = asyncio.Event()
        self._ports = ports
        self._frames = frames
        self._token: str | None = None
        self._epoch: str | None = None
        self._early: list[int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_leaving = False
        self.on_return: Callable[[Member], None] | None = None

    @property
    def last(self) -> int:
        """The last offset that it has."""
        return self.heard[-1] if self.heard else self.start or 0

    async def enter(self) -> None:
        """Come in for the first time, and stay."""
        self._task = asyncio.get_running_loop().create_task(self._stay(), name=self.name)
        await self.is_in.wait()

    async def leave(self) -> None:
        """Go for good."""
        self._is_leaving = True
        if self.client is not None:
            self.client.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def drop(self) -> None:
        """Lose the connection, as when a network goes."""
        if self.client is not None:
            self.client.abort()

    async def _stay(self) -> None:
        attempt = 0
        while not self._is_leaving:
            ports = self._ports()
            self.port = ports[attempt % len(ports)]
            with contextlib.suppress(ClientError, OSError):
                await self._visit()
            if self.is_in.is_set():
                self.closed += 1
            self.is_in.clear()
            attempt += 1
            await asyncio.sleep(RETRY_S)

    async def _visit(self) -> None:
        self._early = []
        client = await open_client(HOST, self.port, GuestDialect(self._token), self._take_event)
        client.take_chunk = self._take_chunk
        self.client = client
        asked: dict[str, Any] = {"room": self.room}
        if self.start is not None:
            asked |= {"since": self.last, "epoch": self._epoch}
        answer = await client.ask("joinRoom", asked)
        if not (isinstance(answer, dict) and answer.get("ok")):
            raise ClientError(f"joinRoom: {answer}")
        await self._take_answer(client, answer)
        self.is_in.set()
        if self.on_return is not None:
            self.on_return(self)
        await client.ended.wait()

    async def _take_answer(self, client: Client, answer: dict[str, Any]) -> None:
        self._epoch = answer["epoch"]
        if self.start is None:
            self.start = answer["offset"] or 0
        else:
            page = answer
            while True:
                self._record([self._frames.note(message) for message in page["messages"]])
                if not page["more"] or self.last >= answer["offset"]:
                    break
                asked = {"room": self.room, "after": self.last}
                found = await client.ask("history", asked)
                if not (isinstance(found, dict) and found.get("ok")):
                    raise ClientError(f"history: {found}")
                page = found
        # What was said since is heard live, even before the answer arrives; a page of the history
        # may have it, too.
        early, self._early = self._early or [], None
        last = self.last
        self._record([offset for offset in early if offset > last])

    def _take_chunk(self, _client: Client, data: bytes) -> bool:
        try:
            frames = read_frames(data)
        except FrameError:
            return False
        if frames.consumed != len(data):
            return False
        offsets = []
        for opcode, payload in frames.items:
            offset = self._frames.offset(payload) if opcode == TEXT else None
            if offset is None:
                return False
            offsets.append(offset)
        self._take(offsets)
        return True

    def _take_event(self, _client: Client, event: Event) -> None:
        if event.name == "message" and event.args[0].get("offset") is not None:
            self._take([self._frames.note(event.args[0])])
        elif event.name == "identity":
            self._token = event.args[0].get("guest", self._token)
        else:
            self.others.append((event.name, event.args))

    def _take(self, offsets: list[int]) -> None:
        if self._early is not None:
            self._early.extend(offsets)
        else:
            self._record(offsets)

    def _record(self, offsets: list[int]) -> None:
        now = time.monotonic()
        self.heard.extend(offsets)
        self.heard_at.extend([now] * len(offsets))


async def until(holds: Callable[[], bool], within_s: float) -> bool:
    """Wait until something holds; say whether it did in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110 - members wake nobody
                await asyncio.sleep(0.02)
    return holds()
