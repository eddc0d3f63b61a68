"""The project's application, with the benchmark's namespaces."""

from typing import cast

from django.core.asgi import get_asgi_application

# Applications are loaded before anything that imports a model.
django_application = get_asgi_application()

from bench.ours.routing import namespaces  # noqa: E402
from realtime.doors.metrics import MetricsDoor  # noqa: E402
from realtime.server import realtime_application  # noqa: E402
from realtime.transports.base import AsgiApplication  # noqa: E402


async def start() -> None:
    """Start what serves sockets here, where the server's own command has not done so."""
    await application.lifecycle.start()


application = realtime_application(
    namespaces, http=MetricsDoor(cast(AsgiApplication, django_application), start=start)
)
