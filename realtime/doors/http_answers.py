"""Plain ASGI answers of the Socket.IO door, and their CORS headers."""

from http import HTTPStatus

from realtime.doors.engine_requests import EngineError
from realtime.namespaces.addresses import header_values
from realtime.namespaces.origin import OriginVerdict, Trust
from realtime.transports.base import Scope, Send

Headers = list[tuple[bytes, bytes]]

TEXT: Headers = [(b"content-type", b"text/plain; charset=UTF-8")]
HTML: Headers = [(b"content-type", b"text/html")]
JSON: Headers = [(b"content-type", b"application/json")]
NO_STORE: Headers = [(b"cache-control", b"no-store")]


async def respond(
    send: Send, status: int, headers: Headers, body: bytes = b"", *, is_head: bool = False
) -> None:
    """Send one whole answer."""
    length: Headers = []
    if status != HTTPStatus.NOT_MODIFIED:
        length = [(b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": int(status)}
    await send({**start, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


async def respond_error(send: Send, error: EngineError, cors: Headers) -> None:
    """Send an Engine.IO error."""
    await respond(send, error.status, [*JSON, *NO_STORE, *cors], error.body)


def cors_headers(verdict: OriginVerdict) -> Headers:
    """Return what lets a page of an allowed origin read the answer; nothing for another one."""
    vary = (b"vary", b"Origin")
    if verdict.origin is None or verdict.trust is Trust.REFUSED:
        return [vary]
    headers = [vary, (b"access-control-allow-origin", verdict.origin.encode("latin-1"))]
    if verdict.trust is Trust.OWN:
        headers.append((b"access-control-allow-credentials", b"true"))
    return headers


def preflight_headers(scope: Scope) -> Headers:
    """Return what an OPTIONS request asks for."""
    headers = [(b"access-control-allow-methods", b"GET, POST, OPTIONS")]
    wanted = ", ".join(header_values(scope, b"access-control-request-headers"))
    if wanted:
        headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
    return headers
