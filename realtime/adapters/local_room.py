"""One room as one process knows it: its sockets here, who is still joining, its numbered events."""

import asyncio
from dataclasses import dataclass, field

from realtime.adapters.base import Member
from realtime.adapters.feed import Feed
from realtime.protocol.wire_message import WireMessage

# A socket whose join takes so long that this much piles up is sent away.
MAX_HELD = 1_000

Members = dict[str, Member]


@dataclass(slots=True)
class Held:
    """A message that waits until its socket has joined."""

    message: WireMessage
    volatile: bool
    offset: int | None


@dataclass(slots=True)
class LocalRoom:
    """A room with at least one socket here."""

    members: Members = field(default_factory=dict)
    # Sockets whose join is not finished, with what came meanwhile.
    holds: dict[str, list[Held]] = field(default_factory=dict)
    # Sockets that have read up to an offset which this process has yet to deliver.
    read_upto: dict[str, int] = field(default_factory=dict)
    feed: Feed = field(default_factory=Feed)
    filler: asyncio.Task[None] | None = None

    def hold(self, member: Member, item: Held) -> None:
        """Keep a message back for a socket that is joining."""
        held = self.holds[member.socket_id]
        if len(held) < MAX_HELD:
            held.append(item)
        else:
            member.overflow()
