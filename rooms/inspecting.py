"""How one connection stands at this instant: asked of the process that serves it, for staff.

The rows say who is where; only the process knows what waits for a client, and when it last
answered.
"""

from dataclasses import asdict, dataclass
from typing import Any

from realtime.exceptions import UsageError
from realtime.namespaces.notices import ask_from_thread
from realtime.namespaces.process import current_process_id
from realtime.namespaces.signals import process_noticed
from rooms.backstage import backstages

INSPECT = "rooms.inspect"
# How long a page waits for the process; the one asked answers within milliseconds.
ANSWER_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the process says of a socket.

    ``waiting_bytes`` wait for the client, ``waiting_events`` of the client's for their handler.
    ``answered_s`` seconds ago the client answered a ping (Socket.IO) or sent a frame (plain door);
    None before the first. ``rooms`` are names.
    """

    transport: str
    waiting_bytes: int
    waiting_events: int
    answered_s: float | None
    rooms: tuple[str, ...]


def inspect_from_thread(socket_id: str) -> Inspection | None:
    """Ask about one socket, from synchronous code; None where no process has answered in time."""
    try:
        echoes = ask_from_thread(INSPECT, socket_id, timeout_s=ANSWER_WITHIN_S)
    except UsageError:
        # In-memory layer: whoever serves the sockets is another process.
        return None
    for answer in echoes.answers:
        return Inspection(**{**answer, "rooms": tuple(answer["rooms"])})
    return None


async def hear_question(*, topic: str, args: list[Any], **_: object) -> dict[str, Any] | None:
    """Answer for a socket of this process; None for others'."""
    if topic != INSPECT:
        return None
    (socket_id,) = args
    attendee = backstages.of(current_process_id()).attendees.get(socket_id)
    if attendee is None:
        return None
    return {**asdict(attendee.socket.link_state), "rooms": sorted(attendee.seats)}


def connect_questions() -> None:
    """Listen to what staff ask through other processes."""
    process_noticed.connect(hear_question, dispatch_uid="rooms.inspecting.hear_question")
