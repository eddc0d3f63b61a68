"""Counting tries at passwords: a few for a person in a room, four times that for an address.

Counts in Django's cache with its atomic ``incr``, so that every process of a site counts
together; blocks, so it runs in the pool. Knows nothing of rooms or hashes.
Source: DESIGN section 8, ``PASSWORD_TRIES``; SAFETY section 2, row 9.
"""

import hashlib
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from django.core.cache import cache

from realtime.namespaces.shared_cache import asking_cache

# People behind one address share its tries, so it gets more than one person does.
ADDRESS_SHARE = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How many tries in how long a window; ``tries`` of 0 turns the throttle off."""

    tries: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One try, counted. ``left`` tries remain after it; ``keys`` are where it was counted."""

    left: int | None
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Throttled:
    """No more tries for now; ``retry_after_s`` is whole seconds, at least 1."""

    retry_after_s: int


def take_try(
    place: str, person: str, address: IPv4Address | IPv6Address | None, limits: Limits
) -> Tried | Throttled:
    """Count one try of ``person`` at ``place`` before the password is looked at.

    Counted first, so that tries made at once cannot slip through together. Give it back with
    ``give_back`` when the password was right. Without an address only the person is counted.
    Raises ``Refused("busy")`` while the cache is away: nobody tries uncounted.
    """
    if not limits.tries:
        return Tried(left=None, keys=())
    counted: list[str] = []
    left = limits.tries
    for key, most in _counters(place, person, address, limits.tries):
        with asking_cache():
            count, ends_at = _count(key, limits.window_s)
        if count > most:
            give_back(Tried(left=None, keys=tuple(counted)))
            return Throttled(max(1, math.ceil(ends_at - time.time())))
        counted.append(key)
        left = min(left, most - count)
    return Tried(left=left, keys=tuple(counted))


def see_tries(
    place: str, person: str, address: IPv4Address | IPv6Address | None, limits: Limits
) -> Tried | Throttled:
    """Say how many tries ``person`` has left at ``place``, without taking one.

    Raises ``Refused("busy")`` while the cache is away.
    """
    if not limits.tries:
        return Tried(left=None, keys=())
    left = limits.tries
    for key, most in _counters(place, person, address, limits.tries):
        with asking_cache():
            count = cache.get(key, 0)
            ends_at = float(cache.get(f"{key}:ends", time.time()))
        if count >= most:
            return Throttled(max(1, math.ceil(ends_at - time.time())))
        left = min(left, most - count)
    return Tried(left=left, keys=())


def give_back(tried: Tried) -> None:
    """Undo a try that was right: only failures count."""
    for key in tried.keys:
        # Its window may have ended meanwhile.
        with asking_cache(), suppress(ValueError):
            cache.decr(key)


def _counters(
    place: str, person: str, address: IPv4Address | IPv6Address | None, tries: int
) -> list[tuple[str, int]]:
    """Give where a try is counted, and the most that each allows.

    The address comes first: once it is throttled, no more counters are made for its persons and
    places, which would crowd others out of a bounded cache.
    """
    counters = [(_key("person", place, person), tries)]
    if address is not None:
        counters.insert(0, (_key("address", _network(address)), tries * ADDRESS_SHARE))
    return counters


def _count(key: str, window_s: float) -> tuple[int, float]:
    """Count one more and give the count and when its window ends (seconds since the epoch)."""
    ends_at = time.time() + window_s
    cache.add(f"{key}:ends", ends_at, window_s)
    cache.add(key, 0, window_s)
    try:
        count = cache.incr(key)
    except ValueError:  # the window ended between the two lines above: this try begins the next
        cache.set(key, 1, window_s)
        count = 1
    return count, float(cache.get(f"{key}:ends", ends_at))


def _key(*parts: str) -> str:
    """Make a key of any text: caches refuse spaces, control characters and long keys."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"roomkey:tries:{digest[:40]}"


def _network(address: IPv4Address | IPv6Address) -> str:
    """Give what one subscriber holds: an IPv4 address, or the /64 of an IPv6 one."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))
