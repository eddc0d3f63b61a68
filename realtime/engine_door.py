"""The ``/socket.io/`` door: Engine.IO's handshake over WebSocket, its errors, the client's files.

Plain ASGI, outside of Django's request cycle.
Source: Engine.IO protocol v4, "Protocol" and "Handshake"; error codes as the official server's.
"""

import logging
import secrets
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qs

from realtime.client_files import find_client_file
from realtime.conf import Options, trusted_proxies
from realtime.exceptions import SessionClosed
from realtime.namespaces.addresses import client_of, header_values
from realtime.namespaces.connection import Connection
from realtime.namespaces.door import JSON_HEADERS, log_refused_origin, open_door
from realtime.namespaces.origin import OriginVerdict, Trust, judge_origin
from realtime.namespaces.process import Process
from realtime.protocol.engine_session import Handshake
from realtime.protocol.json_text import encode_json
from realtime.transports.base import Receive, Scope, Send
from realtime.transports.session import Session
from realtime.transports.websocket import WebSocketTransport

logger = logging.getLogger(__name__)

PROTOCOL = "4"
SID_BYTES = 20


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
    """The parameters of a request that Engine.IO knows."""

    transport: str | None
    sid: str | None
    protocol: str | None


def read_query(scope: Scope) -> EngineQuery:
    """Read the query string; of a doubled parameter the first counts."""
    query = parse_qs((scope.get("query_string") or b"").decode("latin-1"), keep_blank_values=True)
    first = {name: values[0] for name, values in query.items()}
    return EngineQuery(first.get("transport"), first.get("sid"), first.get("EIO"))


def find_error(query: EngineQuery, scope: Scope, options: Options) -> EngineError | None:
    """Say what is wrong with a request, in the official server's order; origins are judged apart.

    Which sessions there are is asked by the transports that continue one.
    """
    if query.transport not in options.transports:
        return EngineError.UNKNOWN_TRANSPORT
    if query.sid is not None:
        return EngineError.UNKNOWN_SID
    is_websocket = scope["type"] == "websocket"
    if not is_websocket and scope["method"] != "GET":
        return EngineError.BAD_HANDSHAKE_METHOD
    if query.protocol != PROTOCOL:
        return EngineError.UNSUPPORTED_PROTOCOL
    if is_websocket != (query.transport == "websocket"):
        # An upgrade that a proxy lost comes as a plain GET.
        return EngineError.BAD_REQUEST
    return None


async def serve_websocket(process: Process, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket: a session of its own."""
    options = process.options
    connection: Connection
    transport = WebSocketTransport(
        scope,
        receive,
        send,
        max_bytes=options.max_payload_bytes,
        outbox_bytes=options.outbox_bytes,
        outbox_messages=options.outbox_messages,
        # The connection is made of the session, and that of this transport.
        on_overflow=lambda: connection.overflow(),  # noqa: PLW0108
    )
    client_session = await open_door(process, scope, transport, door="socket.io")
    if client_session is None:
        return
    error = find_error(read_query(scope), scope, options)
    if error is None and not process.open_session(client_session):
        error = EngineError.FORBIDDEN
    try:
        if error is not None:
            await transport.refuse(error.status, error.body, JSON_HEADERS)
            return
        try:
            await transport.accept()
        except SessionClosed:
            process.close_session(client_session)
            raise
        session = Session(_handshake(options), transport)
        connection = Connection(process, client_session, session)
        await session.run(connection)
    except SessionClosed:
        logger.debug("socket.io client left early")


def _handshake(options: Options) -> Handshake:
    return Handshake(
        # A secret: who knows it is the session.
        sid=secrets.token_urlsafe(SID_BYTES),
        upgrades=(),
        ping_interval_s=options.ping_interval_s,
        ping_timeout_s=options.ping_timeout_s,
        max_payload_bytes=options.max_payload_bytes,
    )


async def serve_http(process: Process, scope: Scope, send: Send, *, rest: str) -> None:
    """Answer a plain request: a file of the client, or what is wrong with it.

    ``rest`` is the path behind the door's prefix.
    """
    verdict = judge_origin(scope)
    if rest:
        await _serve_file(scope, send, rest)
        return
    cors = _cors_headers(verdict)
    if verdict.trust is Trust.REFUSED:
        log_refused_origin(scope, verdict)
        error = EngineError.FORBIDDEN
        await _respond(send, error.status, [*JSON_HEADERS, *cors], error.body)
        return
    if scope["method"] == "OPTIONS":
        await _respond(send, HTTPStatus.NO_CONTENT, [*cors, *_preflight_headers(scope)], b"")
        return
    client = client_of(scope, trusted_proxies())
    error = find_error(read_query(scope), scope, process.options) or EngineError.BAD_REQUEST
    logger.info("engine request refused", extra={"code": error.value[0], "peer": client.address})
    await _respond(send, error.status, [*JSON_HEADERS, *cors], error.body)


async def _serve_file(scope: Scope, send: Send, name: str) -> None:
    found = await find_client_file(name)
    if found is None:
        await _respond(send, HTTPStatus.NOT_FOUND, _TEXT, b"Not found")
        return
    if scope["method"] not in {"GET", "HEAD"}:
        headers = [*_TEXT, (b"allow", b"GET, HEAD")]
        await _respond(send, HTTPStatus.METHOD_NOT_ALLOWED, headers, b"Method not allowed")
        return
    headers = [
        (b"etag", found.etag.encode()),
        (b"cache-control", b"public, max-age=0"),
        (b"vary", b"Accept-Encoding"),
        (b"access-control-allow-origin", b"*"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if found.etag in header_values(scope, b"if-none-match"):
        await _respond(send, HTTPStatus.NOT_MODIFIED, headers, b"")
        return
    headers.append((b"content-type", found.content_type.encode()))
    body = found.body
    encodings = {value.partition(";")[0] for value in header_values(scope, b"accept-encoding")}
    if "gzip" in encodings:
        headers.append((b"content-encoding", b"gzip"))
        body = found.gzipped
    await _respond(send, HTTPStatus.OK, headers, body, is_head=scope["method"] == "HEAD")


_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


def _cors_headers(verdict: OriginVerdict) -> list[tuple[bytes, bytes]]:
    if verdict.origin is None or verdict.trust is Trust.REFUSED:
        return [(b"vary", b"Origin")]
    headers = [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", verdict.origin.encode("latin-1")),
    ]
    if verdict.trust is Trust.OWN:
        headers.append((b"access-control-allow-credentials", b"true"))
    return headers


def _preflight_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    wanted = ", ".join(header_values(scope, b"access-control-request-headers"))
    headers = [(b"access-control-allow-methods", b"GET, POST, OPTIONS")]
    if wanted:
        headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
    return headers


async def _respond(
    send: Send,
    status: HTTPStatus,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    *,
    is_head: bool = False,
) -> None:
    length = [] if status is HTTPStatus.NOT_MODIFIED else [_length(body)]
    start = {"type": "http.response.start", "status": int(status)}
    await send({**start, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
