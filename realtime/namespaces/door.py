"""What both doors ask of a request first: where does it come from, and may that page."""

import logging

from realtime.conf import trusted_proxies
from realtime.exceptions import SessionClosed
from realtime.namespaces.addresses import client_of
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.origin import OriginVerdict, Trust, judge_origin
from realtime.namespaces.process import Process, ProcessState
from realtime.protocol.json_text import encode_json
from realtime.transports.base import Scope
from realtime.transports.websocket import WebSocketTransport

logger = logging.getLogger(__name__)

FORBIDDEN_STATUS = 403
UNAVAILABLE_STATUS = 503
# Engine.IO's "Forbidden".
FORBIDDEN_BODY = encode_json({"code": 4, "message": "Forbidden"}).encode()
JSON_HEADERS = [(b"content-type", b"application/json")]


async def open_door(
    process: Process, scope: Scope, transport: WebSocketTransport, *, door: str
) -> ClientSession | None:
    """Return the session of a request that may come in; answer one that may not."""
    verdict = judge_origin(scope)
    status = 0
    if verdict.trust is Trust.REFUSED:
        log_refused_origin(scope, verdict)
        status = FORBIDDEN_STATUS
    elif process.state in {ProcessState.DRAINING, ProcessState.STOPPED}:
        status = UNAVAILABLE_STATUS
    if status:
        try:
            await transport.refuse(status, FORBIDDEN_BODY, JSON_HEADERS)
        except SessionClosed:
            logger.debug("client left before it was refused")
        return None
    if verdict.trust is Trust.FOREIGN:
        scope = without_cookies(scope)
    return ClientSession(dict(scope), client_of(scope, trusted_proxies()), door)


def without_cookies(scope: Scope) -> Scope:
    """Return a scope whose cookies do not count: a foreign page's browser sent them."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": headers}


def log_refused_origin(scope: Scope, verdict: OriginVerdict) -> None:
    """Say once per refusal which origin it was and what would let it in."""
    logger.warning(
        "origin %r refused on %r: to allow it, add it to ALLOWED_ORIGINS or CSRF_TRUSTED_ORIGINS",
        (verdict.origin or "")[:200],
        str(scope.get("path", ""))[:200],
    )
