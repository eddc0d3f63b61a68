"""What the sockets of one connection share, and how many sessions somebody may hold."""

import logging
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from realtime.conf import Options
from realtime.counting import count_limit, current_counts
from realtime.exceptions import Refused
from realtime.namespaces.addresses import Client
from realtime.namespaces.authenticators import SHARED
from realtime.transports.base import Scope

logger = logging.getLogger(__name__)

_BINDING_BYTES = 16


@dataclass(eq=False, slots=True)
class ClientSession:
    """One Engine.IO session or plain WebSocket, whoever its sockets speak for.

    ``door`` is ``socket.io`` or ``plain``. ``scope`` is the opening request's, with only those
    cookies that count; each socket gets a copy.
    """

    scope: Scope
    client: Client
    door: str
    users: set[str] = field(default_factory=set)
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Give the authenticators a place for what the session's sockets share."""
        self.scope[SHARED] = {"binding": secrets.token_urlsafe(_BINDING_BYTES)}

    @property
    def shared(self) -> dict[str, str]:
        """What the authenticators know of the session, for all of its sockets."""
        shared: dict[str, str] = self.scope[SHARED]
        return shared

    def socket_scope(self, url_route: dict[str, Any]) -> Scope:
        """Return the scope of one socket."""
        return {**self.scope, "url_route": url_route}

    @property
    def age_s(self) -> float:
        """For how many seconds it has been open."""
        return (datetime.now(UTC) - self.opened_at).total_seconds()

    def log_opened(self, process_id: str) -> None:
        """Say that it began; whose it is, its sockets say."""
        logger.debug("session opened", extra={"door": self.door, "process_id": process_id})

    def log_closed(self, process_id: str, reason: str) -> None:
        """Say that it is over, and why."""
        if logger.isEnabledFor(logging.DEBUG):
            about = {"door": self.door, "process_id": process_id, "reason": reason}
            logger.debug("session closed", extra={**about, "seconds": round(self.age_s, 3)})


class SessionCounts:
    """How many sessions each address and each user holds on this process."""

    def __init__(self, options: Options) -> None:
        self._most_per_address = options.max_sessions_per_address
        self._most_per_user = options.max_sessions_per_user
        self._by_address: Counter[str] = Counter()
        self._by_user: Counter[str] = Counter()

    def open(self, session: ClientSession) -> bool:
        """Count a session; say False, counting nothing, when its address has too many.

        Who comes through a proxy that we cannot see behind shares its address with everybody
        there, so that no limit is set on it.
        """
        address = session.client.address
        if address is not None and not session.client.is_proxied_blindly:
            if self._most_per_address and self._by_address[address] >= self._most_per_address:
                count_limit("max_sessions_per_address")
                return False
            self._by_address[address] += 1
        current_counts().sessions.add(session.door)
        return True

    def sign_in(self, session: ClientSession, user_id: str) -> None:
        """Count a session for a user, once; raises ``Refused`` when the user has too many."""
        if user_id in session.users:
            return
        if self._most_per_user and self._by_user[user_id] >= self._most_per_user:
            count_limit("max_sessions_per_user")
            raise Refused("rate_limited", _("You have too many connections open."))
        self._by_user[user_id] += 1
        session.users.add(user_id)

    def close(self, session: ClientSession) -> None:
        """Stop counting a session that ``open`` counted."""
        address = session.client.address
        if address is not None and not session.client.is_proxied_blindly:
            _take_away(self._by_address, address)
        for user_id in session.users:
            _take_away(self._by_user, user_id)
        session.users.clear()


def _take_away(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
