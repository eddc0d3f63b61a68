"""Slow mode: when each person last wrote in a room that wants time between two messages.

Kept in Django's cache, which all processes of a site share, and used under the room's lock, so
that two messages sent at once cannot slip through together. Decides nothing.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from django.core.cache import cache

from realtime.exceptions import Refused
from realtime.namespaces.shared_cache import asking_cache
from rooms.policy_values import Policy
from rooms.registry import FoundRoom


class Pacing:
    """The last messages of those who write in some rooms; reads nothing without slow mode."""

    def __init__(self, rooms: Mapping[int, FoundRoom], now: datetime) -> None:
        self._rooms = rooms
        self._now = now
        self._slow_s: dict[int, int] = {}
        self._last: dict[tuple[int, str], datetime | None] = {}
        self._sent: set[tuple[int, str]] = set()
        self._away: Refused | None = None

    def last_sent_at(self, room_id: int, policy: Policy, person_key: str) -> datetime | None:
        """Give when this person last wrote in a room, if that is still of importance.

        Raises ``Refused("busy")`` while the cache is away, which is waited for once.
        """
        if not policy.slow_mode_s:
            return None
        if self._away is not None:
            raise self._away
        self._slow_s[room_id] = policy.slow_mode_s
        key = (room_id, person_key)
        if key not in self._last:
            try:
                with asking_cache():
                    kept = cache.get(_cache_key(*key))
            except Refused as away:
                self._away = away
                raise
            self._last[key] = datetime.fromisoformat(kept) if isinstance(kept, str) else None
        return self._last[key]

    def sent(self, room_id: int, person_key: str) -> None:
        """Note that this person writes now."""
        if room_id in self._slow_s:
            self._last[room_id, person_key] = self._now
            self._sent.add((room_id, person_key))

    def keep(self) -> None:
        """Let every process know. Still under the lock: the next to write waits for it."""
        for room_id, person_key in self._sent:
            key, slow_s = _cache_key(room_id, person_key), self._slow_s[room_id]
            with asking_cache():
                cache.set(key, self._now.isoformat(), slow_s)


def _cache_key(room_id: int, person_key: str) -> str:
    digest = hashlib.sha256(person_key.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return f"roomkey:sent:{room_id}:{digest}"
