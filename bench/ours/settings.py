"""The project's settings, with the benchmark's routing in place of the project's."""

from project.settings import *  # noqa: F403 - a settings module is names

ASGI_APPLICATION = "bench.ours.asgi.application"
