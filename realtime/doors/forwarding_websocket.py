"""A WebSocket that upgrades a session of another process: its messages pass on to the owner.

Both ways in order and bounded: what the client does not read stays with the owner, whose outbox
has the limits, and what the owner does not take is not read from the client.
"""

import asyncio
from http import HTTPStatus

from realtime.adapters.link_frames import EndFrame, NoteFrame
from realtime.adapters.links import Links, Reach
from realtime.adapters.streams import Stream, StreamBroken
from realtime.doors.engine_requests import EngineError
from realtime.doors.forwarding import unavailable_answer
from realtime.doors.forwarding_records import (
    ForwardedAnswer,
    ForwardedEnd,
    ForwardedRequest,
    pack_record,
    unpack_record,
)
from realtime.exceptions import ProtocolError, SessionClosed
from realtime.namespaces.door import JSON_HEADERS
from realtime.namespaces.process import Process
from realtime.protocol.wire_message import WireMessage
from realtime.transports.websocket import WebSocketTransport

# "Service restart": a client may come back at once.
OWNER_GONE = 1012
# "Policy violation": it sends more than is taken, on a server that cannot stop reading.
TOO_FAST = 1008
NO_CODE = 1005


async def forward_websocket(
    process: Process, request: ForwardedRequest, transport: WebSocketTransport
) -> None:
    """Let the session's owner take the WebSocket over; serve it until either side ends it.

    Raises ``SessionClosed`` when the client leaves before it is accepted.
    """
    links = process.adapter.links
    owner = request.sid[: len(process.id)]
    reach = await links.reach(owner) if links is not None else Reach.GONE
    if links is None or reach is not Reach.LIVES:
        await _refuse(transport, reach)
        return
    stream = links.open(owner, pack_record(request))
    forwarded = _ForwardedWebSocket(stream, transport)
    process.connections.add(forwarded)
    try:
        if await _is_accepted(stream, transport, links):
            await forwarded.run()
    finally:
        process.connections.discard(forwarded)
        stream.end(pack_record(ForwardedEnd(code=forwarded.code)))


async def _refuse(transport: WebSocketTransport, reach: Reach) -> None:
    if reach is Reach.GONE:
        unknown = EngineError.UNKNOWN_SID
        await transport.refuse(unknown.status, unknown.body, JSON_HEADERS)
    else:
        answer = unavailable_answer()
        await transport.refuse(answer.status, answer.body, answer.headers)


async def _is_accepted(stream: Stream, transport: WebSocketTransport, links: Links) -> bool:
    try:
        head = await stream.receive()
        if not isinstance(head, NoteFrame):
            raise ProtocolError("an answer begins with its head")
        answer = unpack_record(head.content, ForwardedAnswer)
        if answer.status != HTTPStatus.SWITCHING_PROTOCOLS:
            body = await stream.receive_whole()
            await transport.refuse(
                answer.status, body if isinstance(body, bytes) else b"", JSON_HEADERS
            )
            return False
    except StreamBroken:
        await _refuse(transport, await links.reach(stream.peer))
        return False
    await transport.accept()
    return True


class _ForwardedWebSocket:
    """One WebSocket under way between its client and the session's owner."""

    def __init__(self, stream: Stream, transport: WebSocketTransport) -> None:
        self._stream = stream
        self._transport = transport
        self.code = NO_CODE

    def go_away(self) -> None:
        """Close so that the client comes back, to another process."""
        self._end(OWNER_GONE)

    async def run(self) -> None:
        """Pass messages on both ways until either side ends it."""
        reading = asyncio.create_task(self._read(), name="forward websocket")
        try:
            await self._write()
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            await self._transport.closed()

    async def _write(self) -> None:
        while True:
            try:
                item = await self._stream.receive_whole()
            except StreamBroken:
                self._end(OWNER_GONE)
                return
            if isinstance(item, EndFrame):
                end = unpack_record(item.content, ForwardedEnd)
                self._transport.close(end.code, end.reason)
                return
            if isinstance(item, NoteFrame):
                continue
            if not await self._transport.send_patiently(WireMessage(item)):
                self._end(self.code)
                return

    async def _read(self) -> None:
        while True:
            try:
                message = await self._transport.receive()
            except SessionClosed as closed:
                self._end(closed.code)
                return
            if not self._stream.is_writable and not await self._may_wait():
                self._end(TOO_FAST)
                return
            try:
                await self._stream.send(message)
            finally:
                self._transport.resume_reading()

    async def _may_wait(self) -> bool:
        if not self._transport.can_stop_reading:
            return False
        self._transport.pause_reading()
        return True

    def _end(self, code: int | None) -> None:
        self.code = NO_CODE if code is None else code
        self._transport.close(self.code if self.code != NO_CODE else 1000)
        self._stream.end(pack_record(ForwardedEnd(code=self.code)))
