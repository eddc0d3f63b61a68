"""Which application serves sockets in this process: found by event loop, or from any thread."""

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    from realtime.namespaces.process import Process


class _Running:
    def __init__(self) -> None:
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Process] = WeakKeyDictionary()
        self.latest: ref[Process] | None = None


_running = _Running()


def find_process() -> "Process | None":
    """Return what serves the running loop's sockets, or None."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return _running.by_loop.get(loop)


def serving_process() -> "Process | None":
    """Return what serves sockets in this process, asked from any thread, or None."""
    process = _running.latest() if _running.latest is not None else None
    return process if process is not None and process.is_serving else None


def set_running(loop: asyncio.AbstractEventLoop, process: "Process") -> None:
    """Note that ``process`` serves this loop's sockets."""
    _running.by_loop[loop] = process
    _running.latest = ref(process)


def unset_running(loop: asyncio.AbstractEventLoop) -> None:
    """Note that nothing serves this loop's sockets any more."""
    _running.by_loop.pop(loop, None)
