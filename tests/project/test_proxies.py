import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from project.proxies import ForwardingMiddleware

FORWARDED = {
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "rooms.example",
    "HTTP_X_FORWARDED_FOR": "198.51.100.7",
    "HTTP_FORWARDED": "proto=https",
}


def seen_from(peer: str) -> HttpRequest:
    request = RequestFactory().get("/")
    request.META.update(FORWARDED, REMOTE_ADDR=peer)
    ForwardingMiddleware(lambda _: HttpResponse())(request)
    return request


@pytest.fixture(autouse=True)
def proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8::/32"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["rooms.example", "testserver"]


@pytest.mark.parametrize("peer", ["10.1.2.3", "2001:db8::1"])
def test_a_trusted_proxy_says_how_the_request_came(peer: str) -> None:
    request = seen_from(peer)
    assert request.is_secure()
    assert request.get_host() == "rooms.example"


@pytest.mark.parametrize("peer", ["203.0.113.9", "::1", "", "unix:/run/x"])
def test_anybody_elses_forwarding_headers_are_dropped(peer: str) -> None:
    request = seen_from(peer)
    assert not request.is_secure()
    assert request.get_host() == "testserver"
    assert not any(name in request.META for name in FORWARDED)
