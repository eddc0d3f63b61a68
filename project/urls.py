"""Which page answers where.

The engine's doors and the health answers stand before Django: project/asgi.py.
"""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
