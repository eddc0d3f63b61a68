"""Taps: packets of some sockets, decoded and redacted, for staff who look on.

A socket without a tap pays one test of an attribute. A tap belongs to whoever polls it: with no
poll for ``TAP_LEASE_S`` it ends by itself, so that one whose command died costs nothing for long.
What is not fetched in time is dropped and counted.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from realtime.exceptions import ProtocolError, UsageError
from realtime.namespaces.redacting import hide_in_links, redact
from realtime.namespaces.running import find_process
from realtime.protocol.msgpack_packets import MsgpackPacketDecoder
from realtime.protocol.socket_packets import SocketPacket, SocketPacketDecoder, SocketType
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import PLAIN_WIRE
from realtime.transports.base import SendMessage

if TYPE_CHECKING:
    from realtime.namespaces.process import Process
    from realtime.namespaces.socket import Socket

logger = logging.getLogger(__name__)

TAP = "realtime.tap"
TAP_LEASE_S = 5.0
MAX_TAPS = 16
# What waits for the next poll; beyond it entries are dropped.
MAX_ENTRIES = 250
# Our own packets are decoded: their limits are those of what we may send.
_NO_LIMIT = 1_000

Entry = dict[str, Any]


class TapRequest(msgspec.Struct, frozen=True):
    """Which sockets: those of one namespace (or all), of a person, one by its id, or about a room.

    ``texts`` shows texts too. ``ends`` takes the tap away.
    """

    id: str
    namespace: str | None = None
    room: str | None = None
    user: str | None = None
    socket_id: str | None = None
    texts: bool = False
    ends: bool = False

    def takes(self, socket: "Socket") -> bool:
        """Say whether a socket is one of them."""
        if self.namespace is not None and socket.namespace != self.namespace:
            return False
        if self.socket_id is not None and socket.socket_id != self.socket_id:
            return False
        return self.user is None or self.user == socket.consumer.identity.id


class Tap:
    """One look at some sockets: what they said and heard since the last poll."""

    def __init__(self, request: TapRequest, process_id: str) -> None:
        self.request = request
        # How many sockets were there to look at as it began.
        self.found = 0
        self.expires_at = 0.0
        self._process_id = process_id
        self._entries: deque[Entry] = deque()
        self._dropped = 0
        # A broadcast to a room's sockets is shown once, with their number.
        self._last: tuple[WireMessage, Entry] | None = None

    def take(self) -> tuple[list[Entry], int]:
        """Return what has come, and how much was dropped, since this was asked last."""
        entries, dropped = list(self._entries), self._dropped
        self._entries.clear()
        self._dropped = 0
        self._last = None
        return entries, dropped

    def came(self, socket: "Socket", kind: str, event: str | None, args: list[Any]) -> None:
        """Note an event or an ack of the client's."""
        if self._concerns(args, ()):
            shown = redact(event, args, texts=self.request.texts)
            self._add(socket, way="in", kind=kind, event=event, args=shown)

    def went(self, socket: "Socket", message: WireMessage, *, is_taken: bool) -> None:
        """Note a message to the client; ``is_taken`` is false for one that was dropped."""
        if self._last is not None and self._last[0] is message and is_taken:
            self._last[1]["sockets"] += 1
            return
        decoded = decode_message(socket, message)
        if decoded is None or not self._concerns(decoded[2], message.rooms):
            return
        kind, event, args = decoded
        entry = self._add(
            socket,
            way="out",
            kind=kind,
            event=event,
            args=redact(event, args, texts=self.request.texts),
            sockets=1,
            waiting_bytes=socket.waiting_bytes,
            dropped=not is_taken,
        )
        is_shared = self.request.room is not None and is_taken
        self._last = (message, entry) if entry is not None and is_shared else None

    def noted(self, socket: "Socket", what: str, about: dict[str, Any]) -> None:
        """Note a decision, or that a socket came or went."""
        if self.request.room is None or about.get("room") == self.request.room:
            # A room is named as it was typed, and a link may have been pasted there.
            shown = {
                name: hide_in_links(value) if isinstance(value, str) else value
                for name, value in about.items()
            }
            self._add(socket, way="note", kind=what, **shown)

    def _concerns(self, args: Any, rooms: Iterable[str]) -> bool:
        room = self.request.room
        if room is None or room in rooms:
            return True
        first = args[:2] if isinstance(args, list) else ()
        return any(
            item == room or (isinstance(item, dict) and item.get("room") == room) for item in first
        )

    def _add(self, socket: "Socket", **about: Any) -> Entry | None:
        if len(self._entries) >= MAX_ENTRIES:
            self._dropped += 1
            return None
        entry: Entry = {
            "at": time.time(),
            "process": self._process_id,
            "namespace": socket.namespace,
            "socket": socket.socket_id,
            "user": socket.consumer.identity.id,
            **about,
        }
        self._entries.append(entry)
        return entry


class SocketTaps:
    """The taps of one socket; what the socket tells them."""

    def __init__(self, socket: "Socket") -> None:
        self._socket = socket
        self.taps: list[Tap] = []

    def came(self, kind: str, event: Any, args: list[Any]) -> None:
        """An event or an ack came."""
        name = event if isinstance(event, str) else None
        for tap in self.taps:
            tap.came(self._socket, kind, name, args)

    def wrap(self, send: SendMessage) -> SendMessage:
        """Return a way to the client that is looked at."""

        def looked_at(message: WireMessage, volatile: bool = False) -> bool:
            is_taken = send(message, volatile)
            self.went(message, is_taken=is_taken)
            return is_taken

        return looked_at

    def went(self, message: WireMessage, *, is_taken: bool = True) -> None:
        """A message went, or was dropped."""
        for tap in self.taps:
            tap.went(self._socket, message, is_taken=is_taken)

    def noted(self, what: str, about: dict[str, Any]) -> None:
        """Something was decided."""
        for tap in self.taps:
            tap.noted(self._socket, what, about)


class Taps:
    """The taps on one process."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._taps: dict[str, Tap] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._taps)

    def poll(self, request: TapRequest) -> tuple[list[Entry], int]:
        """Return what a tap has seen; a new one begins to look.

        Raises ``UsageError`` where too many look already.
        """
        tap = self._taps.get(request.id)
        if request.ends:
            self._end([request.id])
            return ([], 0) if tap is None else tap.take()
        if tap is None:
            if len(self._taps) >= MAX_TAPS:
                raise UsageError(f"{MAX_TAPS} taps look at this process already")
            tap = self._taps[request.id] = Tap(request, self._process.id)
            for socket in self._process.sockets.values():
                tap.found += self._attach(tap, socket)
        loop = asyncio.get_running_loop()
        tap.expires_at = loop.time() + TAP_LEASE_S
        if self._timer is None:
            self._timer = loop.call_later(TAP_LEASE_S, self._expire)
        return tap.take()

    def see(self, socket: "Socket") -> None:
        """A socket is known by name now."""
        for tap in self._taps.values():
            self._attach(tap, socket)

    def stop(self) -> None:
        """Take all taps away."""
        self._end(list(self._taps))
        if self._timer is not None:
            self._timer.cancel()

    def found(self, request: TapRequest) -> int:
        """Return how many sockets a tap found as it began."""
        tap = self._taps.get(request.id)
        return tap.found if tap is not None else 0

    def _attach(self, tap: Tap, socket: "Socket") -> bool:
        if not tap.request.takes(socket):
            return False
        taps = socket.taps or SocketTaps(socket)
        taps.taps.append(tap)
        socket.tap(taps)
        return True

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._end([key for key, tap in self._taps.items() if tap.expires_at <= now])
        if self._taps:
            soonest = min(tap.expires_at for tap in self._taps.values())
            self._timer = loop.call_at(soonest, self._expire)

    def _end(self, keys: list[str]) -> None:
        ended = [tap for key in keys if (tap := self._taps.pop(key, None)) is not None]
        for socket in self._process.sockets.values() if ended else ():
            taps = socket.taps
            if taps is not None:
                taps.taps = [tap for tap in taps.taps if tap not in ended]
                socket.tap(taps if taps.taps else None)


async def hear_tap(*, topic: str, args: list[Any], **_: object) -> dict[str, Any] | None:
    """Answer a poll: what has been seen here; others' topics are no concern of ours."""
    process = find_process()
    if topic != TAP or process is None:
        return None
    request = msgspec.convert(args[0], TapRequest)
    try:
        entries, dropped = process.taps.poll(request)
    except UsageError as error:
        return {"process": process.id, "error": str(error), "entries": [], "dropped": 0}
    return {
        "process": process.id,
        "entries": entries,
        "dropped": dropped,
        "sockets": process.taps.found(request),
    }


def decode_message(
    socket: "Socket", message: WireMessage
) -> tuple[str, str | None, list[Any]] | None:
    """Return what kind of message goes to a client, its event's name, and its arguments.

    None for what holds none, such as a pong.
    """
    try:
        if socket.wire is PLAIN_WIRE:
            return _plain(msgspec.json.decode(message.parts[0]))
        packet = _decode_packet(message.parts)
    except (ProtocolError, msgspec.MsgspecError):
        logger.exception("our own message cannot be read", extra=socket.about())
        return None
    if packet is None or packet.data is None:
        return None
    if packet.type is SocketType.EVENT:
        return "event", packet.data[0], packet.data[1:]
    return ("ack", None, packet.data) if packet.type is SocketType.ACK else None


def _plain(frame: dict[str, Any]) -> tuple[str, str | None, list[Any]] | None:
    if "event" in frame:
        return "event", frame["event"], frame["args"]
    return ("ack", None, frame["args"]) if "ack" in frame else None


def _decode_packet(parts: tuple[str | bytes, ...]) -> SocketPacket | None:
    first, *attachments = parts
    decode: Callable[[str | bytes], SocketPacket | None]
    if isinstance(first, bytes):
        return MsgpackPacketDecoder(max_depth=_NO_LIMIT).feed(first)
    decode = SocketPacketDecoder(max_attachments=_NO_LIMIT, max_depth=_NO_LIMIT).feed
    packet = decode(first[1:])
    for attachment in attachments:
        packet = decode(attachment)
    return packet
