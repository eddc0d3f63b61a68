"""What an Engine.IO request asks for, and what can be wrong with it.

Source: Engine.IO protocol v4, "Protocol" and "Handshake"; error codes as the official server's.
"""

import re
import secrets
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qs

from django.conf import settings

from realtime.adapters.groups import PROCESS_ID_CHARACTERS
from realtime.conf import Options
from realtime.namespaces.authenticators import cookies_of
from realtime.namespaces.guests import GUEST_COOKIE
from realtime.protocol.engine_session import Handshake
from realtime.protocol.json_text import encode_json
from realtime.transports.base import Scope

PROTOCOL = "4"
SID_BYTES = 20
_SID = re.compile(rf"[A-Za-z0-9_-]{{{PROCESS_ID_CHARACTERS + SID_BYTES * 8 // 6 + 1}}}")
UPGRADES = ("websocket",)


class EngineError(Enum):
    """What is wrong with a request: the code, and the official server's words."""

    UNKNOWN_TRANSPORT = (0, "Transport unknown")
    UNKNOWN_SID = (1, "Session ID unknown")
    BAD_HANDSHAKE_METHOD = (2, "Bad handshake method")
    BAD_REQUEST = (3, "Bad request")
    FORBIDDEN = (4, "Forbidden")
    UNSUPPORTED_PROTOCOL = (5, "Unsupported protocol version")

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status that carries it."""
        forbidden = self is EngineError.FORBIDDEN
        return HTTPStatus.FORBIDDEN if forbidden else HTTPStatus.BAD_REQUEST

    @property
    def body(self) -> bytes:
        """The answer's JSON body."""
        code, message = self.value
        return encode_json({"code": code, "message": message}).encode()


@dataclass(frozen=True, slots=True)
class EngineQuery:
    """The parameters of a request that Engine.IO knows; of a doubled one the first counts."""

    transport: str | None
    sid: str | None
    protocol: str | None


def read_query(scope: Scope) -> EngineQuery:
    """Read the query string."""
    query = parse_qs((scope.get("query_string") or b"").decode("latin-1"), keep_blank_values=True)
    first = {name: values[0] for name, values in query.items()}
    return EngineQuery(first.get("transport"), first.get("sid") or None, first.get("EIO"))


def find_handshake_error(query: EngineQuery, scope: Scope) -> EngineError | None:
    """Say what is wrong with a request that opens a session, in the official server's order."""
    is_websocket = scope["type"] == "websocket"
    if not is_websocket and scope["method"] != "GET":
        return EngineError.BAD_HANDSHAKE_METHOD
    if is_websocket != (query.transport == "websocket"):
        # An upgrade that a proxy lost comes as a plain GET.
        return EngineError.BAD_REQUEST
    return EngineError.UNSUPPORTED_PROTOCOL if query.protocol != PROTOCOL else None


def owner_of(sid: str) -> str | None:
    """Return the id of the process that such a sid names; None for what is no sid of ours."""
    return sid[:PROCESS_ID_CHARACTERS] if _SID.fullmatch(sid) else None


def new_handshake(process_id: str, options: Options, *, transport: str) -> Handshake:
    """Return what the open packet of a new session of this process promises."""
    can_upgrade = transport == "polling" and "websocket" in options.transports
    return Handshake(
        # A secret: who knows it is the session. What it begins with is none: any process that
        # gets a further request knows by it whom to ask.
        sid=process_id + secrets.token_urlsafe(SID_BYTES),
        upgrades=UPGRADES if can_upgrade else (),
        ping_interval_s=options.ping_interval_s,
        ping_timeout_s=options.ping_timeout_s,
        max_payload_bytes=options.max_payload_bytes,
    )


def binding_cookies(scope: Scope) -> dict[str, str]:
    """Return the cookies that say who somebody is: a session keeps to those it began with."""
    cookies = cookies_of(scope)
    names = (settings.SESSION_COOKIE_NAME, GUEST_COOKIE)
    return {name: cookies[name] for name in names if name in cookies}
