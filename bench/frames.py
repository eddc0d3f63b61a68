"""The client's side of a WebSocket: frames and the opening handshake, to bytes and back.

Pure functions; no network. Only what a load generator meets: unfragmented text, ping and close.
Source: RFC 6455, sections 4.1 and 5.2.
"""

import base64
import os
from dataclasses import dataclass

TEXT = 0x1
CLOSE = 0x8
PING = 0x9
PONG = 0xA

_FINAL = 0x80
_MASKED = 0x80


class FrameError(ValueError):
    """The server sent what a server must not send, or what this client does not read."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The whole frames at the start of some bytes, and how many bytes they took."""

    items: list[tuple[int, bytes]]
    consumed: int


def opening(host: str, port: int, target: str) -> bytes:
    """The request that opens a WebSocket; without Origin and without asking for compression."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """One final frame, masked with a fresh key as RFC 6455 asks of clients."""
    length = len(payload)
    if length < 126:
        head = bytes((_FINAL | opcode, _MASKED | length))
    elif length < 65_536:
        head = bytes((_FINAL | opcode, _MASKED | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, _MASKED | 127)) + length.to_bytes(8, "big")
    mask = os.urandom(4)
    # One XOR of two long integers: some fifty times quicker than a loop over the bytes.
    key = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + masked.to_bytes(length, "big")


def read_frames(data: bytes) -> Frames:
    """The whole frames that ``data`` begins with, in order; a last, cut one stays unread.

    Raises ``FrameError`` on a fragmented, masked or compressed frame.
    """
    items: list[tuple[int, bytes]] = []
    start = 0
    available = len(data)
    while available - start >= 2:
        first, length = data[start], data[start + 1]
        if first & 0xF0 != _FINAL or length & _MASKED:
            raise FrameError(f"a frame that begins with {data[start : start + 2].hex()}")
        body = start + 2
        if length >= 126:
            size = 2 if length == 126 else 8
            body += size
            if available < body:
                break
            length = int.from_bytes(data[body - size : body], "big")
        if available < body + length:
            break
        items.append((first & 0x0F, data[body : body + length]))
        start = body + length
    return Frames(items, start)
