"""Requests for sessions of other processes: handed to the owner, answered with what it says.

The owner alone knows the session and judges the request; here stands only the client. Between the
two is a stream of the adapter's links (see docs/decisions/0008-no-sticky-sessions.md).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from realtime.adapters.link_frames import NoteFrame
from realtime.adapters.links import Links, Reach
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
from realtime.doors.http_answers import JSON, NO_STORE, Headers
from realtime.doors.session_requests import SessionAnswer, SessionRequest, error_answer
from realtime.exceptions import ProtocolError
from realtime.namespaces.process import Process, ProcessState
from realtime.transports.base import Receive

logger = logging.getLogger(__name__)

# How long an owner may take to answer a request that we took back.
RECALL_TIMEOUT_S = 2.0
RECALL_PAUSE_S = 0.25


def forwarded_request(
    sid: str, request: SessionRequest, cookies: Mapping[str, str]
) -> ForwardedRequest:
    """Return what the owner is told of a request."""
    return ForwardedRequest(
        sid=sid,
        transport=request.transport,
        method=request.method,
        content_type=request.content_type,
        is_encoded=request.is_encoded,
        cookies=dict(cookies),
    )


def unavailable_answer() -> SessionAnswer:
    """Return the answer while nobody knows whether the session's owner lives."""
    headers: Headers = [*JSON, *NO_STORE, (b"retry-after", b"1")]
    return SessionAnswer(HTTPStatus.SERVICE_UNAVAILABLE, headers, EngineError.BAD_REQUEST.body)


@asynccontextmanager
async def forward_request(
    process: Process, links: Links, request: ForwardedRequest, receive: Receive
) -> AsyncIterator[SessionAnswer | None]:
    """Have the owner answer one plain request: the block gives that answer to the client.

    None where the client left before it came. The owner is told whether the block came to its end.
    """
    owner = request.sid[: len(process.id)]
    reach = await links.reach(owner)
    if reach is not Reach.LIVES:
        unknown = error_answer(EngineError.UNKNOWN_SID)
        yield unknown if reach is Reach.GONE else unavailable_answer()
        return
    forwarded = _ForwardedRequest(links.open(owner, pack_record(request)), links)
    process.connections.add(forwarded)
    if process.state is ProcessState.DRAINING:
        forwarded.go_away_soon()
    try:
        # One byte beyond the limit is enough for the owner to see that it is too much.
        most_bytes = process.options.max_payload_bytes + 1 if request.method == "POST" else 0
        answer = await forwarded.run(receive, most_bytes=most_bytes)
        yield answer
        forwarded.is_done = answer is not None
    finally:
        process.connections.discard(forwarded)
        forwarded.finish()


class _ForwardedRequest:
    """One plain request under way at its owner."""

    def __init__(self, stream: Stream, links: Links) -> None:
        self._stream = stream
        self._links = links
        self._is_left = False
        self._timer: asyncio.TimerHandle | None = None
        self.is_done = False

    def go_away(self) -> None:
        """Have the owner answer now: the client asks again, another process."""
        if self._timer is None:
            self._recall()

    def go_away_soon(self) -> None:
        """Do so in a moment: the client may not have found another process yet."""
        self._timer = asyncio.get_running_loop().call_later(RECALL_PAUSE_S, self._recall)

    def _recall(self) -> None:
        self._stream.note(RECALL)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(RECALL_TIMEOUT_S, self._stream.break_off)

    def finish(self) -> None:
        """Tell the owner how it ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._stream.end(pack_record(ForwardedEnd(is_done=self.is_done)))

    async def run(self, receive: Receive, *, most_bytes: int) -> SessionAnswer | None:
        """Return the owner's answer; None where the client left before it came."""
        pump = asyncio.create_task(self._pump(receive, most_bytes), name="forward request")
        answer: SessionAnswer | None
        try:
            answer = await self._answer()
        except StreamBroken:
            answer = None if self._is_left else await self._lost()
        except ProtocolError:
            logger.warning("malformed answer of a session's owner")
            answer = await self._lost()
        finally:
            pump.cancel()
        return None if self._is_left else answer

    async def _answer(self) -> SessionAnswer:
        head = await self._stream.receive()
        if not isinstance(head, NoteFrame):
            raise ProtocolError("an answer begins with its head")
        told = unpack_record(head.content, ForwardedAnswer)
        body = await self._stream.receive_whole()
        if not isinstance(body, bytes):
            raise ProtocolError("an answer's body is bytes")
        return SessionAnswer(told.status, told.headers, body)

    async def _lost(self) -> SessionAnswer:
        """Return the answer after which the client comes back by itself."""
        if await self._links.reach(self._stream.peer) is Reach.AWAY:
            return unavailable_answer()
        return error_answer(EngineError.UNKNOWN_SID)

    async def _pump(self, receive: Receive, most_bytes: int) -> None:
        """Pass the body on, and that the client left."""
        while (message := await receive())["type"] != "http.disconnect":
            body = message.get("body", b"")[:most_bytes]
            if most_bytes > 0:
                most_bytes -= len(body)
                await self._stream.send(body, more=message.get("more_body", False))
        self._is_left = True
        self.finish()
