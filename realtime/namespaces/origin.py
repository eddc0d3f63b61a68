"""May a page of this origin use our doors? One rule for sockets, polling and tickets.

Pure but for the settings that it is given. An unparsable Origin is refused, never an error.
Source: RFC 6454; Fetch standard, "Sec-Fetch-Site".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from realtime.conf import options, trusted_proxies
from realtime.namespaces.addresses import header_values, is_from_proxy
from realtime.transports.base import Scope

_DEFAULT_PORTS = {"http": 80, "https": 443}
_WEB_SCHEMES = {"ws": "http", "wss": "https"}
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1"})
_DEBUG_HOSTS = (".localhost", "127.0.0.1", "[::1]")
_OWN_FETCHES = frozenset({b"same-origin", b"none"})

Origin = tuple[str, str, int]


class Trust(Enum):
    """What an origin may do here."""

    OWN = "own"
    """Served, with its cookies."""

    FOREIGN = "foreign"
    """Served because every origin is, but its cookies do not count."""

    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class OriginVerdict:
    """``origin`` is the header as sent, to be echoed or logged; None where there was none."""

    trust: Trust
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Whose pages are let in beside our own."""

    allowed: frozenset[Origin]
    allowed_subdomains: frozenset[tuple[str, str]]
    allows_all: bool
    allows_localhost: bool


def judge_origin(scope: Scope) -> OriginVerdict:
    """Judge one request by the settings in force."""
    return _judge(scope, origin_policy(), own_origin(scope))


def _judge(scope: Scope, policy: OriginPolicy, own: Origin | None) -> OriginVerdict:
    sent = [value for name, value in scope["headers"] if name == b"origin"]
    if not sent:
        fetches = {value for name, value in scope["headers"] if name == b"sec-fetch-site"}
        is_own = fetches <= _OWN_FETCHES
        return OriginVerdict(Trust.OWN if is_own else Trust.REFUSED)
    text = sent[0].decode("latin-1")
    if len(sent) > 1:
        return OriginVerdict(Trust.REFUSED, text)
    origin = parse_origin(text)
    if origin is not None and (origin == own or _is_allowed(origin, policy)):
        return OriginVerdict(Trust.OWN, text)
    if policy.allows_all and (origin is not None or text == "null"):
        return OriginVerdict(Trust.FOREIGN, text)
    return OriginVerdict(Trust.REFUSED, text)


def parse_origin(text: str) -> Origin | None:
    """Return scheme, host and port of an Origin header, or None for what is no origin.

    Apps and browser extensions have schemes of their own, without ports: theirs is 0.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme
    if not scheme or not parts.hostname:
        return None
    # urlsplit() forgives much: what does not say the same again is no origin.
    if parts.path or "?" in text or "#" in text or "@" in parts.netloc or not text.isprintable():
        return None
    if " " in text or parts.netloc.endswith(":"):
        return None
    return scheme, parts.hostname, port if port is not None else _DEFAULT_PORTS.get(scheme, 0)


def own_origin(scope: Scope) -> Origin | None:
    """Return the origin that the request itself was sent to, if that host is ours."""
    scheme = scope.get("scheme") or "http"
    host = _last(header_values(scope, b"host"))
    if is_from_proxy(scope, trusted_proxies()):
        scheme = _last(header_values(scope, b"x-forwarded-proto")) or scheme
        host = _last(header_values(scope, b"x-forwarded-host")) or host
    if host is None:
        return None
    domain, _port = split_domain_port(host)
    hosts: Sequence[str] = settings.ALLOWED_HOSTS
    if settings.DEBUG and not hosts:
        hosts = _DEBUG_HOSTS
    # A name that is not ours (DNS rebinding) makes nobody our own page.
    if not domain or not validate_host(domain, hosts):
        return None
    return parse_origin(f"{_WEB_SCHEMES.get(scheme, scheme)}://{host}")


def origin_policy() -> OriginPolicy:
    """Return whose pages the settings let in."""
    exact: set[Origin] = set()
    subdomains: set[tuple[str, str]] = set()
    allowed = options().allowed_origins
    for text in (*settings.CSRF_TRUSTED_ORIGINS, *allowed):
        scheme, _separator, host = text.partition("://")
        if host.startswith("*."):
            subdomains.add((scheme.lower(), host[1:].lower()))
            continue
        origin = parse_origin(text)
        if origin is not None:
            exact.add(origin)
    return OriginPolicy(
        allowed=frozenset(exact),
        allowed_subdomains=frozenset(subdomains),
        allows_all="*" in allowed,
        allows_localhost=settings.DEBUG,
    )


def _is_allowed(origin: Origin, policy: OriginPolicy) -> bool:
    scheme, host, port = origin
    is_web = scheme in _DEFAULT_PORTS
    if origin in policy.allowed or (policy.allows_localhost and is_web and host in _LOCAL_HOSTS):
        return True
    is_default_port = port == _DEFAULT_PORTS.get(scheme)
    # As Django reads CSRF_TRUSTED_ORIGINS: "*.example.com" is example.com too.
    names = [f"{host}:{port}", host] if is_default_port else [f"{host}:{port}"]
    return any(
        scheme == allowed_scheme and any(f".{name}".endswith(suffix) for name in names)
        for allowed_scheme, suffix in policy.allowed_subdomains
    )


def _last(values: list[str]) -> str | None:
    # The proxy nearest to us wrote the last one.
    return values[-1] if values else None
