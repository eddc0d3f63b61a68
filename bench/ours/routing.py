"""The namespaces under load."""

from django.urls import path

from bench.ours.namespaces import Games

# The stubs of path() know views alone.
namespaces = [path("games", Games.as_asgi())]  # type: ignore[arg-type]
