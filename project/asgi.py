"""The ASGI application: the engine's doors, health and metrics, then Django."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
# Before anything below is imported: models must be loaded by then.
django_application = get_asgi_application()

from project.routing import namespaces  # noqa: E402
from realtime.doors.health import HealthDoor  # noqa: E402
from realtime.doors.metrics import MetricsDoor  # noqa: E402
from realtime.server import realtime_application  # noqa: E402
from realtime.transports.base import AsgiApplication  # noqa: E402


async def start() -> None:
    """Start what serves sockets here, where the server's own command has not done so."""
    await application.lifecycle.start()


application = realtime_application(
    namespaces,
    http=HealthDoor(
        # Django's stubs say dict where ASGI says any mapping.
        MetricsDoor(cast(AsgiApplication, django_application), start=start),
        start=start,
    ),
)
