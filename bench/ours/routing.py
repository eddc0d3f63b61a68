"""The namespaces under load."""

from django.urls import path

from bench.ours.namespaces import Games

namespaces = [path("games", Games.as_asgi())]
