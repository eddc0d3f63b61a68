"""How our WebSocket classes end a connection: one deadline and one rule for the reason."""

from typing import Final

# What a peer gets to answer our close frame and to take what was written before it. Long enough
# for the other side of the world, short enough that a drain of a few seconds empties the process.
CLOSE_TIMEOUT_S: Final = 3.0
# What a message over the size limit is closed with.
TOO_BIG: Final = 1009
# RFC 6455 section 5.5: a control frame carries 125 bytes, two of which are the code.
_MAX_REASON_BYTES = 123


def fit_reason(reason: str) -> str:
    """Return the reason cut to what a close frame holds, never inside a character."""
    return reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
