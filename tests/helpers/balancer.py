"""A TCP balancer as small as can be: the first backend that is ready gets each new connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

READY_EVERY_S = 0.1
ASKING = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class Balancer:
    """Asks ``/readyz`` of each port, in order of preference; knows nothing of what it carries."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._ready: list[int] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self, port: int) -> bool:
        """Say whether a backend gets new connections."""
        return port in self._ready

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Balancer"]:
        """Serve on a port of its own."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        watch = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            watch.cancel()
            server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            mine = {task for task in others if task.get_name() == "balancer"}
            for task in mine:
                task.cancel()
            await asyncio.gather(*mine, watch, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._ready = [port for port in self._ports if await _is_ready(port)]
            await asyncio.sleep(READY_EVERY_S)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("balancer")
        with contextlib.suppress(OSError):
            if self._ready:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._ready[0])
                await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(ASKING)
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line
