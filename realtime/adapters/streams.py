"""A stream between two processes: data both ways, in order, with back-pressure; and its end."""

import asyncio
from collections import deque
from collections.abc import Callable

from realtime.adapters.link_frames import (
    DataFrame,
    EndFrame,
    Frame,
    GrantFrame,
    NoteFrame,
    TextFrame,
)

# What may be sent that the other end has not used yet; and in which pieces.
WINDOW_BYTES = 262_144
PIECE_SIZE = 65_536
# Each piece counts for so much more than its data: a flood of empty ones is bounded, too.
_PIECE_OVERHEAD = 64
_MOST_UTF8 = 4


class StreamBroken(Exception):  # noqa: N818 - a fact, not an error
    """The other process is gone or out of reach: what was under way may be lost."""


class Stream:
    """One end of a stream. ``push`` takes frames to the other; ``forget`` is called at the end.

    One task may send and one may receive at a time.
    """

    def __init__(
        self,
        peer: str,
        number: int,
        push: Callable[[Frame], None],
        forget: Callable[[], None],
    ) -> None:
        self.peer = peer
        self._number = number
        self._push = push
        self._forget = forget
        self._inbox: deque[DataFrame | TextFrame | NoteFrame | EndFrame] = deque()
        self._arrived = asyncio.Event()
        self._granted = asyncio.Event()
        self._credit = WINDOW_BYTES
        self._used = 0
        self._is_broken = False
        self._is_ended = False

    @property
    def is_writable(self) -> bool:
        """Whether ``send`` would go on at once."""
        return self._credit > 0 or self._is_ended or self._is_broken

    async def send(self, data: bytes | str, *, more: bool = False) -> None:
        """Send bytes or a text, in pieces, while the other end uses them.

        ``more`` says that what follows continues it. Does nothing once the stream is over.
        """
        for start in range(0, len(data), PIECE_SIZE) or (0,):
            await self._until_writable()
            if self._is_ended or self._is_broken:
                return
            piece = data if len(data) <= PIECE_SIZE else data[start : start + PIECE_SIZE]
            is_last = start + PIECE_SIZE >= len(data)
            self._credit -= _cost(piece)
            goes_on = more or not is_last
            if isinstance(piece, str):
                self._push(TextFrame(self._number, piece, goes_on))
            else:
                self._push(DataFrame(self._number, piece, goes_on))

    def note(self, content: bytes) -> None:
        """Send a word; it is never held back, so that only few may be sent."""
        if not self._is_ended and not self._is_broken:
            self._push(NoteFrame(self._number, content))

    def end(self, content: bytes = b"") -> None:
        """End the stream, behind all that was sent; later calls do nothing."""
        if self._is_ended:
            return
        self._is_ended = True
        if not self._is_broken:
            self._push(EndFrame(self._number, content))
        self._wake()
        self._forget()

    async def receive(self) -> DataFrame | TextFrame | NoteFrame | EndFrame:
        """Return what comes next; the end comes again and again.

        Raises ``StreamBroken`` behind all that came before, also after our own ``end``.
        """
        while not self._inbox:
            if self._is_broken or self._is_ended:
                raise StreamBroken
            self._arrived.clear()
            await self._arrived.wait()
        if isinstance(self._inbox[0], EndFrame):
            return self._inbox[0]
        item = self._inbox.popleft()
        if isinstance(item, DataFrame | TextFrame):
            self._use(_cost(item.data))
        return item

    async def receive_whole(self) -> bytes | str | NoteFrame | EndFrame:
        """Return the next whole text or bytes, or what else comes."""
        pieces: list[bytes | str] = []
        while isinstance(item := await self.receive(), DataFrame | TextFrame):
            pieces.append(item.data)
            if not item.more:
                return _joined(pieces)
        return item

    def take(self, frame: Frame) -> None:
        """Take a frame of the other end."""
        if isinstance(frame, GrantFrame):
            self._credit = min(self._credit + frame.size, WINDOW_BYTES)
            self._granted.set()
            return
        if isinstance(frame, DataFrame | TextFrame | NoteFrame | EndFrame):
            self._inbox.append(frame)
            self._arrived.set()
        if isinstance(frame, EndFrame):
            # What we would still send is of no use to anybody.
            self._is_ended = True
            self._wake()
            self._forget()

    def break_off(self) -> None:
        """The other process is out of reach."""
        self._is_broken = True
        self._wake()

    async def _until_writable(self) -> None:
        while not self.is_writable:
            self._granted.clear()
            await self._granted.wait()

    def _use(self, size: int) -> None:
        self._used += size
        # A grant for each piece would double the messages.
        if self._used >= WINDOW_BYTES // 4 and not self._is_ended and not self._is_broken:
            self._push(GrantFrame(self._number, self._used))
            self._used = 0

    def _wake(self) -> None:
        self._arrived.set()
        self._granted.set()


def _cost(piece: bytes | str) -> int:
    # A text's bytes are not counted one by one: the bound is what matters.
    size = len(piece) if isinstance(piece, bytes) or piece.isascii() else _MOST_UTF8 * len(piece)
    return size + _PIECE_OVERHEAD


def _joined(pieces: list[bytes | str]) -> bytes | str:
    if len(pieces) == 1:
        return pieces[0]
    if isinstance(pieces[0], bytes):
        return b"".join(piece for piece in pieces if isinstance(piece, bytes))
    return "".join(piece for piece in pieces if isinstance(piece, str))
