"""The project's application, with the benchmark's namespaces."""

from django.core.asgi import get_asgi_application

# Applications are loaded before anything that imports a model.
django_application = get_asgi_application()

from bench.ours.routing import namespaces  # noqa: E402
from realtime.server import realtime_application  # noqa: E402

application = realtime_application(namespaces, http=django_application)
