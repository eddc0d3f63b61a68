"""The console's page: for staff, and for everybody while DEBUG is on."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from realtime.conf import options
from realtime.exceptions import UsageError
from rooms.console.description import JsonDict, describe_routes
from rooms.console.texts import TEXTS
from rooms.models import Namespace
from rooms.visitors import visitor_of

logger = logging.getLogger(__name__)

NOTHING_DESCRIBED: JsonDict = {"namespaces": [], "patterns": [], "classes": {}, "schemas": {}}


def console_view(routes: Sequence[URLPattern]) -> Callable[[HttpRequest], HttpResponse]:
    """Make the view for these namespaces, as a URLconf mounts it.

    ``path("console/", console_view(namespaces))``. A visitor is asked to sign in; who is signed in
    and no staff finds nothing there.
    """

    @require_safe
    @never_cache
    def console(request: HttpRequest) -> HttpResponse:
        if not settings.DEBUG and not _is_staff(request.user):
            if request.user.is_authenticated:
                raise Http404
            return redirect_to_login(request.get_full_path())
        visitor = visitor_of(request)
        described, problem = _described(routes)
        context = {
            "visitor": visitor,
            "here": request.path,
            "described": described,
            "problem": problem,
            "doors": _doors(),
            "console_data": _page_data(is_user=visitor.is_user) | described,
            "console_texts": {key: str(words) for key, words in TEXTS.items()},
        }
        return render(request, "rooms/console/console.html", context)

    return console


def _is_staff(user: Any) -> bool:  # noqa: ANN401 - any user model's
    return bool(user.is_active and getattr(user, "is_staff", False))


def _described(routes: Sequence[URLPattern]) -> tuple[JsonDict, str]:
    """Describe the namespaces; where that fails say why, and leave events to be typed."""
    rows = Namespace.objects.order_by("path").values_list("path", "title")
    try:
        return describe_routes(routes, rows), ""
    except UsageError as error:
        logger.warning("the console cannot describe the namespaces", exc_info=True)
        return NOTHING_DESCRIBED, str(error)


def _doors() -> list[str]:
    transports = options().transports
    kinds = [f"socketio-{name}" for name in transports]
    if len(transports) > 1:
        kinds.insert(0, "socketio-both")
    return [*kinds, "plain"]


def _page_data(*, is_user: bool) -> JsonDict:
    """Give what the scripts have to know; ``rooms/console/data.js`` names each field."""
    base = options().socketio_path
    return {
        "client": f"{base}socket.io.esm.min.js",
        "socketio_path": base,
        "ws_prefix": options().ws_prefix,
        "ticket_url": reverse("rooms:ticket"),
        "is_user": is_user,
    }
