"""Words from one process to all of them, itself included, whatever sockets they serve.

A notice is a wake-up: the layer may lose it, so what it says has to be found otherwise, too.
Receivers connect to ``process_noticed``.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.adapters.base import Adapter, Target
from realtime.adapters.envelope import LayerRequest
from realtime.adapters.groups import EVERYBODY, process_group
from realtime.namespaces.broadcast import (
    NO_PROCESS,
    hand_to_layer,
    has_running_loop,
    reaching_adapter,
    run_from_thread,
)
from realtime.namespaces.encoding import encode_arguments
from realtime.namespaces.operations import NOTICE, Notice, pack, unpack
from realtime.namespaces.running import find_process, serving_process

logger = logging.getLogger(__name__)

# How long a process that serves waits for answers that it does not read.
NOTIFY_TIMEOUT_S = 1.0
# A notice is for no namespace; a target has to name one.
_NOWHERE = Target("/")


class Ask(Protocol):
    """Tells every process something and returns what they answer."""

    def __call__(self, topic: str, *args: Any, timeout_s: float) -> Awaitable["Echoes"]:
        """Ask."""


@dataclass(frozen=True, slots=True)
class Echoes:
    """What the receivers on all processes returned; ``missing`` processes did not in time.

    With ``is_lost`` the layer does not answer: who is there is not known.
    """

    answers: list[Any]
    missing: tuple[str, ...] = ()
    is_lost: bool = False


def notify(topic: str, *args: Any) -> None:
    """Tell every process without waiting, from synchronous code or from the serving loop.

    Reaches nobody where this process serves no sockets and the layer is in-memory.
    """
    content = _content(topic, args)
    process = serving_process()
    if process is not None:
        process.schedule(_send(process.adapter, content))
        return
    layer = get_channel_layer()
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return
    if has_running_loop():
        logger.error("a notice needs a thread without a loop", extra={"topic": topic})
        return
    request = LayerRequest(
        origin=NO_PROCESS,
        id=secrets.token_urlsafe(6),
        operation=NOTICE,
        timeout_s=NOTIFY_TIMEOUT_S,
        namespace=_NOWHERE.namespace,
        content=content,
    )
    async_to_sync(hand_to_layer)([process_group(EVERYBODY)], request, about=topic)


@contextlib.asynccontextmanager
async def asking() -> AsyncIterator["Ask"]:
    """Give a way to ask again and again, from a process that may serve no sockets.

    What it gives is called as ``ask`` is. Raises ``UsageError`` where no process can be reached.
    """
    async with reaching_adapter() as adapter:

        async def ask_over(topic: str, *args: Any, timeout_s: float) -> Echoes:
            return await _ask_over(adapter, topic, args, timeout_s)

        yield ask_over


async def ask(topic: str, *args: Any, timeout_s: float) -> Echoes:
    """Tell every process and return what all have answered, after ``timeout_s`` at most.

    Raises ``UsageError`` where no process can be reached.
    """
    serving = serving_process()
    if find_process() is None and serving is not None:
        # Another loop of this process serves the sockets.
        return await asyncio.wrap_future(serving.schedule(ask(topic, *args, timeout_s=timeout_s)))
    async with reaching_adapter() as adapter:
        return await _ask_over(adapter, topic, args, timeout_s)


async def _ask_over(
    adapter: Adapter, topic: str, args: tuple[Any, ...], timeout_s: float
) -> Echoes:
    # What is noticed is in the database, and belongs to no order of events.
    replies = await adapter.request(
        NOTICE,
        _NOWHERE,
        _content(topic, args),
        timeout_s=timeout_s,
        include_self=find_process() is not None,
        overtakes=True,
    )
    answers = [answer for reply in replies.answers for answer in unpack(reply, list[Any])]
    return Echoes(answers, replies.missing, adapter.lost_at is not None)


def ask_from_thread(topic: str, *args: Any, timeout_s: float) -> Echoes:
    """Do what ``ask`` does, from synchronous code."""
    return run_from_thread(ask(topic, *args, timeout_s=timeout_s), "ask")


def _content(topic: str, args: tuple[Any, ...]) -> bytes:
    return pack(Notice(topic, encode_arguments(args).json))


async def _send(adapter: Adapter, content: bytes) -> None:
    try:
        await adapter.request(NOTICE, _NOWHERE, content, timeout_s=NOTIFY_TIMEOUT_S, overtakes=True)
    except Exception:
        logger.exception("a notice was not delivered")
