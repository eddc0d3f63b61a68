"""Which of the layer's groups this process hears: entered when wanted, left a moment after.

Whoever wants a group says so and need not wait; one task brings the layer in line with what is
wanted. A layer that comes back may have forgotten all of it, and is told anew.
"""

import asyncio
import logging
from collections.abc import Callable

from realtime.adapters import layer_api
from realtime.adapters.layer_api import ChannelLayer

logger = logging.getLogger(__name__)

# How long somebody waits for the layer to route a group's events here.
SUBSCRIBE_TIMEOUT_S = 2.0
# Groups whose last socket left are kept a moment: people come and go.
LINGER_S = 5.0


class Subscriptions:
    """The groups of this process's one channel.

    ``lose`` is told what the layer raised; ``forget`` of each group that nobody wants any more.
    """

    def __init__(
        self,
        layer: ChannelLayer,
        lose: Callable[[str, Exception], None],
        forget: Callable[[str], None],
    ) -> None:
        self._layer = layer
        self._lose = lose
        self._forget = forget
        self._channel = ""
        self._opened = asyncio.Event()
        self._wanted: set[str] = set()
        self._subscribed: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()

    async def channel(self) -> str:
        """Return the channel that the groups lead to, once there is one."""
        await self._opened.wait()
        return self._channel

    def want(self, group: str) -> None:
        """Hear a group from soon on."""
        timer = self._leaving.pop(group, None)
        if timer is not None:
            timer.cancel()
        if group not in self._wanted:
            self._wanted.add(group)
            self._changed.set()

    def unwant(self, group: str) -> None:
        """Hear a group no longer, unless it is wanted again within ``LINGER_S``."""
        if group in self._wanted and group not in self._leaving:
            loop = asyncio.get_running_loop()
            self._leaving[group] = loop.call_later(LINGER_S, self._drop, group)

    async def until_heard(self, group: str) -> None:
        """Wait until a wanted group is heard, at most ``SUBSCRIBE_TIMEOUT_S``."""
        if group in self._subscribed:
            return
        ready = self._waiting.get(group)
        if ready is None:
            ready = self._waiting[group] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
                await asyncio.shield(ready)
        except TimeoutError:
            logger.warning("layer slow to subscribe", extra={"group": group})

    def wait_no_longer(self) -> None:
        """Let all go on who wait: the layer is away."""
        for ready in self._waiting.values():
            if not ready.done():
                ready.set_result(None)
        self._waiting.clear()

    def begin_anew(self) -> None:
        """Tell the layer everything again, which may have forgotten it."""
        self._subscribed -= self._wanted
        self._changed.set()

    async def run(self) -> None:
        """Bring the layer's groups in line with what is wanted: one task, so nothing races."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with asyncio.timeout(layer_api.LAYER_TIMEOUT_S):
                    await self._align()
            except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
                self._lose("subscribe", error)
                await asyncio.sleep(layer_api.RETRY_S)
                self._changed.set()

    def stop(self) -> None:
        """Leave no timer behind."""
        for timer in self._leaving.values():
            timer.cancel()

    async def _align(self) -> None:
        if not self._channel:
            self._channel = await self._layer.new_channel()
            self._opened.set()
        failure: Exception | None = None
        for group in tuple(self._wanted - self._subscribed):
            try:
                await self._layer.group_add(group, self._channel)
            except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
                # Others may lie on another host, which is there.
                failure = error
                continue
            self._subscribed.add(group)
            ready = self._waiting.pop(group, None)
            if ready is not None and not ready.done():
                ready.set_result(None)
        for group in tuple(self._subscribed - self._wanted):
            self._subscribed.discard(group)
            await self._layer.group_discard(group, self._channel)
        if failure is not None:
            raise failure

    def _drop(self, group: str) -> None:
        self._leaving.pop(group, None)
        self._wanted.discard(group)
        self._forget(group)
        self._changed.set()
