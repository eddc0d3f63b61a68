"""Who looks at a page: the signed-in user, or the guest that the pages' cookie names.

The same person that a socket of this browser speaks for.
"""

from dataclasses import dataclass
from ipaddress import ip_address

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from realtime.conf import trusted_proxies
from realtime.namespaces.addresses import client_of
from realtime.namespaces.guests import (
    GUEST_COOKIE,
    GUEST_COOKIE_AGE_S,
    generated_name,
    new_guest_cookie,
    read_guest_cookie,
)
from realtime.namespaces.identity import GUEST_PREFIX, shown_name
from rooms.people import Person


@dataclass(frozen=True, slots=True)
class Visitor:
    """``new_cookie`` is the guest cookie that the browser lacks, if it does."""

    person: Person
    new_cookie: str | None = None

    @property
    def is_user(self) -> bool:
        """Whether somebody is signed in."""
        return self.person.user_id is not None

    @property
    def name(self) -> str:
        """The name that others see."""
        return self.person.name


def visitor_of(request: HttpRequest) -> Visitor:
    """Give the visitor of this request; a guest without a cookie gets a new one."""
    found = client_of(request_scope(request), trusted_proxies()).address
    address = ip_address(found) if found else None
    user = request.user
    if not isinstance(user, AnonymousUser) and user.is_authenticated:
        key = str(user.pk)
        return Visitor(Person(key, shown_name(user), user_id=key, address=address))
    cookie = request.COOKIES.get(GUEST_COOKIE)
    guest_id = read_guest_cookie(cookie)
    new_cookie = None
    if guest_id is None:
        new_cookie = new_guest_cookie()
        guest_id = read_guest_cookie(new_cookie) or ""
    key = GUEST_PREFIX + guest_id
    person = Person(key, generated_name(guest_id), guest_id=guest_id, address=address)
    return Visitor(person, new_cookie)


def keep_guest(request: HttpRequest, response: HttpResponseBase, visitor: Visitor) -> None:
    """Give a new guest's browser the cookie by which the pages and the sockets know it again."""
    if visitor.new_cookie is None:
        return
    response.set_cookie(
        GUEST_COOKIE,
        visitor.new_cookie,
        max_age=GUEST_COOKIE_AGE_S,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def request_scope(request: HttpRequest) -> dict[str, object]:
    """Give what the engine's rules about origins and addresses ask of a request.

    A header that came twice is one line with a comma by now, which the rules read alike.
    """
    return {
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ],
        "scheme": request.scheme,
        "client": (request.META.get("REMOTE_ADDR"), 0),
    }
