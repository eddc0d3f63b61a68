"""What passes on a link between two processes: its messages, and the frames of streams in them.

A stream's number is positive in frames of the process that opened it and negative in those of the
other, so that both may open streams at any time.
"""

import msgspec

from realtime.exceptions import ProtocolError


class LayerLink(msgspec.Struct, frozen=True, omit_defaults=True, tag="link"):
    """A message on the link between two processes; see ``Link``.

    ``mine`` and ``yours`` name the two halves of the link, ``taken`` is the number up to which
    the other's messages arrived, ``again`` asks for those after it, and ``resets`` says that the
    half ``yours`` has no other half any more.
    """

    origin: str
    mine: str = ""
    yours: str = ""
    number: int = 0
    frames: tuple[bytes, ...] = ()
    taken: int = 0
    again: bool = False
    resets: bool = False


class OpenFrame(msgspec.Struct, frozen=True, tag="open"):
    """A stream begins; ``content`` says what is wanted."""

    stream: int
    content: bytes


class DataFrame(msgspec.Struct, frozen=True, omit_defaults=True, tag="data"):
    """A piece of some bytes; ``more`` says that it is not the last one."""

    stream: int
    data: bytes
    more: bool = False


class TextFrame(msgspec.Struct, frozen=True, omit_defaults=True, tag="text"):
    """A piece of a text; ``more`` says that it is not the last one."""

    stream: int
    data: str
    more: bool = False


class NoteFrame(msgspec.Struct, frozen=True, tag="note"):
    """A word about the stream, in order with its data, and never held back."""

    stream: int
    content: bytes


class GrantFrame(msgspec.Struct, frozen=True, tag="grant"):
    """So much of the data sent was used: as much more may come."""

    stream: int
    size: int


class EndFrame(msgspec.Struct, frozen=True, tag="end"):
    """The stream is over in both directions; ``content`` says how."""

    stream: int
    content: bytes


Frame = OpenFrame | DataFrame | TextFrame | NoteFrame | GrantFrame | EndFrame

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def encode_link_frame(frame: Frame) -> bytes:
    """Return a frame as it travels."""
    return _encoder.encode(frame)


def decode_link_frame(content: bytes) -> Frame:
    """Return a frame that travelled; raises ``ProtocolError`` on anything else."""
    try:
        return _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ProtocolError("malformed frame on a link between processes") from error
