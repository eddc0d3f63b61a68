"""Long-polling over plain ASGI: who may ask, the handshake, and where a session's requests go.

Outside of Django's request cycle: a parked GET holds no thread and no database connection.
Source: Engine.IO protocol v4, "HTTP long-polling".
"""

import logging
from http import HTTPStatus

from realtime.conf import trusted_proxies
from realtime.doors.client_files import serve_client_file
from realtime.doors.engine_requests import (
    EngineError,
    EngineQuery,
    binding_cookies,
    find_handshake_error,
    new_handshake,
    owner_of,
    read_query,
)
from realtime.doors.forwarding import forward_request, forwarded_request
from realtime.doors.http_answers import (
    JSON,
    NO_STORE,
    TEXT,
    Headers,
    cors_headers,
    preflight_headers,
    respond,
    respond_error,
)
from realtime.doors.session_requests import SessionRequest, answer_request
from realtime.namespaces.addresses import client_of, header_values
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.connection import Connection, ConnectionHandler, MakeConnection
from realtime.namespaces.door import log_refused_origin, without_cookies
from realtime.namespaces.origin import Trust, judge_origin
from realtime.namespaces.process import Process, ProcessState
from realtime.transports.base import Receive, Scope, Send
from realtime.transports.polling import PollingTransport
from realtime.transports.session import Session
from realtime.transports.session_table import SessionTable

logger = logging.getLogger(__name__)


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
        cookies = binding_cookies(scope)
        session = self._sessions.find(query.sid, cookies)
        owner = owner_of(query.sid) if session is None else None
        links = self._process.adapter.links
        request = _session_request(scope, query)
        if owner is None or owner == self._process.id or links is None:
            answer = await answer_request(
                session, request, receive, max_bytes=self._process.options.max_payload_bytes
            )
            if answer is not None:
                await respond(send, answer.status, [*answer.headers, *cors], answer.body)
            if session is not None:
                self._sessions.settle(session)
            return
        forwarded = forwarded_request(query.sid, request, cookies)
        async with forward_request(self._process, links, forwarded, receive) as answer:
            if answer is not None:
                await respond(send, answer.status, [*answer.headers, *cors], answer.body)

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
        session = Session(new_handshake(process.id, options, transport="polling"), transport)
        connection = self._connect(process, client_session, session)
        self._sessions.add(session, binding_cookies(scope))
        session.start(connection, on_end=lambda: self._sessions.ended(session))
        await respond(
            send, HTTPStatus.OK, [*TEXT, *NO_STORE, *cors], (await transport.poll()).encode()
        )


def _session_request(scope: Scope, query: EngineQuery) -> SessionRequest:
    method, transport = scope["method"], query.transport or ""
    if method != "POST":
        return SessionRequest(method, transport)
    return SessionRequest(
        method,
        transport,
        content_type=",".join(header_values(scope, b"content-type")).lower(),
        is_encoded=bool(header_values(scope, b"content-encoding")),
    )
