"""One message for the wire, made once and shared by every socket that is sent it."""

from functools import cached_property

from realtime.protocol.engine_packets import EnginePacket, EngineType, encode_packet
from realtime.protocol.websocket_frames import encode_frame


class WireMessage:
    """What leaves together and in order: a text, and the attachments that belong to it.

    ``parts`` are the payloads of WebSocket messages (``str`` text, ``bytes`` binary). They are
    one unit, so that no other packet comes between a packet and its attachments.
    """

    def __init__(self, *parts: str | bytes) -> None:
        self.parts = parts
        # Set where the message can be recovered: its offset, and the rooms that it was for.
        self.offset: str | None = None
        self.rooms: tuple[str, ...] = ()

    @cached_property
    def frames(self) -> bytes:
        """The finished server frames of all parts, joined."""
        if len(self.parts) == 1:
            return encode_frame(self.parts[0])
        return b"".join(map(encode_frame, self.parts))

    @cached_property
    def packets(self) -> tuple[str, ...]:
        """The parts as engine packets of a polling payload: bytes are base64 text."""
        return tuple(
            part if isinstance(part, str) else encode_packet(EnginePacket(EngineType.MESSAGE, part))
            for part in self.parts
        )

    @cached_property
    def size(self) -> int:
        """Bytes on a WebSocket, frame headers included."""
        return len(self.frames)
