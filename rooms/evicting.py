"""Carrying verdicts out: one synchronous pass over the sockets that a re-check has asked about.

Nothing here waits, so that between the first who is sent away and the last nobody hears anything
else of the room. Frees no seats and keeps no records: that has time. Source: DESIGN section 7.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from realtime.exceptions import Refused
from rooms.attendees import Attendee, Seated
from rooms.denials import Code, denial_message
from rooms.policy_values import Sanction
from rooms.rechecking import SIGNED_OUT, Verdict
from rooms.shapes import instant

# What somebody is told who is no longer let into a room, beside the code and the message.
_KICKED_FIELDS = ("reason", "until", "ref")


@dataclass(frozen=True, slots=True)
class Judged:
    """A socket, what is to become of it, and the seats that it had when that was asked."""

    attendee: Attendee
    verdict: Verdict
    seats: Mapping[str, Seated]


@dataclass(frozen=True, slots=True)
class Vacated:
    """A socket that had to leave rooms: its seats there, which are to be freed, and why."""

    attendee: Attendee
    seats: tuple[tuple[Seated, Refused], ...]


@dataclass(frozen=True, slots=True)
class NewRole:
    """A role that somebody who is in a room has by now, or has lost; ``key`` is the person's."""

    namespace: str
    room: str
    key: str
    name: str
    role: str | None


@dataclass(slots=True)
class Evictions:
    """What carrying verdicts out has done.

    ``counts`` are rooms that were left, and sockets that ended, by namespace. ``roles`` are those
    that the others in the rooms do not know of yet.
    """

    counts: Counter[str] = field(default_factory=Counter)
    vacated: list[Vacated] = field(default_factory=list)
    roles: set[NewRole] = field(default_factory=set)


def carry_out(judged: Iterable[Judged], *, tell: bool = True) -> Evictions:
    """Send away whom the verdicts say; a seat that was taken anew since is left alone.

    Without ``tell`` those who have to leave a room hear nothing of it from here.
    """
    done = Evictions()
    for item in judged:
        attendee, verdict = item.attendee, item.verdict
        # Of a seat that was taken meanwhile this account says nothing yet.
        is_all = all(item.seats.get(room) is seat for room, seat in attendee.seats.items())
        attendee.account = verdict.account if is_all else None
        if verdict.ended:
            attendee.has_lost_rows = verdict.ended == SIGNED_OUT
            attendee.socket.end(verdict.ended)
            done.counts[attendee.place.namespace] += 1
            continue
        for room in verdict.standings:
            if (seat := attendee.seats.get(room)) is item.seats.get(room) and seat is not None:
                _stay(item, room, seat)
                done.roles |= _new_role(attendee, seat)
        left = _put_out(item, tell=tell)
        if left:
            done.vacated.append(Vacated(attendee, left))
            done.counts[attendee.place.namespace] += len(left)
    return done


def kicked(room: str, refused: Refused) -> dict[str, object]:
    """Give what somebody is told who has to leave a room."""
    about = {key: refused.data[key] for key in _KICKED_FIELDS if key in refused.data}
    return {"room": room, "code": refused.code, "message": refused.message, **about}


def muted(room: str, mute: Sanction) -> dict[str, object]:
    """Give what somebody is told who may read but not write."""
    return {
        "room": room,
        "until": instant(mute.expires_at) if mute.expires_at is not None else None,
        "message": denial_message(
            Code.MUTED, room, until=mute.expires_at, stated_reason=mute.reason
        ),
    }


def _stay(item: Judged, room: str, seat: Seated) -> None:
    """Note how somebody stands who stays, and tell them what of that is news."""
    standing, mute = item.verdict.standings[room], item.verdict.mutes.get(room)
    seat.standing = standing
    rights = item.verdict.rights.get(room)
    if seat.told_rights is not None and rights is not None and rights != seat.told_rights:
        seat.told_rights = rights
        item.attendee.socket.rights_changed(room, rights)
    if mute != seat.mute:
        seat.mute = mute
        item.attendee.socket.mute_changed(room, mute)


def _new_role(attendee: Attendee, seat: Seated) -> set[NewRole]:
    place, role = attendee.place, seat.standing.role
    if role == seat.known_role:
        return set()
    seat.known_role = role
    return {NewRole(place.namespace, seat.room, place.person.key, place.person.name, role)}


def _put_out(item: Judged, *, tell: bool) -> tuple[tuple[Seated, Refused], ...]:
    attendee, left = item.attendee, []
    for room, refused in item.verdict.evicted.items():
        seat = attendee.seats.get(room)
        if seat is None or seat is not item.seats.get(room):
            continue
        del attendee.seats[room]
        left.append((seat, refused))
        attendee.socket.evicted(room, refused, tell=tell)
    return tuple(left)
