"""Further requests of a polling session, answered where the session lives.

The same for requests that came to this process and for those that another one forwards.
Source: Engine.IO protocol v4, "HTTP long-polling".
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from realtime.counting import count_limit
from realtime.doors.engine_requests import EngineError
from realtime.doors.http_answers import HTML, JSON, NO_STORE, TEXT, Headers
from realtime.doors.request_body import BodyTooLarge, read_body
from realtime.exceptions import ProtocolError, SessionClosed
from realtime.transports.base import Ending, Receive
from realtime.transports.polling import PollingTransport, PollRefused
from realtime.transports.session import Session

_BINARY_TYPE = "application/octet-stream"
_BAD_TYPES = ("multipart/", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A request that names a session: what of its head counts for the answer.

    ``is_encoded`` says that its body is compressed, or encoded otherwise.
    """

    method: str
    transport: str
    content_type: str = ""
    is_encoded: bool = False


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """A whole answer, less the headers that the Origin asks for."""

    status: int
    headers: Headers
    body: bytes = b""


def error_answer(error: EngineError) -> SessionAnswer:
    """Return the answer that tells an Engine.IO error."""
    return SessionAnswer(error.status, [*JSON, *NO_STORE], error.body)


async def answer_request(
    session: Session | None, request: SessionRequest, receive: Receive, *, max_bytes: int
) -> SessionAnswer | None:
    """Return the answer to a request for a session; None where the client left."""
    if session is None:
        return error_answer(EngineError.UNKNOWN_SID)
    polling = session.polling
    if request.transport != "polling" or polling is None:
        # Over to WebSocket already, or an upgrade that a proxy made a plain request of.
        return error_answer(EngineError.BAD_REQUEST)
    if request.method == "GET":
        # Also of a session that is over: its last packets may wait here.
        return await _poll(session, polling, receive)
    if session.reason is not None:
        return error_answer(EngineError.UNKNOWN_SID)
    if request.method == "POST":
        return await _post(session, request, receive, max_bytes)
    headers = [*TEXT, (b"allow", b"GET, POST, OPTIONS")]
    return SessionAnswer(HTTPStatus.METHOD_NOT_ALLOWED, headers)


async def _poll(
    session: Session, transport: PollingTransport, receive: Receive
) -> SessionAnswer | None:
    try:
        payload = await _poll_or_leave(transport, receive)
    except PollRefused as refused:
        if not refused.is_overlap:
            return error_answer(EngineError.UNKNOWN_SID)
        session.close("transport error", ending=Ending.BREACH)
        return SessionAnswer(HTTPStatus.BAD_REQUEST, [*TEXT, *NO_STORE])
    except SessionClosed as closed:
        # What the dead request would have carried cannot be given to another one for sure.
        session.close(closed.reason, ending=Ending.LOST)
        return None
    return SessionAnswer(HTTPStatus.OK, [*TEXT, *NO_STORE], payload.encode("utf-8"))


async def _post(
    session: Session, request: SessionRequest, receive: Receive, max_bytes: int
) -> SessionAnswer | None:
    content_type = request.content_type
    if request.is_encoded or content_type.startswith(_BAD_TYPES):
        return SessionAnswer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTML)
    if content_type.startswith(_BINARY_TYPE) or session.is_posting:
        session.close("transport error", ending=Ending.BREACH)
        return SessionAnswer(HTTPStatus.BAD_REQUEST, HTML)
    status = HTTPStatus.OK
    try:
        await session.take_body(lambda: read_body(receive, max_bytes=max_bytes))
    except BodyTooLarge:
        count_limit("max_payload_bytes")
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except ProtocolError:
        status = HTTPStatus.BAD_REQUEST
    except SessionClosed as closed:
        session.close(closed.reason, ending=Ending.LOST)
        return None
    except TimeoutError:
        session.close("transport error", ending=Ending.BREACH)
        status = HTTPStatus.REQUEST_TIMEOUT
    return SessionAnswer(status, HTML, b"ok" if status == HTTPStatus.OK else b"")


async def _poll_or_leave(transport: PollingTransport, receive: Receive) -> str:
    """Wait for packets; raises ``SessionClosed`` when the client gives the request up."""
    if transport.has_packets or transport.is_polled:
        return await transport.poll()
    leaving = asyncio.create_task(_watch(transport, receive), name="poll watch")
    try:
        # Not as a task: a POST that came right behind this request must find it waiting.
        return await transport.poll()
    finally:
        leaving.cancel()


async def _watch(transport: PollingTransport, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    transport.hang_up()
