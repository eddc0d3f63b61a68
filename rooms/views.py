"""The pages: namespaces and rooms as this visitor may see them, and accounts.

Each page is whole without scripts; ``rooms/js/app.js`` makes it live. May they? is decided where
the sockets ask too, in ``rooms.policy``.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from django.views.generic import CreateView

from realtime.conf import options
from rooms.forms import SignUpForm
from rooms.names import TEXT_MAX
from rooms.page_texts import HOME_TEXTS, STATE_ICONS, TEXTS, page_texts
from rooms.pages import (
    BLANK_ROW,
    NamespacePage,
    read_namespaces,
    room_rows,
    room_url,
    shown_room_name,
    shown_room_title,
)
from rooms.visitors import Visitor, keep_guest, visitor_of

# On the first page; the namespace's own page has them all.
ROOMS_OF_A_SECTION = 12


@require_safe
@gzip_page
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Show the namespaces that this visitor may enter, each with its rooms."""
    visitor = visitor_of(request)
    sections = []
    for namespace in read_namespaces(visitor.person):
        if namespace.refusal is not None:
            continue
        rows, has_more = room_rows(namespace, visitor.person, limit=ROOMS_OF_A_SECTION)
        sections.append({"namespace": namespace, "rows": rows, "has_more": has_more})
    context = {
        "sections": sections,
        "rooms_of_a_section": ROOMS_OF_A_SECTION,
        "demo": _demo() if settings.DEBUG else None,
        "blank_row": BLANK_ROW,
        "page_data": _common_data(visitor),
        "page_texts": page_texts(HOME_TEXTS),
    }
    return _page(request, visitor, "rooms/home.html", context)


@require_safe
@gzip_page
@never_cache
def namespace_page(request: HttpRequest, word: str, room: str | None = None) -> HttpResponse:
    """Show a namespace's rooms and, if one is named, its place in the page.

    404 for an unknown namespace. A room that is missing and one that is hidden from this visitor
    look the same. A visitor who may not enter the namespace reads why, and no list.
    """
    visitor = visitor_of(request)
    namespaces = {each.path: each for each in read_namespaces(visitor.person)}
    namespace = namespaces.pop(f"/{word}", None)
    if namespace is None:
        raise Http404(_("There is no namespace /%(word)s.") % {"word": word})
    name = shown_room_name(room) if room is not None else None
    is_refused = namespace.refusal is not None
    rows = [] if is_refused else room_rows(namespace, visitor.person, current=name)[0]
    others = [other for other in namespaces.values() if other.refusal is None]
    context = {
        "namespace": namespace,
        "room": name,
        "room_title": shown_room_title(rows, name),
        "rows": rows,
        "others": others,
        "refusal": namespace.refusal,
        "joining_text": str(TEXTS["joining"]).format(room=name),
        "blank_row": BLANK_ROW,
        "page_data": _page_data(namespace, others, name, visitor),
        "page_rooms": [row.facts for row in rows],
        "page_texts": page_texts(),
        "here": room_url(namespace.path, name) if name else namespace.url,
    }
    return _page(request, visitor, "rooms/namespace.html", context)


class AccountPage:
    """What the pages of accounts have in common with the others: the visitor in the bar."""

    request: HttpRequest

    def get_context_data(self, **kwargs: object) -> dict[str, Any]:
        """Add who looks, and where the form leads."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        next_url = self.get_redirect_url()  # type: ignore[attr-defined]
        return context | {
            "visitor": visitor_of(self.request),
            "next_url": next_url,
            "here": next_url or reverse("rooms:home"),
        }


class SignInView(AccountPage, LoginView):
    """Sign in, and go back to the page that asked for it."""

    template_name = "rooms/login.html"
    next_page = "rooms:home"


@method_decorator((sensitive_post_parameters(), never_cache), name="dispatch")
class SignUpView(AccountPage, RedirectURLMixin, CreateView):  # type: ignore[type-arg]
    """Make an account, sign in to it, and go back to the page that asked for it."""

    template_name = "rooms/signup.html"
    form_class = SignUpForm
    next_page = "rooms:home"

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        """Sign in at once: nobody should type a new password twice over."""
        user = form.save()
        backend = settings.AUTHENTICATION_BACKENDS[0]
        login(self.request, user, backend=backend)
        return HttpResponseRedirect(self.get_success_url())


def _page(
    request: HttpRequest, visitor: Visitor, template: str, context: dict[str, Any]
) -> HttpResponse:
    response = render(request, template, {"here": request.path, "visitor": visitor} | context)
    keep_guest(request, response, visitor)
    return response


def _page_data(
    namespace: NamespacePage, others: list[NamespacePage], room: str | None, visitor: Visitor
) -> dict[str, Any]:
    """Give what the scripts have to know; ``rooms/js/page.js`` names each field."""
    return _common_data(visitor) | {
        "namespace": _place(namespace) | {"allowsPrivate": namespace.allows_private},
        "others": [_place(other) for other in others],
        "room": room,
        "urls": {"login": reverse("rooms:login"), "signup": reverse("rooms:signup")},
        "textMax": TEXT_MAX,
    }


def _common_data(visitor: Visitor) -> dict[str, Any]:
    """Give what the scripts of the first page have to know, and those of a namespace too."""
    base = options().socketio_path
    return {
        "user": visitor.person.shape if visitor.is_user else None,
        "socket": {
            "client": f"{base}socket.io.esm.min.js",
            "path": base,
            "transports": options().transports,
        },
        "stateIcons": STATE_ICONS,
    }


def _place(namespace: NamespacePage) -> dict[str, str]:
    return {"path": namespace.path, "title": namespace.title, "url": namespace.url}


def _demo() -> dict[str, Any]:
    """Say whom one can sign in as while DEBUG is on: the demo's users, as far as there are any."""
    does = {
        "alice": _("is a person like any other"),
        "bob": _("is another, so that two can meet"),
        "mod": _("moderates some of the rooms"),
        "admin": _("may do everything, in the admin too"),
    }
    users = get_user_model()
    field = users.USERNAME_FIELD
    found = users._default_manager.filter(**{f"{field}__in": does}).values_list(field, flat=True)  # noqa: SLF001
    present = set(found)
    return {"people": [{"name": name, "does": does[name]} for name in does if name in present]}
