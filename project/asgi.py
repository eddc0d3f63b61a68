"""The ASGI application: the engine's doors, health and metrics, then Django."""

import asyncio
import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
# Before anything below is imported: models must be loaded by then.
django_application = get_asgi_application()

from project.health import HealthDoor  # noqa: E402
from project.routing import namespaces  # noqa: E402
from realtime.doors.metrics import MetricsDoor  # noqa: E402
from realtime.namespaces.process import ProcessState  # noqa: E402
from realtime.namespaces.running import find_process  # noqa: E402
from realtime.server import realtime_application  # noqa: E402
from realtime.transports.base import AsgiApplication  # noqa: E402


async def start() -> None:
    """Start what serves sockets here, where the server's own command has not done so."""
    await application.lifecycle.start()


def state() -> ProcessState:
    """Return where this process is in its life."""
    process = find_process()
    return ProcessState.STARTING if process is None else process.state


def layer_lost_s() -> float:
    """Return for how many seconds other processes could not be reached; 0 while they can."""
    process = find_process()
    lost_at = process.adapter.lost_at if process is not None else None
    return 0.0 if lost_at is None else asyncio.get_running_loop().time() - lost_at


application = realtime_application(
    namespaces,
    # Django's stubs say dict where ASGI says any mapping.
    http=HealthDoor(
        MetricsDoor(cast(AsgiApplication, django_application), start=start),
        start=start,
        state=state,
        layer_lost_s=layer_lost_s,
    ),
)
