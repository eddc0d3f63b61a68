"""Engine.IO over WebSocket: a session of its own, or one that comes over from polling."""

import logging

from realtime.doors.engine_requests import (
    EngineError,
    binding_cookies,
    find_handshake_error,
    new_handshake,
    owner_of,
    read_query,
)
from realtime.doors.forwarding_records import ForwardedRequest
from realtime.doors.forwarding_websocket import forward_websocket
from realtime.exceptions import SessionClosed
from realtime.namespaces.client_session import ClientSession
from realtime.namespaces.connection import Connection, ConnectionHandler, MakeConnection
from realtime.namespaces.door import JSON_HEADERS, open_door
from realtime.namespaces.process import Process
from realtime.transports.base import Receive, Scope, Send
from realtime.transports.session import Session
from realtime.transports.session_table import SessionTable
from realtime.transports.websocket import WebSocketTransport

logger = logging.getLogger(__name__)


async def serve_websocket(
    process: Process,
    sessions: SessionTable,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    connect: MakeConnection = Connection,
) -> None:
    """Serve one WebSocket under the Socket.IO path until either side ends it."""
    options = process.options
    connection: ConnectionHandler | None = None
    upgraded: Session | None = None

    def overflow() -> None:
        if upgraded is not None:
            upgraded.close("forced close", keep=False)
        elif connection is not None:
            connection.overflow()

    transport = WebSocketTransport(
        scope,
        receive,
        send,
        max_bytes=options.max_payload_bytes,
        max_bytes_option="max_payload_bytes",
        outbox_bytes=options.outbox_bytes,
        outbox_messages=options.outbox_messages,
        on_overflow=overflow,
    )
    client_session = await open_door(process, scope, transport, door="socket.io")
    if client_session is None:
        return
    wanted = _find_wanted(process, sessions, client_session)
    try:
        if isinstance(wanted, EngineError):
            await transport.refuse(wanted.status, wanted.body, JSON_HEADERS)
        elif isinstance(wanted, ForwardedRequest):
            await forward_websocket(process, wanted, transport)
        elif wanted is not None:
            upgraded = wanted
            await transport.accept()
            await upgraded.upgrade(transport, timeout_s=options.upgrade_timeout_s)
        else:
            await _accept(process, client_session, transport)
            session = Session(new_handshake(process.id, options, transport="websocket"), transport)
            connection = connect(process, client_session, session)
            await session.run(connection)
    except SessionClosed:
        logger.debug("socket.io client left early")


def _find_wanted(
    process: Process, sessions: SessionTable, client_session: ClientSession
) -> Session | ForwardedRequest | EngineError | None:
    """Return the session that is to be upgraded, here or elsewhere, or what is wrong.

    None stands for a new session.
    """
    scope = client_session.scope
    query = read_query(scope)
    if query.transport not in process.options.transports:
        return EngineError.UNKNOWN_TRANSPORT
    if query.sid is not None:
        cookies = binding_cookies(scope)
        found = sessions.find(query.sid, cookies)
        if found is not None:
            return found
        owner = owner_of(query.sid)
        if owner is None or owner == process.id or process.adapter.links is None:
            return EngineError.UNKNOWN_SID
        return ForwardedRequest(sid=query.sid, transport=query.transport or "", cookies=cookies)
    error = find_handshake_error(query, scope)
    if error is None and not process.open_session(client_session):
        return EngineError.FORBIDDEN
    return error


async def _accept(
    process: Process, client_session: ClientSession, transport: WebSocketTransport
) -> None:
    try:
        await transport.accept()
    except BaseException:
        process.close_session(client_session)
        raise
