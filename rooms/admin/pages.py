"""Pages of our own inside the admin: its frame around one of our templates."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from rooms.models import Room

StrDict = dict[str, Any]


def admin_page(
    site: AdminSite,
    request: HttpRequest,
    template: str,
    title: str,
    *,
    status: int = 200,
    **context: Any,  # noqa: ANN401 - whatever the template shows
) -> HttpResponse:
    """Render ``admin/rooms/<template>`` with the admin's own context around it."""
    whole: StrDict = {
        **site.each_context(request),
        "title": title,
        "opts": Room._meta,  # noqa: SLF001 - what every admin template is given
        **context,
    }
    return TemplateResponse(request, f"admin/rooms/{template}", whole, status=status)
