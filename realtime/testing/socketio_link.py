"""The client's side of Socket.IO: the sockets of one session, by namespace.

Source: Socket.IO protocol v5. The reasons of an end are the official client's words.
"""

import asyncio
from typing import Any

from realtime.exceptions import SessionClosed
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent
from realtime.protocol.engine_packets import EnginePacket, EngineType, encode_packet
from realtime.protocol.socket_packets import SocketPacket, SocketType
from realtime.testing.engine_clients import EngineClient
from realtime.testing.heard import Heard
from realtime.testing.links import Inbox, refused_by
from realtime.testing.socketio_codecs import Codec

_PONG = encode_packet(EnginePacket(EngineType.PONG))


class SocketIoLink:
    """A session and its sockets."""

    door = "socket.io"

    def __init__(self, engine: EngineClient, codec: Codec) -> None:
        self._engine = engine
        self._codec = codec
        self._inboxes: dict[str, Inbox] = {}
        self._decoder = codec.decoder()
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="test reader")

    @property
    def transport(self) -> str:
        """``websocket`` or ``polling``."""
        return self._engine.transport

    async def enter(self, namespace: str, auth: dict[str, Any], inbox: Inbox) -> None:
        """Send CONNECT."""
        self._inboxes[namespace] = inbox
        await self._engine.send(self._codec.connect(namespace, auth))

    async def send_event(self, namespace: str, event: EncodedEvent, ack_id: int | None) -> None:
        """Send EVENT."""
        await self._engine.send(self._codec.event(namespace, event, ack_id))

    async def send_ack(self, namespace: str, ack_id: int, args: EncodedArgs) -> None:
        """Send ACK."""
        await self._engine.send(self._codec.ack(namespace, ack_id, args))

    async def send_probe(self, namespace: str, ack_id: int) -> None:
        """Send an event with a number for its name: handled in its turn, and by no handler."""
        await self._engine.send(self._codec.probe(namespace, ack_id))

    async def leave(self, namespace: str) -> None:
        """Send DISCONNECT."""
        inbox = self._inboxes.pop(namespace, None)
        if inbox is not None:
            await self._engine.send(self._codec.disconnect(namespace))
            inbox.ended("io client disconnect")

    async def close(self) -> None:
        """Close the session."""
        try:
            await self._engine.close()
        finally:
            await self._stop("io client disconnect")

    async def drop(self) -> None:
        """Lose the session."""
        try:
            await self._engine.drop()
        finally:
            await self._stop("transport close")

    async def _stop(self, reason: str) -> None:
        self._end(reason)
        self._reader.cancel()
        await asyncio.wait({self._reader})
        if not self._reader.cancelled():
            self._reader.result()

    async def _read(self) -> None:
        reason, code = "transport error", None
        try:
            while True:
                packet = await self._engine.receive()
                if packet.type is EngineType.PING:
                    await self._engine.send([_PONG])
                elif packet.type is EngineType.CLOSE:
                    reason = "transport close"
                    return
                elif packet.type is EngineType.MESSAGE:
                    whole = self._decoder.feed(packet.data)
                    if whole is not None:
                        self._take(whole)
        except SessionClosed as closed:
            reason, code = closed.reason, closed.code
        finally:
            self._end(reason, code)

    def _take(self, packet: SocketPacket) -> None:
        inbox = self._inboxes.get(packet.namespace)
        if inbox is None:
            # We have just left; the server did not know yet.
            return
        data = packet.data
        match packet.type:
            case SocketType.CONNECT:
                inbox.connected(data)
            case SocketType.CONNECT_ERROR:
                del self._inboxes[packet.namespace]
                inbox.refused(refused_by(data["message"], data.get("data")))
            case SocketType.EVENT:
                inbox.heard(Heard(data[0], tuple(data[1:]), packet.ack_id))
            case SocketType.ACK if packet.ack_id is not None:
                inbox.answered(packet.ack_id, tuple(data))
            case SocketType.DISCONNECT:
                del self._inboxes[packet.namespace]
                inbox.ended("io server disconnect")
            case _:
                pass

    def _end(self, reason: str, code: int | None = None) -> None:
        for inbox in self._inboxes.values():
            inbox.ended(reason, code)
        self._inboxes.clear()
