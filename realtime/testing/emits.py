"""What left ``of()`` while a test looked: from views, signals, tasks and commit hooks."""

import asyncio
from dataclasses import dataclass
from types import TracebackType

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from realtime.adapters.base import Broadcast
from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import watched
from realtime.testing.database import run_commit_hooks
from realtime.testing.heard import Argument


@dataclass(frozen=True, slots=True)
class Emit:
    """One event, and to whom; without rooms and users to the whole namespace.

    ``args`` are as clients hear them: what JSON makes of them, and bytes. ``users`` are ids.
    """

    namespace: str
    event: str
    args: tuple[Argument, ...] = ()
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    volatile: bool = False
    local: bool = False


class captured_emits:  # noqa: N801 - used as a function
    """List what leaves ``of()`` in a block: ``with captured_emits() as emits``.

    What the block leaves to a commit that a test's transaction never makes runs at the end of the
    block, as with Django's ``captureOnCommitCallbacks(execute=True)``. The sockets that this
    process serves hear the events as well; where it serves none they need no layer. In a running
    event loop write ``async with``.
    """

    def __init__(self) -> None:
        self._emits: list[Emit] = []
        self._watch = watched(self._note)
        self._before: dict[BaseDatabaseWrapper, int] = {}

    def __enter__(self) -> list[Emit]:
        """Begin to list; the list grows while the block runs."""
        if _has_running_loop():
            raise UsageError("in a running event loop use: async with captured_emits()")
        self._begin()
        return self._emits

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Run what waits for the commit, unless the block failed; end the list."""
        del error, traceback
        self._end(kind is None)

    async def __aenter__(self) -> list[Emit]:
        """Begin to list, from asynchronous code."""
        await sync_to_async(self._begin, thread_sensitive=True)()
        return self._emits

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the list, from asynchronous code."""
        del error, traceback
        await sync_to_async(self._end, thread_sensitive=True)(kind is None)

    def _begin(self) -> None:
        self._before = {
            connection: len(connection.run_on_commit)
            for connection in connections.all(initialized_only=True)
        }
        self._watch.__enter__()

    def _end(self, is_good: bool) -> None:
        try:
            for connection in connections.all(initialized_only=True) if is_good else ():
                run_commit_hooks(connection, self._before.get(connection, 0))
        finally:
            self._watch.__exit__(None, None, None)

    def _note(self, broadcast: Broadcast) -> None:
        self._emits.append(
            Emit(
                namespace=broadcast.namespace,
                event=broadcast.event.name,
                args=tuple(broadcast.event.args.values()),
                rooms=broadcast.rooms,
                users=broadcast.users,
                excepted=broadcast.excepted,
                volatile=broadcast.volatile,
                local=broadcast.local,
            )
        )


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
