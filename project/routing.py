"""Which consumer serves which namespace, on both doors."""

from django.urls import path

from rooms.consumers import Main, RoomNamespace

namespaces = [
    path("", Main.as_asgi()),
    # Any namespace that has a row: one added in the admin answers at once.
    path("<slug:name>", RoomNamespace.as_asgi()),
]
