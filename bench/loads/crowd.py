"""Many clients at once: connect them, let them join, tell who failed, let them go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.client import Client, ClientError, open_client
from bench.dialects import DIALECTS
from bench.measurement import Load

# Twisted's listen backlog is 50: a larger wave measures SYN retries, not servers.
CONNECTS_AT_ONCE = 32


async def open_one(load: Load) -> Client:
    """One client in the namespace. Raises as ``open_client`` does."""
    return await open_client(load.host, load.port, DIALECTS[load.dialect])


async def in_waves(count: int, action: Callable[[int], Awaitable[None]]) -> None:
    """Run ``action(0)`` to ``action(count - 1)``, at most 32 of them at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await action(number)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(count, CONNECTS_AT_ONCE)):
                tasks.create_task(work())
    except* (ClientError, OSError) as failed:
        raise failed.exceptions[0] from None


@asynccontextmanager
async def crowd(load: Load) -> AsyncIterator[list[Client]]:
    """``load.clients`` clients in the namespace; all are closed when the block is left."""
    clients: list[Client] = []

    async def connect(_number: int) -> None:
        clients.append(await open_one(load))

    try:
        await in_waves(load.clients, connect)
        yield clients
    finally:
        for client in clients:
            client.close()


async def join(client: Client, room: str) -> None:
    """Join a room. Raises ``ClientError`` with the server's answer when it is denied."""
    answer = await client.ask("joinRoom", room)
    if not (isinstance(answer, dict) and answer.get("ok") is True):
        raise ClientError(f"joinRoom {room}: {answer}")


async def describe(client: Client) -> str:
    """The server's own word on its loop, WebSocket implementation and layer."""
    answer = await client.ask("about")
    if not isinstance(answer, str):
        raise ClientError(f"about: {answer}")
    return answer


def check(clients: list[Client]) -> None:
    """Raise the first error that any of them met."""
    for client in clients:
        if client.error is not None:
            raise client.error
