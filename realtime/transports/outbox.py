"""What waits to be written to one client: bounded, in order, without a task while all is well.

Two ways lead out. Our own server classes take finished frames (``FrameWriter``) and say how much
the kernel has not taken; any other server gets ASGI messages, its ``send`` stepped by hand and
driven on by one task when it waits.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from realtime.counting import count_limit, current_counts
from realtime.protocol.wire_message import WireMessage
from realtime.transports.base import FrameWriter, Send
from realtime.transports.stepping import Suspended, step
from realtime.transports.turn import Turn, current_turn

logger = logging.getLogger(__name__)

# Above this the client counts as slow: what follows waits here, where it can be counted.
HIGH_WATER_BYTES = 65_536
# What servers raise for a client that is gone: Uvicorn an OSError, Granian a RuntimeError.
SEND_FAILURES = (OSError, RuntimeError)


class Outbox:
    """Messages on their way to one WebSocket.

    ``on_overflow`` is called once, when a message does not fit even after the volatile ones that
    wait were dropped. ``max_bytes`` and ``max_messages`` of 0 do not limit.
    """

    def __init__(
        self,
        send: Send,
        writer: FrameWriter | None,
        *,
        max_bytes: int,
        max_messages: int,
        on_overflow: Callable[[], None],
    ) -> None:
        self._send = send
        self._writer = writer
        self._max_bytes = max_bytes
        self._max_messages = max_messages
        self._on_overflow = on_overflow
        self._turn: Turn = current_turn()
        self._waiting: deque[tuple[WireMessage, bool]] = deque()
        self._waiting_bytes = 0
        self._is_scheduled = False
        self._is_blocked = False
        self._is_closed = False
        # Nothing waits, and what the server may still hold is below any limit: the usual case,
        # in which a message needs no counting. Limits below the high-water mark are always checked.
        self._may_be_idle = not max_bytes or max_bytes > HIGH_WATER_BYTES
        self._is_idle = self._may_be_idle
        self._room: asyncio.Future[None] | None = None
        self._drain: asyncio.Task[None] | None = None

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait for the client, the server's own buffer included."""
        buffered = self._writer.buffered_bytes() if self._writer is not None else 0
        return self._waiting_bytes + buffered

    def put(self, message: WireMessage, volatile: bool = False) -> bool:
        """Take a message without waiting; return whether it will be written."""
        if self._is_idle:
            self._is_idle = False
            self._waiting.append((message, volatile))
            self._waiting_bytes = message.size
            self._is_scheduled = True
            self._turn.schedule(self)
            return True
        if self._is_closed:
            return False
        if volatile and self._is_blocked:
            self._drop_volatile(1)
            return False
        if self._is_full() and not self._make_room():
            if volatile:
                self._drop_volatile(1)
            else:
                self._overflow()
            return False
        self._add(message, volatile)
        return True

    async def put_patiently(self, message: WireMessage) -> bool:
        """Take a message as soon as there is room for it; False, and nothing done, once closed."""
        while self._is_full() and not self._is_closed:
            if not self._is_blocked:
                self.flush()
                if not self._is_blocked:
                    # What fills a small outbox is the server's own buffer, which is not high yet.
                    break
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)
        if self._is_closed:
            return False
        self._is_idle = False
        self._add(message, volatile=False)
        return True

    def flush(self) -> None:
        """Write what waits, as far as the server takes it."""
        self._is_scheduled = False
        if self._is_closed or self._is_blocked:
            return
        if self._writer is not None:
            self._write_frames(self._writer)
        else:
            self._step_messages()
        self._is_idle = self._may_be_idle and not self._is_stuck()

    def close(self, *, keep: bool, last: WireMessage | None = None) -> bool:
        """Take nothing more; write what waits first (``keep``) or drop it, then ``last``.

        Returns whether everything was handed over; if not, ``drained`` says when it is.
        """
        if self._is_closed:
            return True
        if not keep:
            self._waiting.clear()
            self._waiting_bytes = 0
        if last is not None:
            self._waiting.append((last, False))
            self._waiting_bytes += last.size
        if self._writer is not None:
            # The close frame follows at once, behind all of it: the bound has held until here.
            self._is_blocked = False
            while self._waiting:
                self._write_frames(self._writer, limit=False)
        else:
            self.flush()
        self._is_closed = True
        self._is_idle = False
        self._wake()
        return self._drain is None or self._drain.done()

    async def drained(self) -> None:
        """Wait until what was taken before ``close`` is written."""
        if self._drain is not None:
            await asyncio.wait({self._drain})

    def abandon(self) -> None:
        """The connection is gone: drop everything."""
        self._is_closed = True
        self._is_idle = False
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._drain is not None:
            self._drain.cancel()
        self._wake()

    def _add(self, message: WireMessage, volatile: bool) -> None:
        self._waiting.append((message, volatile))
        self._waiting_bytes += message.size
        if not self._is_scheduled and not self._is_blocked:
            self._is_scheduled = True
            self._turn.schedule(self)

    def _is_stuck(self) -> bool:
        return self._is_blocked or self._is_closed

    def _is_full(self) -> bool:
        if self._max_messages and len(self._waiting) >= self._max_messages:
            return True
        return bool(self._max_bytes) and self.waiting_bytes >= self._max_bytes

    def _make_room(self) -> bool:
        if not self._is_blocked:
            # A burst within one turn: the client may well keep up, it was not asked yet.
            self.flush()
            return not self._is_full()
        kept = [entry for entry in self._waiting if not entry[1]]
        self._drop_volatile(len(self._waiting) - len(kept))
        self._waiting = deque(kept)
        self._waiting_bytes = sum(message.size for message, _ in kept)
        return not self._is_full()

    def _overflow(self) -> None:
        is_many = bool(self._max_messages) and len(self._waiting) >= self._max_messages
        count_limit("outbox_messages" if is_many else "outbox_bytes")
        # This message, and those that are not written any more.
        current_counts().outbox_dropped += 1 + len(self._waiting)
        self._on_overflow()

    def _drop_volatile(self, count: int) -> None:
        current_counts().volatile_dropped += count

    def _write_frames(self, writer: FrameWriter, *, limit: bool = True) -> None:
        waiting = self._waiting
        while waiting:
            if len(waiting) == 1:
                message, _ = waiting.popleft()
                self._waiting_bytes = 0
                writer.write(message.frames)
            else:
                writer.write(self._take_frames(limit=limit))
            if limit and writer.buffered_bytes() > HIGH_WATER_BYTES:
                self._is_blocked = True
                writer.on_writable(self._on_writable)
                return

    def _take_frames(self, *, limit: bool) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._waiting and (size < HIGH_WATER_BYTES or not limit):
            message, _ = self._waiting.popleft()
            taken.append(message.frames)
            size += message.size
        self._waiting_bytes -= size
        return b"".join(taken)

    def _on_writable(self) -> None:
        self._is_blocked = False
        self.flush()
        if not self._is_blocked:
            self._wake()

    def _step_messages(self) -> None:
        try:
            rest = self._step_until_blocked()
        except SEND_FAILURES:
            # The client left; the reader hears of it and ends the session.
            self.abandon()
            return
        except Exception:
            # A fault of one server call must not keep this turn's other clients from theirs.
            logger.exception("send failed")
            self.abandon()
            return
        if rest is not None:
            self._is_blocked = True
            self._drain = asyncio.get_running_loop().create_task(
                self._drive(*rest), name="outbox drain"
            )

    def _step_until_blocked(
        self,
    ) -> tuple[Suspended | Awaitable[None], tuple[str | bytes, ...]] | None:
        while self._waiting:
            message, _ = self._waiting.popleft()
            self._waiting_bytes -= message.size
            for index, part in enumerate(message.parts, start=1):
                left = step(self._send(_asgi(part)))
                if left is not None:
                    return left, message.parts[index:]
        return None

    async def _drive(
        self, pending: Suspended | Awaitable[None], parts: tuple[str | bytes, ...]
    ) -> None:
        try:
            await pending
            for part in parts:
                await self._send(_asgi(part))
            while self._waiting:
                message, _ = self._waiting.popleft()
                self._waiting_bytes -= message.size
                for part in message.parts:
                    await self._send(_asgi(part))
                if not self._is_full():
                    self._wake()
        except SEND_FAILURES:
            self._is_closed = True
        except Exception:
            logger.exception("send failed")
            self._is_closed = True
        finally:
            self._is_blocked = False
            self._wake()

    def _wake(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)


def _asgi(part: str | bytes) -> dict[str, str | bytes]:
    if isinstance(part, str):
        return {"type": "websocket.send", "text": part}
    return {"type": "websocket.send", "bytes": part}
