"""The sockets of one process as the rooms know them: their rows, their seats, their sign-in."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from realtime.exceptions import Refused
from realtime.namespaces.socket import LinkState
from rooms.accounts import Account
from rooms.gists import Gist
from rooms.people import Standing
from rooms.policy_values import Policy, Sanction
from rooms.presence import Place
from rooms.rechecking import Attendance
from rooms.registry import NamespaceDefaults
from rooms.shapes import Shape


class AttendedSocket(Protocol):
    """What a re-check, and staff, need of the consumer behind a socket."""

    @property
    def link_state(self) -> LinkState:
        """How its connection stands at this instant."""

    def own_policies(self, names: list[str]) -> Awaitable[Mapping[str, Policy | None] | None]:
        """Give what the application asks of these rooms; None where the rows are asked."""

    def evicted(self, room: str, refused: Refused, *, tell: bool) -> None:
        """Let nothing more of a room reach this socket, and ``tell`` it why, without waiting."""

    def note_eviction(self, room: str, refused: Refused) -> None:
        """Count and log it, once all who had to go have heard of it."""

    def rights_changed(self, room: str, gist: Gist) -> None:
        """Tell a client that has asked what its person may do in a room by now; never waits."""

    def role_changed(self, room: str, user: Shape, role: str | None) -> None:
        """Tell a client that has asked that of somebody else's new role there; never waits."""

    def mute_changed(self, room: str, mute: Sanction | None) -> None:
        """Tell this socket what keeps it from writing in a room, or that nothing does any more."""

    def end(self, code: str) -> None:
        """End this socket and tell it why."""

    def has_left(self, room: str) -> Awaitable[None]:
        """Run once this socket's seat in a room is free."""


@dataclass(slots=True)
class Seated:
    """A socket's place in a room, as its process remembers it."""

    room: str
    room_id: int
    standing: Standing
    # What it knows to keep it from writing here.
    mute: Sanction | None = None
    # The person's role here when the others in the room were told of it last.
    known_role: str | None = None
    # Whether it has asked what it may do here, and what it was told then.
    has_asked_rights: bool = False
    told_rights: Gist | None = None


@dataclass(slots=True)
class Attendee:
    """One socket of this process: its row, its seats by room name, and what it signed in with.

    ``account`` is what the last re-check read. ``has_lost_rows``: its rows are gone without it,
    with the user's own.
    """

    place: Place
    announce_max: int
    socket: AttendedSocket
    defaults: NamespaceDefaults | None = None
    session_key: str | None = None
    auth_hash: str | None = None
    seats: dict[str, Seated] = field(default_factory=dict)
    account: Account | None = None
    has_lost_rows: bool = False
    # The rooms that it was told of, by name, once it has asked; and whether to look again soon.
    told: dict[str, Shape] | None = None
    is_list_due: bool = False
    # Whether it asked for a part of the list, and the rest has not been looked at since.
    is_partial: bool = False
    # Rooms that it was evicted from and whose seats are being freed: who joins again waits.
    leaving: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def attendance(self, own_policies: Mapping[str, Policy | None] | None = None) -> Attendance:
        """Give what a re-check asks about."""
        return Attendance(
            socket_id=self.place.socket_id,
            namespace=self.place.namespace,
            person=self.place.person,
            rooms=tuple((seat.room, seat.room_id) for seat in self.seats.values()),
            shown=frozenset(seat.room for seat in self.seats.values() if seat.has_asked_rights),
            session_key=self.session_key,
            auth_hash=self.auth_hash,
            defaults=self.defaults,
            own_policies=own_policies,
        )
