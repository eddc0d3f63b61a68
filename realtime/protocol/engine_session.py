"""The state machine of one Engine.IO session: handshake and heartbeat.

Time is an argument (``now``, monotonic seconds). What leaves and enters are packets; who carries
them, WebSocket or polling, is not known here.
Source: Engine.IO protocol v4, "Protocol" and "Heartbeat".
"""

from dataclasses import dataclass
from enum import Enum

from realtime.exceptions import ProtocolError, SessionClosed
from realtime.protocol.engine_packets import EnginePacket, EngineType
from realtime.protocol.json_text import encode_json


class Due(Enum):
    """What a session must do at its deadline."""

    NOTHING = "nothing"
    PING = "ping"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the open packet promises; times in seconds, sizes in bytes."""

    sid: str
    upgrades: tuple[str, ...]
    ping_interval_s: float
    ping_timeout_s: float
    max_payload_bytes: int

    def open_packet(self) -> EnginePacket:
        """Return the first packet; exactly five keys, times in milliseconds."""
        promise = {
            "sid": self.sid,
            "upgrades": list(self.upgrades),
            "pingInterval": round(self.ping_interval_s * 1000),
            "pingTimeout": round(self.ping_timeout_s * 1000),
            "maxPayload": self.max_payload_bytes,
        }
        return EnginePacket(EngineType.OPEN, encode_json(promise))


class Heartbeat:
    """Server pings, client answers: says when the next step is due and which.

    A ping leaves ``interval_s`` after the handshake and after each pong; a client that has not
    answered after ``timeout_s`` is gone. ``answered_at`` is when it last did.
    """

    def __init__(self, *, interval_s: float, timeout_s: float, now: float) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._awaits_pong = False
        self.answered_at: float | None = None
        self.deadline = now + interval_s

    def due(self, now: float) -> Due:
        """Return what to do now, and move the deadline on."""
        if now < self.deadline:
            return Due.NOTHING
        if self._awaits_pong:
            return Due.CLOSE
        self._awaits_pong = True
        self.deadline = now + self._timeout_s
        return Due.PING

    def excuse(self, now: float) -> None:
        """Give the client its whole time again: we were the ones who did not read."""
        self.deadline = now + (self._timeout_s if self._awaits_pong else self._interval_s)

    def pong(self, now: float) -> None:
        """Take the client's answer; one that nobody asked for changes nothing."""
        if self._awaits_pong:
            self._awaits_pong = False
            self.answered_at = now
            self.deadline = now + self._interval_s


def read_packet(packet: EnginePacket, heartbeat: Heartbeat, now: float) -> str | bytes | None:
    """Take one packet of an open session; return a message's content, or None.

    Raises ``SessionClosed`` when the client ends the session, ``ProtocolError`` when it pings:
    only servers do. OPEN, UPGRADE and NOOP mean nothing outside an upgrade and are ignored.
    """
    match packet.type:
        case EngineType.MESSAGE:
            return packet.data
        case EngineType.PONG:
            heartbeat.pong(now)
        case EngineType.CLOSE:
            raise SessionClosed("transport close")
        case EngineType.PING:
            raise ProtocolError("invalid heartbeat direction")
        case _:
            pass
    return None
