"""The whole engine in this process and loop: an application that is started, and stopped after."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from django.test import override_settings
from django.urls import URLPattern

from realtime.server import RealtimeApplication, realtime_application
from realtime.transports.base import Receive, Scope, Send


async def nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """The project's own application, which has no page."""
    del scope, receive
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"not ours"})


@asynccontextmanager
async def serving(
    namespaces: Sequence[URLPattern], **options: Any
) -> AsyncIterator[RealtimeApplication]:
    """Serve these namespaces; ``options`` are those of REALTIME, in lower case."""
    configured = {name.upper(): value for name, value in options.items()}
    with override_settings(REALTIME=configured):
        application = realtime_application(namespaces, http=nothing_here)
        await application.lifecycle.start()
        try:
            yield application
        finally:
            await application.lifecycle.stop()
