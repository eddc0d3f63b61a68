"""The project's application, with the benchmark's namespaces."""

from typing import cast

from django.core.asgi import get_asgi_application

# Applications are loaded before anything that imports a model.
django_application = get_asgi_application()

from bench.ours.routing import namespaces  # noqa: E402
from realtime.server import realtime_application  # noqa: E402
from realtime.transports.base import AsgiApplication  # noqa: E402

# Django's stubs say dict where ASGI says any mapping.
application = realtime_application(namespaces, http=cast(AsgiApplication, django_application))
