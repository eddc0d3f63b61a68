"""Which page answers where.

The engine's doors and the health answers stand before Django: project/asgi.py.
"""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from project.routing import namespaces
from rooms.console.views import console_view

admin.site.site_title = admin.site.site_header = _("Roomkey")
admin.site.index_title = _("The registry")

urlpatterns = [
    path("admin/", admin.site.urls),
    path("console/", console_view(namespaces), name="console"),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("rooms/img/mark.svg"))),
    # Last: its first segment is any namespace.
    path("", include("rooms.urls")),
]
