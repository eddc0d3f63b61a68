"""Long-polling over plain ASGI: the handshake, GETs that wait, POSTs that bring packets.

Outside of Django's request cycle: a parked GET holds no thread and no database connection.
Source: Engine.IO protocol v4, "HTTP long-polling".
"""

import asyncio
import logging
from http import HTTPStatus

from realtime.conf import trusted_proxies
from realtime.doors.client_files import serve_client_file
from realtime.doors.engine_requests import (
    EngineError,
    binding_cookies,
    find_handshake_error,
    new_handshake,
    read_query,
)
from realtime.doors.http_answers import (
    HTML,
    JSON,
    NO_STORE,
    TEXT,
    Headers,
    cors_headers,
    preflight_headers,
    respond,
    respond_error,
)
from realtime.doors.request_body import BodyTooLarge, read_body
from realtime.exceptions import ProtocolError, SessionClosed
from realtime.namespaces.addresses import client_of, header_values
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.connection import Connection, ConnectionHandler, MakeConnection
from realtime.namespaces.door import log_refused_origin, without_cookies
from realtime.namespaces.origin import Trust, judge_origin
from realtime.namespaces.process import Process, ProcessState
from realtime.transports.base import Ending, Receive, Scope, Send
from realtime.transports.polling import PollingTransport, PollRefused
from realtime.transports.session import Session
from realtime.transports.session_table import SessionTable

logger = logging.getLogger(__name__)

_BINARY_TYPE = "application/octet-stream"
_BAD_TYPES = ("multipart/", "application/x-www-form-urlencoded")


class PollingDoor:
    """Answers every plain HTTP request under the Socket.IO path, for one process."""

    def __init__(
        self, process: Process, sessions: SessionTable, connect: MakeConnection = Connection
    ) -> None:
        self._process = process
        self._sessions = sessions
        self._connect = connect

    async def serve(self, scope: Scope, receive: Receive, send: Send, *, rest: str) -> None:
        """Answer one request; ``rest`` is the path behind the door's prefix."""
        if rest:
            await serve_client_file(scope, send, rest)
            return
        verdict = judge_origin(scope)
        cors = cors_headers(verdict)
        if verdict.trust is Trust.REFUSED:
            log_refused_origin(scope, verdict)
            await respond_error(send, EngineError.FORBIDDEN, cors)
            return
        if scope["method"] == "OPTIONS":
            headers = [*cors, *preflight_headers(scope)]
            await respond(send, HTTPStatus.NO_CONTENT, headers)
            return
        if verdict.trust is Trust.FOREIGN:
            scope = without_cookies(scope)
        await self._serve_engine(scope, receive, send, cors)

    async def _serve_engine(
        self, scope: Scope, receive: Receive, send: Send, cors: Headers
    ) -> None:
        query = read_query(scope)
        if query.transport not in self._process.options.transports:
            await respond_error(send, EngineError.UNKNOWN_TRANSPORT, cors)
            return
        if query.sid is None:
            error = find_handshake_error(query, scope)
            await self._open(scope, send, cors, error)
            return
        session = self._sessions.find(query.sid, binding_cookies(scope))
        if session is None:
            await respond_error(send, EngineError.UNKNOWN_SID, cors)
        elif query.transport != "polling" or session.polling is None:
            # Over to WebSocket already, or an upgrade that a proxy made a plain request of.
            await respond_error(send, EngineError.BAD_REQUEST, cors)
        elif scope["method"] == "GET":
            # Also of a session that is over: its last packets may wait here.
            await self._poll(session, session.polling, receive, send, cors)
        elif session.reason is not None:
            await respond_error(send, EngineError.UNKNOWN_SID, cors)
        elif scope["method"] == "POST":
            await self._post(session, scope, receive, send, cors)
        else:
            headers = [*TEXT, *cors, (b"allow", b"GET, POST, OPTIONS")]
            await respond(send, HTTPStatus.METHOD_NOT_ALLOWED, headers)

    async def _open(
        self, scope: Scope, send: Send, cors: Headers, error: EngineError | None
    ) -> None:
        process = self._process
        options = process.options
        if error is not None:
            await respond_error(send, error, cors)
            return
        if process.state in {ProcessState.DRAINING, ProcessState.STOPPED}:
            headers = [*JSON, *NO_STORE, *cors, (b"retry-after", b"1")]
            body = EngineError.BAD_REQUEST.body
            await respond(send, HTTPStatus.SERVICE_UNAVAILABLE, headers, body)
            return
        client = client_of(scope, trusted_proxies())
        client_session = ClientSession(dict(scope), client, "socket.io")
        if not process.open_session(client_session):
            await respond_error(send, EngineError.FORBIDDEN, cors)
            return
        connection: ConnectionHandler
        transport = PollingTransport(
            max_bytes=options.outbox_bytes,
            max_messages=options.outbox_messages,
            # The connection is made of the session, and that of this transport.
            on_overflow=lambda: connection.overflow(),  # noqa: PLW0108
        )
        session = Session(new_handshake(options, transport="polling"), transport)
        connection = self._connect(process, client_session, session)
        self._sessions.add(session, binding_cookies(scope))
        session.start(connection, on_end=lambda: self._sessions.ended(session))
        await respond(
            send, HTTPStatus.OK, [*TEXT, *NO_STORE, *cors], (await transport.poll()).encode()
        )

    async def _poll(
        self,
        session: Session,
        transport: PollingTransport,
        receive: Receive,
        send: Send,
        cors: Headers,
    ) -> None:
        try:
            payload = await _poll_or_leave(transport, receive)
        except PollRefused as refused:
            if refused.is_overlap:
                session.close("transport error", ending=Ending.BREACH)
                await respond(send, HTTPStatus.BAD_REQUEST, [*TEXT, *NO_STORE, *cors])
            else:
                await respond_error(send, EngineError.UNKNOWN_SID, cors)
        except SessionClosed as closed:
            # What the dead request would have carried cannot be given to another one for sure.
            session.close(closed.reason, ending=Ending.LOST)
        else:
            headers = [*TEXT, *NO_STORE, *cors]
            await respond(send, HTTPStatus.OK, headers, payload.encode("utf-8"))
        if session.reason is not None and transport.is_finished:
            self._sessions.forget(session)

    async def _post(
        self, session: Session, scope: Scope, receive: Receive, send: Send, cors: Headers
    ) -> None:
        content_type = ",".join(header_values(scope, b"content-type")).lower()
        headers = [*HTML, *cors]
        if header_values(scope, b"content-encoding") or content_type.startswith(_BAD_TYPES):
            await respond(send, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers)
            return
        if content_type.startswith(_BINARY_TYPE) or session.is_posting:
            session.close("transport error", ending=Ending.BREACH)
            await respond(send, HTTPStatus.BAD_REQUEST, headers)
            return
        status = HTTPStatus.OK
        try:
            await session.take_body(
                lambda: read_body(receive, max_bytes=self._process.options.max_payload_bytes)
            )
        except BodyTooLarge:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except ProtocolError:
            status = HTTPStatus.BAD_REQUEST
        except SessionClosed as closed:
            session.close(closed.reason, ending=Ending.LOST)
            return
        except TimeoutError:
            session.close("transport error", ending=Ending.BREACH)
            status = HTTPStatus.REQUEST_TIMEOUT
        await respond(send, status, headers, b"ok" if status == HTTPStatus.OK else b"")


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
