"""Who may say by header how a request reached us: the proxies in ``TRUSTED_PROXIES`` alone.

The engine's doors hold the same rule for themselves; this is for Django's own pages, where
``request.is_secure()`` and ``request.get_host()`` read these headers.
"""

import ipaddress
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from realtime.conf import trusted_proxies

FORWARDING_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
)
Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class ForwardingMiddleware:
    """Take the forwarding headers off a request that does not come from a trusted proxy."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Hand the request on, with these headers or without."""
        if not is_trusted(request.META.get("REMOTE_ADDR", "")):
            for header in FORWARDING_HEADERS:
                request.META.pop(header, None)
        return self.get_response(request)


def is_trusted(peer: str) -> bool:
    """Say whether the address is one of ``TRUSTED_PROXIES``; a Unix socket has none, and is not."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in trusted_proxies())
