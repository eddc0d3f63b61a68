"""Reading a request's body: counted while it streams, in bounded time."""

import asyncio

from realtime.exceptions import ProtocolError, SessionClosed
from realtime.transports.base import Receive

READ_TIMEOUT_S = 10.0


class BodyTooLarge(ProtocolError):  # noqa: N818 - named as its HTTP status is
    """More bytes came than are allowed; reading stopped there."""


async def read_body(receive: Receive, *, max_bytes: int) -> bytes:
    """Return a whole request body.

    Raises ``BodyTooLarge``, ``SessionClosed`` when the client leaves, ``TimeoutError`` when it
    dawdles. What Content-Length says is not believed.
    """
    body = bytearray()
    async with asyncio.timeout(READ_TIMEOUT_S):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise SessionClosed("transport error")
            body += message.get("body", b"")
            if len(body) > max_bytes:
                raise BodyTooLarge(
                    f"more than {max_bytes} bytes in one body", limit="max_payload_bytes"
                )
            if not message.get("more_body"):
                return bytes(body)
