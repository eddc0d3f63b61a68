"""Which page answers where.

The engine's doors and the health answers stand before Django: project/asgi.py.
"""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    # Last: its first segment is any namespace.
    path("", include("rooms.urls")),
]
