"""Requests that other processes forward, answered by the process that owns their session."""

from http import HTTPStatus

from realtime.adapters.link_frames import DataFrame, EndFrame, NoteFrame
from realtime.adapters.streams import Stream, StreamBroken
from realtime.doors.engine_requests import EngineError
from realtime.doors.forwarding_records import (
    RECALL,
    ForwardedAnswer,
    ForwardedEnd,
    ForwardedRequest,
    pack_record,
    unpack_record,
)
from realtime.doors.session_requests import (
    SessionAnswer,
    SessionRequest,
    answer_request,
    error_answer,
)
from realtime.exceptions import SessionClosed
from realtime.namespaces.process import Process
from realtime.transports.base import FORWARDED_EXTENSION, Ending, Message, Receive, Send
from realtime.transports.session import Session
from realtime.transports.session_table import SessionTable
from realtime.transports.websocket import WebSocketTransport

# What a WebSocket is told to have been closed with when nobody can say.
ABNORMAL_CLOSE = 1006


def attend(process: Process, sessions: SessionTable) -> None:
    """Serve what other processes forward to this one."""
    links = process.adapter.links
    if links is not None:
        links.accept = _Attendant(process, sessions).serve


class _Attendant:
    """Serves the streams that other processes open, each about one session."""

    def __init__(self, process: Process, sessions: SessionTable) -> None:
        self._process = process
        self._sessions = sessions

    async def serve(self, stream: Stream, content: bytes) -> None:
        """Serve one stream to its end; raises ``ProtocolError`` on a malformed request."""
        request = unpack_record(content, ForwardedRequest)
        session = self._sessions.find(request.sid, request.cookies)
        if request.method:
            await self._answer(stream, request, session)
        elif session is None:
            await _send_answer(stream, error_answer(EngineError.UNKNOWN_SID))
        else:
            await self._upgrade(stream, session)

    async def _answer(
        self, stream: Stream, request: ForwardedRequest, session: Session | None
    ) -> None:
        head = SessionRequest(
            method=request.method,
            transport=request.transport,
            content_type=request.content_type,
            is_encoded=request.is_encoded,
        )
        answer = await answer_request(
            session,
            head,
            _http_receive(stream, session),
            max_bytes=self._process.options.max_payload_bytes,
        )
        if session is not None:
            self._sessions.settle(session)
        if answer is None:
            return
        await _send_answer(stream, answer)
        is_payload = request.method == "GET" and answer.status == HTTPStatus.OK
        if not await _is_delivered(stream) and is_payload and session is not None:
            # Packets left here that the client never got: a session never skips any.
            session.close("transport error", ending=Ending.LOST)

    async def _upgrade(self, stream: Stream, session: Session) -> None:
        options = self._process.options
        transport = WebSocketTransport(
            {"type": "websocket", "extensions": {FORWARDED_EXTENSION: {}}},
            _websocket_receive(stream),
            _websocket_send(stream),
            max_bytes=options.max_payload_bytes,
            outbox_bytes=options.outbox_bytes,
            outbox_messages=options.outbox_messages,
            on_overflow=lambda: session.close("forced close", keep=False),
        )
        try:
            await transport.accept()
            await session.upgrade(transport, timeout_s=options.upgrade_timeout_s)
        except SessionClosed:
            return


async def _send_answer(stream: Stream, answer: SessionAnswer) -> None:
    stream.note(pack_record(ForwardedAnswer(answer.status, answer.headers)))
    await stream.send(answer.body)


async def _is_delivered(stream: Stream) -> bool:
    """Wait until the other process says that the client was given its answer, or was not."""
    try:
        while not isinstance(item := await stream.receive(), EndFrame):
            pass
    except StreamBroken:
        return False
    return unpack_record(item.content, ForwardedEnd).is_done


def _http_receive(stream: Stream, session: Session | None) -> Receive:
    async def receive() -> Message:
        while True:
            try:
                item = await stream.receive()
            except StreamBroken:
                return {"type": "http.disconnect"}
            if isinstance(item, EndFrame):
                return {"type": "http.disconnect"}
            if isinstance(item, DataFrame):
                return {"type": "http.request", "body": item.data, "more_body": item.more}
            if isinstance(item, NoteFrame) and item.content == RECALL:
                _recall(session)

    return receive


def _recall(session: Session | None) -> None:
    polling = session.polling if session is not None else None
    if polling is not None:
        polling.poke()


def _websocket_receive(stream: Stream) -> Receive:
    is_connected = False

    async def receive() -> Message:
        nonlocal is_connected
        if not is_connected:
            is_connected = True
            return {"type": "websocket.connect"}
        while True:
            try:
                item = await stream.receive_whole()
            except StreamBroken:
                return {"type": "websocket.disconnect", "code": ABNORMAL_CLOSE}
            if isinstance(item, EndFrame):
                code = unpack_record(item.content, ForwardedEnd).code
                return {"type": "websocket.disconnect", "code": code}
            if isinstance(item, str):
                return {"type": "websocket.receive", "text": item}
            if isinstance(item, bytes):
                return {"type": "websocket.receive", "bytes": item}

    return receive


def _websocket_send(stream: Stream) -> Send:
    async def send(message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                stream.note(pack_record(ForwardedAnswer(HTTPStatus.SWITCHING_PROTOCOLS)))
            case "websocket.send":
                text = message.get("text")
                await stream.send(message["bytes"] if text is None else text)
            case "websocket.close":
                end = ForwardedEnd(code=message["code"], reason=message.get("reason", ""))
                stream.end(pack_record(end))

    return send
