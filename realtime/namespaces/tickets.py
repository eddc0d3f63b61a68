"""Tickets: one-time keys that let a socket in as a signed-in user, without a cookie.

A ticket lives a minute in Django's cache under its digest, so that any process can redeem it and
nobody who reads the cache can. The first session to present it binds it.
"""

import secrets
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from django.core.cache import cache

from realtime.namespaces.shared_cache import asking_cache

TICKET_AGE_S = 60
# A session that bound a ticket may name it again in further CONNECTs, for as long as it lives.
_BINDING_AGE_S = 24 * 3600
_TICKET_BYTES = 32
_MAX_TICKET = 100


@dataclass(frozen=True, slots=True)
class TicketHolder:
    """Whom a ticket lets in; ``auth_hash`` ends it when the password changes."""

    user_id: str
    auth_hash: str
    session_key: str | None


def issue_ticket(user: Any, *, session_key: str | None = None) -> str:
    """Return a new ticket for a signed-in user; it is good for ``TICKET_AGE_S``.

    ``session_key`` is the browser session that draws it: the socket ends with that session.
    """
    ticket = secrets.token_urlsafe(_TICKET_BYTES)
    holder = TicketHolder(str(user.pk), user.get_session_auth_hash(), session_key)
    with asking_cache():
        cache.set(_key("ticket", ticket), asdict(holder), TICKET_AGE_S)
    return ticket


def redeem_ticket(ticket: object, *, binding: str) -> TicketHolder | None:
    """Return whom a ticket lets in, or None for one that is bad, used or expired.

    ``binding`` names the session that presents it; the same one may present it again. Raises
    ``Refused("busy")`` while the cache is away.
    """
    if not isinstance(ticket, str) or not 0 < len(ticket) <= _MAX_TICKET:
        return None
    with asking_cache():
        return _redeem(ticket, binding)


def _redeem(ticket: str, binding: str) -> TicketHolder | None:
    bound_key = _key("ticket-bound", ticket)
    bound = cache.get(bound_key)
    if bound is not None:
        return TicketHolder(**bound["holder"]) if bound["binding"] == binding else None
    stored = cache.get(_key("ticket", ticket))
    if stored is None:
        return None
    # add() is atomic: of two sessions that present it at once, one wins.
    if not cache.add(bound_key, {"binding": binding, "holder": stored}, _BINDING_AGE_S):
        return _redeem(ticket, binding)
    cache.delete(_key("ticket", ticket))
    return TicketHolder(**stored)


def _key(kind: str, ticket: str) -> str:
    return f"realtime.{kind}.{sha256(ticket.encode('utf-8', 'surrogatepass')).hexdigest()}"
