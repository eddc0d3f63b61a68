"""One client: an asyncio protocol that speaks one dialect, at little cost for each frame."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from bench.dialects import Ack, Beat, Connected, Dialect, Event, Opened, Refusal
from bench.frames import CLOSE, PING, PONG, TEXT, encode_frame, opening, read_frames

CONNECT_TIMEOUT_S = 20.0
CALL_TIMEOUT_S = 60.0

EventHandler = Callable[["Client", Event], None]


class ClientError(Exception):
    """The server refused, answered wrongly or went away."""


class Client(asyncio.Protocol):
    """A socket in the namespace, from the TCP connection up.

    ``on_event`` is called for each event. A load that must read a hundred thousand frames a second
    sets ``take_chunk``: it sees whole frames' bytes first, and returns True when it knew them.
    """

    def __init__(self, host: str, port: int, dialect: Dialect) -> None:
        loop = asyncio.get_running_loop()
        self.on_event: EventHandler | None = None
        self.take_chunk: Callable[[Client, bytes], bool] | None = None
        self.error: ClientError | None = None
        self.connected: asyncio.Future[None] = loop.create_future()
        self.ended = asyncio.Event()
        self._dialect = dialect
        self._opening = opening(host, port, dialect.target)
        self._is_open = False
        self._is_closing = False
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._next_ack_id = 0
        self._acks: dict[int, Callable[[list[Any]], None]] = {}
        self._waiting: set[asyncio.Future[list[Any]]] = set()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        """Hand whole frames on; keep a cut one for the next bytes."""
        if not self._rest and self.take_chunk is not None and self.take_chunk(self, data):
            return
        data = self._rest + data
        try:
            if not self._is_open:
                data = self._after_upgrade(data)
            frames = read_frames(data) if self._is_open else None
            self._rest = data if frames is None else data[frames.consumed :]
            for opcode, payload in frames.items if frames is not None else ():
                self._take_frame(opcode, payload)
        except (ValueError, ClientError) as error:
            self._fail(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits."""
        self.ended.set()
        if not self._is_closing:
            self._fail(f"connection lost: {exc}")

    # what a load does

    def send(self, name: str, *args: object) -> None:
        """Send an event without an ack."""
        self._write(self._dialect.encode_event(name, *args))

    def call(self, answered: Callable[[list[Any]], None], name: str, *args: object) -> None:
        """Send an event; ``answered`` gets the ack's arguments."""
        ack_id = self._next_ack_id
        self._next_ack_id += 1
        self._acks[ack_id] = answered
        self._write(self._dialect.encode_event(name, *args, ack_id=ack_id))

    async def ask(self, name: str, *args: object) -> object:
        """Send an event and wait for the ack's first argument.

        Raises ``ClientError`` when the connection ends, or after a minute without an answer.
        """
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.add(answer)
        try:
            self.call(lambda args: None if answer.done() else answer.set_result(args), name, *args)
            async with asyncio.timeout(CALL_TIMEOUT_S):
                values = await answer
        except TimeoutError:
            raise ClientError(f"no ack to {name} within {CALL_TIMEOUT_S:.0f} s") from None
        finally:
            self._waiting.discard(answer)
        return values[0] if values else None

    def write_frames(self, frames: bytes) -> None:
        """Write frames that a load has built itself."""
        if self._transport is not None:
            self._transport.write(frames)

    def close(self) -> None:
        """Leave, politely but without waiting."""
        self._is_closing = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_frame(CLOSE, (1000).to_bytes(2, "big")))
            self._transport.close()

    def abort(self) -> None:
        """Lose the connection without a word; whoever waits fails."""
        self._fail("dropped")

    def narrow(self, receive_bytes: int) -> None:
        """Let the kernel take no more than about so much that was not read."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)

    def stall(self) -> None:
        """Read nothing any more; the connection stays."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # inside

    def _after_upgrade(self, data: bytes) -> bytes:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            return data
        if not head.startswith(b"HTTP/1.1 101"):
            raise ClientError(f"no WebSocket: {data[:200].decode(errors='replace')}")
        if b"sec-websocket-extensions" in head.lower():
            raise ClientError("the server turned on an extension that nobody asked for")
        self._is_open = True
        return rest

    def _take_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._take_text(payload.decode())
        elif opcode == PING:
            self.write_frames(encode_frame(PONG, payload))
        elif opcode == CLOSE and not self._is_closing:
            code = int.from_bytes(payload[:2], "big")
            raise ClientError(f"closed by the server: {code} {payload[2:].decode()}")

    def _take_text(self, text: str) -> None:
        match self._dialect.decode(text):
            case Event() as event:
                if self.on_event is not None:
                    self.on_event(self, event)
            case Ack(ack_id, args):
                self._take_ack(ack_id, args)
            case Beat(reply):
                self._write(reply)
            case Opened(replies):
                for reply in replies:
                    self._write(reply)
            case Connected():
                if not self.connected.done():
                    self.connected.set_result(None)
            case Refusal(reason):
                raise ClientError(f"refused: {reason}")

    def _take_ack(self, ack_id: int, args: list[Any]) -> None:
        answered = self._acks.pop(ack_id, None)
        if answered is None:
            raise ClientError(f"an ack that nobody asked for: {ack_id}")
        answered(args)

    def _write(self, text: str) -> None:
        self.write_frames(encode_frame(TEXT, text.encode()))

    def _fail(self, reason: str) -> None:
        if self.error is None:
            self.error = ClientError(reason)
        if not self.connected.done():
            self.connected.set_exception(self.error)
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(self.error)
        self._is_closing = True
        self.ended.set()
        if self._transport is not None:
            self._transport.abort()


async def open_client(
    host: str, port: int, dialect: Dialect, on_event: EventHandler | None = None
) -> Client:
    """A client that is in the namespace; ``on_event`` hears even what is said at once.

    Raises ``ClientError`` when refused or not in within 20 s, ``OSError`` without a server.
    """
    loop = asyncio.get_running_loop()
    client = Client(host, port, dialect)
    client.on_event = on_event
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await loop.create_connection(lambda: client, host, port)
            await client.connected
    except TimeoutError:
        client.close()
        raise ClientError(f"not connected within {CONNECT_TIMEOUT_S:.0f} s") from None
    return client
