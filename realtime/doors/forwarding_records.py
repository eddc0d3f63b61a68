"""What the two processes of a forwarded request tell each other about it.

Records are msgpack maps: new fields have defaults, and unknown ones are ignored.
"""

from typing import TypeVar

import msgspec

from realtime.exceptions import ProtocolError

Record = TypeVar("Record")


class ForwardedRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request for a session of another process.

    ``method`` is empty for a WebSocket. ``cookies`` are those that bind a session, and only those
    that count; the Origin was judged where the request came in.
    """

    sid: str
    transport: str
    method: str = ""
    content_type: str = ""
    is_encoded: bool = False
    cookies: dict[str, str] = {}


class ForwardedAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner's answer without its body; 101 accepts a WebSocket."""

    status: int
    headers: list[tuple[bytes, bytes]] = []


class ForwardedEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a forwarded request ended.

    ``is_done`` says that the client was given its answer, ``code`` and ``reason`` close a
    WebSocket.
    """

    is_done: bool = False
    code: int = 1005
    reason: str = ""


# The one word that the process in front says while a request waits: answer it now.
RECALL = b"recall"


def pack_record(record: ForwardedRequest | ForwardedAnswer | ForwardedEnd) -> bytes:
    """Return a record as it travels."""
    return msgspec.msgpack.encode(record)


def unpack_record(content: bytes, kind: type[Record]) -> Record:
    """Return a record that travelled; raises ``ProtocolError`` on any other bytes."""
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ProtocolError("malformed record of a forwarded request") from error
