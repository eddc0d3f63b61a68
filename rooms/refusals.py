"""The answer to a denied event: a decision in the words and fields that clients read.

Pure. Source: DESIGN section 6, "A denied or faulty event's ack".
"""

import math
from typing import Any

from realtime.exceptions import Refused
from rooms.denials import Code, denial_message
from rooms.policy_values import Decision
from rooms.shapes import instant


def refusal(
    decision: Decision, room: str, *, ref: str | None = None, attempts_left: int | None = None
) -> Refused:
    """Give what the client is answered; fields that say nothing are left out."""
    data: dict[str, Any] = {"room": room}
    if decision.retry_after_s is not None:
        data["retry_after"] = math.ceil(decision.retry_after_s)
    if decision.until is not None:
        data["until"] = instant(decision.until)
    if attempts_left is not None and decision.code == Code.WRONG_PASSWORD:
        data["attempts_left"] = attempts_left
    if decision.stated_reason:
        data["reason"] = decision.stated_reason
    if ref is not None:
        data["ref"] = ref
    return Refused(decision.code, decision.reason, **data)


def not_joined(room: str) -> Refused:
    """Give the answer about a room that this socket is not in, whether or not it exists."""
    return Refused(Code.NOT_JOINED.value, denial_message(Code.NOT_JOINED, room), room=room)


def throttled(room: str, retry_after_s: int) -> Decision:
    """Give the denial of a password that is not even looked at, after too many tries."""
    return Decision(
        allowed=False,
        code=Code.RATE_LIMITED.value,
        reason=denial_message(Code.RATE_LIMITED, room, retry_after_s=retry_after_s),
        rule="password_tries",
        retry_after_s=retry_after_s,
    )
