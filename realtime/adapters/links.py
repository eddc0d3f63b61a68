"""The links of this process to others, and the streams on them.

A link is made when it is first needed and lives as long as both processes. It outlives a layer
that is away for some seconds: what was under way is sent again. When the other process is gone, or
the layer stays away, every stream to it is broken, so that each end can tell its client.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from enum import Enum
from itertools import count
from typing import Protocol

from realtime.adapters.link import Link, LinkBroken
from realtime.adapters.link_frames import (
    Frame,
    LayerLink,
    OpenFrame,
    decode_link_frame,
    encode_link_frame,
)
from realtime.adapters.streams import Stream
from realtime.exceptions import ProtocolError

logger = logging.getLogger(__name__)

# How long a layer may be away before the streams that pass over it are broken.
LAYER_PATIENCE_S = 12.0
# How long a process may owe a word on a link while the layer is there.
PEER_PATIENCE_S = 10.0
# After so long on a layer that is there we have heard everybody who lives.
SETTLE_S = 1.5
# For so long a client waits whose session's owner is out of reach.
REACH_PATIENCE_S = 4.0
TICK_S = 0.25
KEEP_ALIVE_S = 2.0
RETRY_S = 0.5
STOP_S = 1.0
_NAME_BYTES = 9
MAX_STREAMS = 100_000


class Reach(Enum):
    """Whether another process can be spoken to."""

    LIVES = "lives"
    GONE = "gone"
    """There is no such process, or it has ended."""

    AWAY = "away"
    """The layer is away: nobody knows."""


class Post(Protocol):
    """What links need of the layer's adapter."""

    async def post(self, process_id: str, message: LayerLink) -> bool:
        """Send a message to one process; False where that failed."""

    def lives(self, process_id: str) -> bool:
        """Say whether a process was heard lately."""

    @property
    def lost_at(self) -> float | None:
        """Since when the layer is away, or None."""

    @property
    def steady_since(self) -> float | None:
        """Since when our own word returns from the layer, or None while it does not."""


Accept = Callable[[Stream, bytes], Awaitable[None]]


class Links:
    """Streams to and from other processes. ``accept`` serves those that others open."""

    def __init__(self, process_id: str, post: Post) -> None:
        self.accept: Accept | None = None
        self._process_id = process_id
        self._post = post
        self._links: dict[str, tuple[Link, asyncio.Event, asyncio.Task[None]]] = {}
        self._streams: dict[str, dict[int, Stream]] = {}
        self._numbers = count(1)
        self._resets: dict[str, set[str]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._is_stopped = False
        self.opened = 0
        self.accepted = 0
        self.broken = 0
        self.dropped = 0

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._streams.values()))

    @property
    def counts(self) -> dict[str, int]:
        """What became of streams: opened from here, accepted from others, broken, dropped."""
        return {
            "opened": self.opened,
            "accepted": self.accepted,
            "broken": self.broken,
            "dropped": self.dropped,
        }

    def lives(self, process_id: str) -> bool:
        """Say whether a process was heard lately."""
        return self._post.lives(process_id)

    async def reach(self, process_id: str) -> Reach:
        """Say whether a process lives; waits in bounded time while that cannot be known."""
        deadline = _now() + REACH_PATIENCE_S
        # A loop that was held up has yet to hear who spoke meanwhile: we ask twice.
        wait_s = TICK_S / 10
        if self._is_stopped:
            return Reach.AWAY
        while not self._can_reach(process_id):
            await asyncio.sleep(wait_s)
            wait_s = TICK_S
            if self._can_reach(process_id):
                break
            since = self._post.steady_since
            if since is not None and _now() - since >= SETTLE_S:
                return Reach.GONE
            if _now() >= deadline:
                return Reach.AWAY
        return Reach.LIVES

    def _can_reach(self, process_id: str) -> bool:
        return self._post.lost_at is None and self._post.lives(process_id)

    def open(self, process_id: str, content: bytes) -> Stream:
        """Begin a stream to a process; ``content`` tells what is wanted."""
        number = next(self._numbers)
        stream = self._add(process_id, number)
        self._push(process_id, OpenFrame(number, content))
        self.opened += 1
        return stream

    def hear(self, message: LayerLink) -> None:
        """Take a message of another process; raises ``ProtocolError`` on a malformed one."""
        peer = message.origin
        link = self._links[peer][0] if peer in self._links else None
        if message.resets:
            if link is not None and message.yours == link.name:
                self.cut(peer)
            return
        if message.yours and (link is None or message.yours != link.name):
            # It means a link that is no more.
            self._resets.setdefault(peer, set()).add(message.mine)
            self._tick_soon()
            return
        try:
            frames = self._link(peer).take(message, _now())
        except LinkBroken:
            self.cut(peer)
            if message.yours:
                self._resets.setdefault(peer, set()).add(message.mine)
                return
            frames = self._link(peer).take(message, _now())
        self._links[peer][1].set()
        for content in frames:
            self._take_frame(peer, content)

    def cut(self, process_id: str, *, left: bool = False) -> None:
        """Break the link to a process that is gone, and every stream on it.

        ``left`` says that it said good-bye.
        """
        entry = self._links.pop(process_id, None)
        if entry is None:
            return
        entry[2].cancel()
        streams = self._streams.pop(process_id, {})
        self.broken += len(streams)
        if streams:
            logger.log(
                logging.INFO if left or self._is_stopped else logging.WARNING,
                "link to a process broken",
                extra={"peer": process_id, "streams": len(streams)},
            )
        for stream in streams.values():
            stream.break_off()

    async def stop(self) -> None:
        """Let what is under way arrive, in bounded time; break the rest."""
        try:
            async with asyncio.timeout(STOP_S):
                while self._is_busy():  # noqa: ASYNC110 - what it waits for has no event
                    await asyncio.sleep(TICK_S / 10)
        except TimeoutError:
            logger.info("links cut at stop", extra={"streams": self.streams})
        self._is_stopped = True
        tasks = {*self._serving, *(entry[2] for entry in self._links.values())}
        for peer in tuple(self._links):
            self.cut(peer)
        if self._ticking is not None:
            tasks.add(self._ticking)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _is_busy(self) -> bool:
        return bool(self.streams) or not all(link.is_done for link, *_ in self._links.values())

    def _add(self, peer: str, number: int) -> Stream:
        streams = self._streams.setdefault(peer, {})
        stream = Stream(
            peer,
            number,
            push=lambda frame: self._push(peer, frame),
            forget=lambda: self._forget(peer, number),
        )
        streams[number] = stream
        return stream

    def _forget(self, peer: str, number: int) -> None:
        self._streams.get(peer, {}).pop(number, None)

    def _push(self, peer: str, frame: Frame) -> None:
        self._link(peer).push(encode_link_frame(frame), _now())
        self._links[peer][1].set()

    def _link(self, peer: str) -> Link:
        entry = self._links.get(peer)
        if entry is None:
            link = Link(self._process_id, secrets.token_urlsafe(_NAME_BYTES))
            due = asyncio.Event()
            task = asyncio.get_running_loop().create_task(
                self._send(peer, link, due), name="link send"
            )
            entry = self._links[peer] = (link, due, task)
            self._tick_soon()
        return entry[0]

    def _take_frame(self, peer: str, content: bytes) -> None:
        try:
            frame = decode_link_frame(content)
        except ProtocolError:
            # A later release may know more kinds; its link goes on.
            self.dropped += 1
            return
        # What is ours is theirs with the other sign.
        number = -frame.stream
        if isinstance(frame, OpenFrame):
            self._accept(peer, number, frame.content)
            return
        stream = self._streams.get(peer, {}).get(number)
        if stream is not None:
            stream.take(frame)

    def _accept(self, peer: str, number: int, content: bytes) -> None:
        accept = self.accept
        if accept is None or number >= 0 or len(self._serving) >= MAX_STREAMS:
            self.dropped += 1
            return
        self.accepted += 1
        stream = self._add(peer, number)
        running = self._serve(accept, stream, content)
        task = asyncio.get_running_loop().create_task(running, name="stream")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, accept: Accept, stream: Stream, content: bytes) -> None:
        try:
            await accept(stream, content)
        except Exception:
            logger.exception("stream failed")
        finally:
            stream.end()

    async def _send(self, peer: str, link: Link, due: asyncio.Event) -> None:
        """Send what a link has to say: one task for each, so that nothing overtakes."""
        while True:
            message = link.next_message(_now())
            if message is not None:
                if not await self._post.post(peer, message):
                    await asyncio.sleep(RETRY_S)
                continue
            try:
                async with asyncio.timeout_at(link.due_at()):
                    await due.wait()
            except TimeoutError:
                continue
            due.clear()

    def _tick_soon(self) -> None:
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().create_task(self._tick(), name="link tick")

    async def _tick(self) -> None:
        was_lost = False
        while True:
            slept_at = _now()
            await asyncio.sleep(TICK_S)
            if _now() - slept_at > 2 * TICK_S:
                # We were held up ourselves: what others said meanwhile is yet to be heard.
                continue
            is_lost = self._post.lost_at is not None
            for peer, (link, due, _task) in tuple(self._links.items()):
                if self._is_hopeless(peer, link):
                    self.cut(peer)
                elif was_lost and not is_lost:
                    link.resend()
                    due.set()
                elif self._streams.get(peer) and _now() - link.spoke_at >= KEEP_ALIVE_S:
                    link.speak()
                    due.set()
            was_lost = is_lost
            await self._send_resets()

    def _is_hopeless(self, peer: str, link: Link) -> bool:
        now, lost_at = _now(), self._post.lost_at
        if lost_at is not None:
            return now - lost_at >= LAYER_PATIENCE_S
        since = self._post.steady_since
        if since is None or now - since < SETTLE_S:
            return False
        if not self._post.lives(peer):
            return True
        owed_since = link.owed_since
        return owed_since is not None and now - max(owed_since, since) >= PEER_PATIENCE_S

    async def _send_resets(self) -> None:
        resets, self._resets = self._resets, {}
        for peer, names in resets.items():
            for name in names:
                reset = LayerLink(origin=self._process_id, yours=name, resets=True)
                await self._post.post(peer, reset)


def _now() -> float:
    return asyncio.get_running_loop().time()
