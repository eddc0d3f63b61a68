"""What processes tell each other, as bytes: versioned, authenticated, one fixed type.

Whoever can write to the channel layer but does not know the key cannot make a process do
anything: what does not carry the right code is dropped. Unknown fields are ignored and new ones
have defaults, so that a release understands the messages of the release before it.
"""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from realtime.adapters.base import Broadcast, Number, Target
from realtime.adapters.link_frames import LayerLink
from realtime.exceptions import ProtocolError
from realtime.protocol.encoded_event import EncodedArgs, EncodedEvent

# The one type of our messages; Channels wants one in every message.
MESSAGE_TYPE = "realtime.deliver"
VERSION = 1
MAX_BODY_BYTES = 4 * 1_048_576
_MAC_BYTES = 16


class LayerEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag="event"):
    """A broadcast on its way to the other processes."""

    origin: str
    namespace: str
    event: str
    args: str
    attachments: tuple[bytes, ...] = ()
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    volatile: bool = False
    epoch: str | None = None
    offset: int | None = None
    # The how-many-th of its origin for the one room's group, where nothing else would show a loss.
    count: int | None = None

    @classmethod
    def of(cls, broadcast: Broadcast, *, origin: str, count: int | None = None) -> "LayerEvent":
        """Return the message that carries a broadcast."""
        number = broadcast.number
        return cls(
            origin=origin,
            namespace=broadcast.namespace,
            event=broadcast.event.name,
            args=broadcast.event.args.json,
            attachments=broadcast.event.args.attachments,
            rooms=broadcast.rooms,
            users=broadcast.users,
            excepted=broadcast.excepted,
            volatile=broadcast.volatile,
            epoch=number.epoch if number else None,
            offset=number.offset if number else None,
            count=count,
        )

    @property
    def is_for_room(self) -> bool:
        """Whether it is for one room and nobody else, numbered or counted there."""
        return self.offset is not None or self.count is not None

    def broadcast(self) -> Broadcast:
        """Return the broadcast that its origin published."""
        numbered = self.epoch is not None and self.offset is not None
        if numbered and len(self.rooms) != 1:
            raise ProtocolError("a numbered event is for one room")
        return Broadcast(
            namespace=self.namespace,
            event=EncodedEvent(self.event, EncodedArgs(self.args, self.attachments)),
            rooms=self.rooms,
            users=self.users,
            excepted=self.excepted,
            volatile=self.volatile,
            number=Number(self.epoch or "", self.offset or 0) if numbered else None,
        )


class LayerBundle(msgspec.Struct, frozen=True, omit_defaults=True, tag="bundle"):
    """Several broadcasts on their way, in order, for the same group."""

    origin: str
    events: tuple[LayerEvent, ...]


class LayerBeat(msgspec.Struct, frozen=True, omit_defaults=True, tag="beat"):
    """A process says that it lives, or that it leaves; ``asks`` wants the others to say so.

    ``counts`` are what it has sent to groups so far, and ``wants`` are groups whose counts it wants
    to be told by the others. ``probe`` is for itself: which way this came back.
    """

    origin: str
    leaves: bool = False
    asks: bool = False
    counts: dict[str, int] = {}
    wants: tuple[str, ...] = ()
    probe: str = ""


class LayerRequest(msgspec.Struct, frozen=True, omit_defaults=True, tag="request"):
    """Something that every process is asked to do for the sockets of a target."""

    origin: str
    id: str
    operation: str
    timeout_s: float
    namespace: str
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    content: bytes = b""

    @property
    def target(self) -> Target:
        """Whom it is about."""
        return Target(self.namespace, self.rooms, self.users, self.excepted)


class LayerReply(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply"):
    """One process's answer to a request; None where it could not do it."""

    origin: str
    id: str
    content: bytes | None = None


LayerMessage = LayerEvent | LayerBundle | LayerBeat | LayerRequest | LayerReply | LayerLink

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[LayerMessage] = msgspec.msgpack.Decoder(LayerMessage)


class EnvelopeCodec:
    """Seals with the first key; opens what any of the keys sealed, so that keys can change."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [blake2b(key.encode(), person=b"roomkey layer").digest() for key in keys]

    def seal(self, message: LayerMessage) -> dict[str, Any]:
        """Return the channel layer message that carries ``message``."""
        body = _encoder.encode(message)
        mac = _mac(self._keys[0], body)
        return {"type": MESSAGE_TYPE, "version": VERSION, "body": body, "mac": mac}

    def open(self, message: object) -> LayerMessage:
        """Return what was sealed; raises ``ProtocolError`` on anything that we did not seal."""
        if not isinstance(message, Mapping):
            raise ProtocolError("malformed layer message")
        body, mac = message.get("body"), message.get("mac")
        if message.get("type") != MESSAGE_TYPE or message.get("version") != VERSION:
            raise ProtocolError("unknown type or version of a layer message")
        if not isinstance(body, bytes) or not isinstance(mac, bytes) or len(body) > MAX_BODY_BYTES:
            raise ProtocolError("malformed layer message")
        if not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys):
            raise ProtocolError(
                "layer message with a wrong code: of another SECRET_KEY, or not ours"
            )
        try:
            return _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ProtocolError("malformed layer message") from error


def _mac(key: bytes, body: bytes) -> bytes:
    return blake2b(body, key=key, digest_size=_MAC_BYTES).digest()
