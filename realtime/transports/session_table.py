"""Which polling sessions this process holds, by sid, and who may continue them.

A sid is a secret; besides, a request must bring the cookies that the session was opened with.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from realtime.transports.polling import LINGER_S
from realtime.transports.session import Session


@dataclass(frozen=True, slots=True)
class _Entry:
    session: Session
    cookies: Mapping[str, str]


class SessionTable:
    """Sessions that further requests may name."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        """Return how many sessions can be continued."""
        return len(self._entries)

    def add(self, session: Session, cookies: Mapping[str, str]) -> None:
        """Hold a session that was opened with these cookies (those that say who somebody is)."""
        self._entries[session.handshake.sid] = _Entry(session, dict(cookies))

    def find(self, sid: str, cookies: Mapping[str, str]) -> Session | None:
        """Return the session of that id, or None for one that is unknown or somebody else's."""
        entry = self._entries.get(sid)
        if entry is None:
            return None
        for name, value in entry.cookies.items():
            if not compare_digest(cookies.get(name, "").encode(), value.encode()):
                return None
        return entry.session

    def ended(self, session: Session) -> None:
        """Forget a session that is over, once its last packets were fetched or are too old."""
        polling = session.polling
        if polling is None or polling.is_finished:
            self.forget(session)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(LINGER_S, self.forget, session)

    def settle(self, session: Session) -> None:
        """Forget a session that is over as soon as nothing of it is left to fetch."""
        polling = session.polling
        if session.reason is not None and polling is not None and polling.is_finished:
            self.forget(session)

    def forget(self, session: Session) -> None:
        """Forget a session; a request that names it is answered as one that names nothing."""
        self._entries.pop(session.handshake.sid, None)
