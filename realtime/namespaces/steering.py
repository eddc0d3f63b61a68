"""Asking processes how they are, and to send their clients away: what ``manage.py drain`` asks.

A word over the layer to all; each answers, and those that are named do it.
"""

import asyncio
import os
import signal
from typing import Any

import msgspec

from realtime.namespaces.running import find_process

STEER = "realtime.steer"
# The answer leaves before the end begins.
_EXIT_AFTER_S = 0.2


class SteerRequest(msgspec.Struct, frozen=True):
    """Which processes are to drain, within so many seconds (None: ``DRAIN_S``), and to end then."""

    process_ids: tuple[str, ...] = ()
    seconds: float | None = None
    exits: bool = False


async def hear_steering(*, topic: str, args: list[Any], **_: object) -> dict[str, Any] | None:
    """Say how this process is, and begin to drain if it is one of those that are to."""
    process = find_process()
    if topic != STEER or process is None:
        return None
    request = msgspec.convert(args[0], SteerRequest)
    is_named = process.id in request.process_ids
    if is_named and request.exits:
        # As a supervisor would: the server's own end follows.
        loop = asyncio.get_running_loop()
        loop.call_later(_EXIT_AFTER_S, os.kill, os.getpid(), signal.SIGTERM)
    elif is_named:
        seconds = process.options.drain_s if request.seconds is None else request.seconds
        process.begin_drain(seconds)
    return {
        "process": process.id,
        "state": process.state.value,
        "is_asked": is_named,
        "connections": len(process.connections),
        "sockets": len(process.sockets),
    }
