"""WebSocket frames of a server: unmasked, unfragmented, uncompressed.

Written once and shared by every socket that hears the same event.
Source: RFC 6455 section 5.2.
"""

from struct import Struct

_SHORT = Struct("!BB")
_MEDIUM = Struct("!BBH")
_LONG = Struct("!BBQ")
_TEXT = 0x81
_BINARY = 0x82
_MAX_SHORT = 125
_MAX_MEDIUM = 0xFFFF


def encode_frame(data: str | bytes) -> bytes:
    """Return one final frame: text for ``str``, binary for ``bytes``."""
    if isinstance(data, str):
        first, payload = _TEXT, data.encode()
    else:
        first, payload = _BINARY, data
    size = len(payload)
    if size <= _MAX_SHORT:
        return _SHORT.pack(first, size) + payload
    if size <= _MAX_MEDIUM:
        return _MEDIUM.pack(first, 126, size) + payload
    return _LONG.pack(first, 127, size) + payload
