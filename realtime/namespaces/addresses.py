"""From which address a request comes, behind proxies too; and how the browser reached us.

Forwarding headers count only where the peer itself is a trusted proxy; the address is then the
rightmost hop that is not one. Anybody can write the header's left end.
"""

import logging
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from realtime.conf import Network
from realtime.transports.base import Scope

logger = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
_FORWARDING_HEADERS = (b"x-forwarded-for", b"forwarded", b"x-forwarded-host", b"x-forwarded-proto")
_PROXY_MARKS = frozenset({b"forwarded", b"via", b"x-real-ip"})


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from; ``is_proxied_blindly`` if we cannot know who is behind it."""

    address: str | None
    is_proxied_blindly: bool = False


def client_of(scope: Scope, proxies: tuple[Network, ...]) -> Client:
    """Return the client's address; an IPv4 address in IPv6 clothes counts as IPv4."""
    peer = _parse((scope.get("client") or (None,))[0])
    if peer is None:
        return Client(None)
    if not _is_in(peer, proxies):
        forwarded = any(name in _FORWARDING_HEADERS for name, _value in scope["headers"])
        if forwarded:
            _warn_of_blind_proxy(str(peer))
        return Client(str(peer), is_proxied_blindly=forwarded)
    for hop in reversed(header_values(scope, b"x-forwarded-for")):
        address = _parse(hop)
        if address is None:
            break
        if not _is_in(address, proxies):
            return Client(str(address))
    return Client(str(peer))


def is_from_proxy(scope: Scope, proxies: tuple[Network, ...]) -> bool:
    """Say whether the peer may speak for others."""
    return is_peer_in(scope, proxies)


def is_forwarded(scope: Scope) -> bool:
    """Say whether any proxy put its mark on a request, trusted or not."""
    return any(
        name.startswith(b"x-forwarded") or name in _PROXY_MARKS for name, _value in scope["headers"]
    )


def is_peer_in(scope: Scope, networks: tuple[Network, ...]) -> bool:
    """Say whether the other end of the connection is in one of these networks."""
    peer = _parse((scope.get("client") or (None,))[0])
    return peer is not None and _is_in(peer, networks)


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Return a list header's values, over all of its lines, in order."""
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return [part.strip() for line in lines for part in line.split(",") if part.strip()]


@cache
def _warn_of_blind_proxy(peer: str) -> None:
    # Once for each peer: it sends the header with every request.
    logger.warning(
        "a forwarding header came from a peer that is not in TRUSTED_PROXIES", extra={"peer": peer}
    )


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _parse(text: object) -> Address | None:
    try:
        address = ip_address(str(text))
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    # Through which of our interfaces it came is no part of an address, and no column takes it.
    return address.ipv4_mapped or IPv6Address(int(address))
