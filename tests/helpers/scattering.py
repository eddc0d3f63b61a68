"""Two processes in this loop, behind something that has never heard of sticky sessions."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast
from unittest.mock import patch

from channels.layers import get_channel_layer
from django.test import override_settings
from django.urls import URLPattern

from realtime.adapters import channel_layer
from realtime.namespaces.process import Process
from realtime.server import RealtimeApplication
from realtime.transports.base import Receive, Scope, Send
from realtime.transports.session_table import SessionTable
from tests.helpers.serving import serving
from tests.helpers.shared_layer import SharedLayer
from tests.helpers.waiting import until

LAYERS = {"default": {"BACKEND": "tests.helpers.shared_layer.SharedLayer"}}


class Scattered:
    """An application of two processes: the first opens sessions, the second gets all the rest."""

    def __init__(
        self, owner: RealtimeApplication, front: RealtimeApplication, layer: SharedLayer
    ) -> None:
        self.owner = owner
        self.front = front
        self.layer = layer
        self.lifecycle = owner.lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        is_further = b"sid=" in scope.get("query_string", b"")
        await (self.front if is_further else self.owner)(scope, receive, send)

    @property
    def _sessions(self) -> SessionTable:
        return self.owner._sessions

    async def processes(self) -> tuple[Process, Process]:
        """Return the owner's process and the other one."""
        return await self.owner.lifecycle.process(), await self.front.lifecycle.process()


@asynccontextmanager
async def scattering(namespaces: Sequence[URLPattern], **options: Any) -> AsyncIterator[Scattered]:
    """Serve these namespaces on two processes that know each other."""
    async with AsyncExitStack() as stack:
        stack.enter_context(override_settings(CHANNEL_LAYERS=LAYERS))
        # They are to know each other soon: each says every so often that it lives.
        stack.enter_context(patch.object(channel_layer, "PROBE_INTERVAL_S", 0.02))
        front = await stack.enter_async_context(serving(namespaces, **options))
        owner = await stack.enter_async_context(serving(namespaces, **options))
        scattered = Scattered(owner, front, cast("SharedLayer", get_channel_layer()))
        for process, other in (await scattered.processes(), (await scattered.processes())[::-1]):
            links = process.adapter.links
            assert links is not None
            await until(lambda links=links, other=other: links.lives(other.id))  # type: ignore[misc]
        yield scattered
