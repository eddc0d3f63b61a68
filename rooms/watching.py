"""One process's watch over its sockets: who may no longer be where they are has to go.

Reads what has changed once a second and when it is told to, asks again at known instants, and
about everybody every ``RECHECK_S``. Owns no decision. Source: DESIGN section 7, "Live".
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from realtime.exceptions import Refused
from realtime.namespaces.database import in_database
from rooms.attendees import AttendedSocket, Attendee, Seated
from rooms.list_teller import ListTeller
from rooms.models.versions import PEOPLE_KEY, SITE_KEY
from rooms.policy_values import Policy
from rooms.rechecking import SIGNED_OUT, Findings, Verdict, find_changed_accounts, recheck
from rooms.records import Denial, keep_named
from rooms.versions import read_versions

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
# So many sockets are asked about in one unit of database work.
CHUNK = 250
# What somebody is told who is no longer let into a room, beside the code and the message.
_KICKED_FIELDS = ("reason", "until", "ref")

_Kind = tuple[type[AttendedSocket], str]
# Frees the seats of those who were evicted and tells their rooms.
_Vacated = tuple[Attendee, Sequence[Seated]]
Vacate = Callable[[Attendee, Sequence[Seated]], None]


class Watch:
    """Runs on the process's event loop; ``attendees`` are its sockets, by id."""

    def __init__(
        self, attendees: Mapping[str, Attendee], vacate: Vacate, *, recheck_s: float
    ) -> None:
        self._attendees = attendees
        self._vacate = vacate
        self._recheck_s = recheck_s
        self.lists = ListTeller(attendees)
        self._known: dict[str, int] = {}
        # What has changed and was not asked about yet: a failure leaves it there.
        self._owed: set[str] = set()
        # What everybody was asked about at, and by namespace what writes have read ahead of that.
        self._settled: dict[str, int] = {}
        self._caught_up: dict[str, int] = {}
        self._catching_up: dict[str, asyncio.Lock] = {}
        self._next_at: dict[str, datetime] = {}
        # Rooms whose known instants have been read; by invitation each person has one of their own.
        self._minded: set[int] = set()
        self._all_due_at = 0.0
        self._asked_at = 0.0
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Note what is known now, and begin to watch."""
        self._known = self._settled = await in_database(read_versions)
        self._all_due_at = time.monotonic() + self._recheck_s
        self._task = asyncio.create_task(self._run(), name="permission watch")

    async def stop(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def wake(self) -> None:
        """Look now: something has changed."""
        self._woken.set()

    def has_asked_since(self, began_at: float) -> bool:
        """Say whether a re-check has begun since, so that what came about meanwhile missed it."""
        return self._asked_at >= began_at

    async def catch_up(self, namespace: str, version: int) -> None:
        """Return once everybody in a namespace was asked about at this version, or a later one.

        ``version`` is that of the namespace and the site together, as a write has read it.
        """
        if version <= self._asked_at_version(namespace):
            return
        async with self._catching_up.setdefault(namespace, asyncio.Lock()):
            if version > self._asked_at_version(namespace):
                await self.recheck(namespace)
                self._caught_up[namespace] = version

    def seated(self, seat: Seated, *, by_invitation: bool) -> None:
        """Learn soon what is known to happen in a room that somebody has entered."""
        if by_invitation:
            self._minded.discard(seat.room_id)

    async def recheck(self, namespace: str | None = None) -> int:
        """Ask about every socket of a namespace, or all; give how many evictions that made."""
        return await self._recheck(
            attendee
            for attendee in tuple(self._attendees.values())
            if namespace is None or attendee.place.namespace == namespace
        )

    async def recheck_socket(self, attendee: Attendee, *, tell: bool = True) -> dict[str, Refused]:
        """Ask about one socket; give what it was told of the rooms that it had to leave."""
        findings = await self._ask([attendee])
        if findings is None:
            return {}
        (verdict,) = findings.verdicts
        vacated: list[_Vacated] = []
        await self._carry_out([(attendee, verdict, dict(attendee.seats))], vacated, tell=tell)
        await self._wind_up(vacated, findings.denials)
        return dict(verdict.evicted)

    async def _run(self) -> None:
        while True:
            await self._pause()
            try:
                await self._look()
            except Exception:
                logger.exception("permissions were not re-checked")

    async def _pause(self) -> None:
        wait_s = LOOK_EVERY_S
        if self._next_at:
            soonest_s = (min(self._next_at.values()) - timezone.now()).total_seconds()
            wait_s = min(max(soonest_s, 0.0), wait_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()

    async def _look(self) -> None:
        self._woken.clear()
        versions = await in_database(read_versions)
        self._owed |= {key for key, number in versions.items() if self._known.get(key) != number}
        self._known = versions
        self._owed |= self._take_due()
        if time.monotonic() >= self._all_due_at:
            self._owed.add(SITE_KEY)
        owed = set(self._owed)
        await self._settle(owed)
        self._settled = versions
        await self._tell_lists(owed)
        self._owed -= owed

    async def _tell_lists(self, owed: set[str]) -> None:
        is_everywhere = bool(owed & {SITE_KEY, PEOPLE_KEY})
        self._expect(await self.lists.tell_changes(None if is_everywhere else owed))
        await self.lists.tell_counts()

    def _expect(self, instants: Mapping[str, datetime]) -> None:
        """Look again when something is known to begin or end."""
        for path, at in instants.items():
            self._next_at[path] = min(at, self._next_at.get(path, at))

    def _asked_at_version(self, namespace: str) -> int:
        settled = self._settled.get(namespace, 0) + self._settled.get(SITE_KEY, 0)
        return max(settled, self._caught_up.get(namespace, 0))

    async def _settle(self, owed: set[str]) -> None:
        everybody = tuple(self._attendees.values())
        if SITE_KEY in owed:
            self._all_due_at = time.monotonic() + self._recheck_s
            # Read anew by the way: rooms that are gone are forgotten.
            self._minded.clear()
            self._next_at.clear()
            await self._recheck(everybody)
            return
        asked = [attendee for attendee in everybody if attendee.place.namespace in owed]
        if PEOPLE_KEY in owed:
            asked += await self._find_changed_people(
                {attendee.place.socket_id for attendee in asked}
            )
        unread = [attendee for attendee in everybody if self._is_unread(attendee)]
        found = {attendee.place.socket_id: attendee for attendee in (*asked, *unread)}
        if found:
            await self._recheck(found.values())

    async def _find_changed_people(self, but: Collection[str]) -> list[Attendee]:
        self._asked_at = time.monotonic()
        signed_in = {
            key: attendee
            for key, attendee in self._attendees.items()
            if attendee.place.person.user_id is not None and key not in but
        }
        changed: set[str] = set()
        for chunk in _chunks(list(signed_in.values())):
            known = [(attendee.attendance(), attendee.account) for attendee in chunk]
            changed |= await in_database(find_changed_accounts, known)
        return [signed_in[key] for key in changed]

    def _take_due(self) -> set[str]:
        """Give the namespaces in which something begins or ends now; their next is read then."""
        now = timezone.now()
        due = {path for path, at in self._next_at.items() if at <= now}
        for path in due:
            del self._next_at[path]
        return due

    def _is_unread(self, attendee: Attendee) -> bool:
        return any(seat.room_id not in self._minded for seat in attendee.seats.values())

    async def _recheck(self, attendees: Iterable[Attendee]) -> int:
        evictions = 0
        vacated: list[_Vacated] = []
        denials: list[tuple[str, Denial]] = []
        try:
            for chunk in _chunks(list(attendees)):
                seats = [dict(attendee.seats) for attendee in chunk]
                findings = await self._ask(chunk)
                if findings is not None:
                    judged = list(zip(chunk, findings.verdicts, seats, strict=True))
                    evictions += await self._carry_out(judged, vacated)
                    denials += findings.denials
        finally:
            await self._wind_up(vacated, denials)
        return evictions

    async def _wind_up(
        self, vacated: Sequence[_Vacated], denials: Sequence[tuple[str, Denial]]
    ) -> None:
        """Free the seats and keep the records, once all are gone and hear nothing of each other."""
        for attendee, left in vacated:
            self._vacate(attendee, left)
        if denials:
            await in_database(keep_named, denials, timezone.now())

    async def _ask(self, attendees: Sequence[Attendee]) -> Findings | None:
        if not attendees:
            return None
        # Before anything is read: who comes in from now on may have been decided on older rows.
        self._asked_at = time.monotonic()
        policies = await _own_policies(attendees)
        attendances = [attendee.attendance(policies.get(_kind(attendee))) for attendee in attendees]
        findings = await in_database(recheck, attendances, timezone.now())
        self._expect(findings.next_at)
        self._minded |= {room_id for item in attendances for _name, room_id in item.rooms}
        return findings

    async def _carry_out(
        self,
        judged: Sequence[tuple[Attendee, Verdict, Mapping[str, Seated]]],
        vacated: list[_Vacated],
        *,
        tell: bool = True,
    ) -> int:
        """Send away whom the verdicts say; a seat that was taken anew since is left alone."""
        sent_away = 0
        for attendee, verdict, seats in judged:
            # Of a seat that was taken meanwhile this account says nothing yet.
            is_all = all(seats.get(room) is seat for room, seat in attendee.seats.items())
            attendee.account = verdict.account if is_all else None
            if verdict.ended:
                attendee.has_lost_rows = verdict.ended == SIGNED_OUT
                attendee.socket.end(verdict.ended)
                sent_away += 1
                continue
            for room, standing in verdict.standings.items():
                if (seat := attendee.seats.get(room)) is seats.get(room) and seat is not None:
                    seat.standing = standing
                    if seat.has_asked_rights and standing.role != seat.told_role:
                        seat.told_role = standing.role
                        await attendee.socket.role_changed(room)
            left = []
            for room, refused in verdict.evicted.items():
                seat = attendee.seats.get(room)
                if seat is None or seat is not seats.get(room):
                    continue
                del attendee.seats[room]
                left.append(seat)
                await attendee.socket.evicted(room, refused, tell=tell)
            if left:
                vacated.append((attendee, left))
                sent_away += len(left)
        return sent_away


def kicked(room: str, refused: Refused) -> dict[str, object]:
    """Give what somebody is told who has to leave a room."""
    about = {key: refused.data[key] for key in _KICKED_FIELDS if key in refused.data}
    return {"room": room, "code": refused.code, "message": refused.message, **about}


async def _own_policies(
    attendees: Sequence[Attendee],
) -> dict[_Kind, Mapping[str, Policy | None]]:
    """Ask each class once about all its rooms that have a policy of the application's own."""
    rooms: dict[_Kind, set[str]] = {}
    sockets: dict[_Kind, AttendedSocket] = {}
    for attendee in attendees:
        rooms.setdefault(_kind(attendee), set()).update(attendee.seats)
        sockets.setdefault(_kind(attendee), attendee.socket)
    found = {kind: await sockets[kind].own_policies(sorted(rooms[kind])) for kind in rooms}
    return {kind: policies for kind, policies in found.items() if policies is not None}


def _kind(attendee: Attendee) -> _Kind:
    return type(attendee.socket), attendee.place.namespace


def _chunks(attendees: list[Attendee]) -> Iterator[list[Attendee]]:
    for start in range(0, len(attendees), CHUNK):
        yield attendees[start : start + CHUNK]
