"""A proxy that has never heard of sticky sessions: each request goes to the next server.

Connections of clients stay open, and the requests on one are spread, too. A server that is gone is
left out. ``python -m tests.helpers.scattering_proxy PORT SERVER_PORT...`` runs one by itself; with
``--away`` the first server opens all sessions, and the others get all of their further requests.
"""

import asyncio
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
MAX_HEAD_BYTES = 65_536
GONE = (ConnectionError, OSError, asyncio.IncompleteReadError, TimeoutError)


@dataclass(frozen=True)
class _Head:
    first_line: str
    lines: tuple[str, ...]

    def value(self, name: str) -> str:
        """Return a header's value, in lower case; empty where it is not there."""
        for line in self.lines:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip().lower()
        return ""

    def encode(self, connection: str) -> bytes:
        kept = [line for line in self.lines if not line.lower().startswith("connection:")]
        return "\r\n".join([self.first_line, *kept, f"Connection: {connection}", "", ""]).encode(
            "latin-1"
        )


class ScatteringProxy:
    """Spreads requests over servers on this machine; ``taken`` counts what each was given."""

    def __init__(self, ports: list[int], *, away: bool = False) -> None:
        self.ports = ports
        self._away = away
        self.taken: Counter[int] = Counter()
        self.port = 0
        self._turns = count()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen, at a free port unless one is given."""
        self._server = await asyncio.start_server(self._take, HOST, port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while await self._serve_request(reader, writer):
                pass
        except GONE:
            pass
        except asyncio.CancelledError:
            # The streams' own callback would report it as a fault.
            pass
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; return whether the connection can carry another one."""
        head = await _read_head(reader)
        if head is None:
            return False
        opened = await self._connect(is_further="sid=" in head.first_line)
        if opened is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return True
        server_reader, server_writer = opened
        try:
            is_upgrade = head.value("upgrade") == "websocket"
            server_writer.write(head.encode("Upgrade" if is_upgrade else "close"))
            if is_upgrade:
                await _join(reader, writer, server_reader, server_writer)
                return False
            await _pass_body(head, reader, server_writer)
            return await _pass_answer(reader, writer, server_reader)
        finally:
            server_writer.close()

    async def _connect(
        self, *, is_further: bool
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports = self.ports
        if self._away:
            ports = ports[1:] if is_further else ports[:1]
        turn = next(self._turns)
        for later in range(len(ports)):
            port = ports[(turn + later) % len(ports)]
            with suppress(OSError):
                opened = await asyncio.open_connection(HOST, port)
                self.taken[port] += 1
                return opened
        return None


async def _read_head(reader: asyncio.StreamReader) -> _Head | None:
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = text.removesuffix("\r\n\r\n").split("\r\n")
    return _Head(first, tuple(lines))


async def _pass_body(
    head: _Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if head.value("transfer-encoding") == "chunked":
        size = -1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line, 16)
            writer.write(line + await reader.readexactly(size + 2))
            await writer.drain()
        return
    left = int(head.value("content-length") or 0)
    while left:
        data = await reader.read(min(left, CHUNK_BYTES))
        if not data:
            raise ConnectionError("the client left")
        left -= len(data)
        writer.write(data)
        await writer.drain()


async def _pass_answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server_reader: asyncio.StreamReader,
) -> bool:
    """Give the client the answer, unless it leaves first: then the server is left, too."""
    answering = asyncio.create_task(_read_answer(server_reader))
    leaving = asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        # Nobody sends a request before the last one is answered: it can only be the end.
        is_left = leaving.done()
    finally:
        leaving.cancel()
        await asyncio.wait({leaving})
        if not answering.done():
            answering.cancel()
            await asyncio.wait({answering})
    if is_left or (leaving.done() and not leaving.cancelled()):
        return False
    writer.write(answering.result())
    await writer.drain()
    return True


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await _read_head(reader)
    if head is None:
        raise ConnectionError("the server is gone")
    # The server closes behind its answer.
    return head.encode("keep-alive") + await reader.read(-1)


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server_reader: asyncio.StreamReader,
    server_writer: asyncio.StreamWriter,
) -> None:
    ways = {
        asyncio.create_task(_copy(reader, server_writer)),
        asyncio.create_task(_copy(server_reader, writer)),
    }
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(*GONE):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


async def _main(port: int, server_ports: list[int], *, away: bool) -> None:
    proxy = ScatteringProxy(server_ports, away=away)
    await proxy.start(port)
    print("ready", proxy.port, flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        first, *others = [int(text) for text in sys.argv[1:] if text != "--away"]
        asyncio.run(_main(first, others, away="--away" in sys.argv))
