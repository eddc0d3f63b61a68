"""One process's watch over its sockets: who may no longer be where they are has to go.

Looks at what has changed once a second and when it is told to, asks again at known instants, and
about everybody every ``RECHECK_S``. One look at a time: whoever waits for one waits for the next
that begins, together with all others who do. Owns no decision. Source: DESIGN section 7, "Live".
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.collecting import collecting_later
from realtime.exceptions import Refused
from realtime.namespaces.database import Batcher, in_database, log_failure
from realtime.namespaces.notices import notify
from rooms.attendees import AttendedSocket, Attendee, Seated
from rooms.evicting import Judged, NewRole, Vacated, carry_out
from rooms.list_teller import ListTeller
from rooms.models.versions import PEOPLE_KEY, SITE_KEY
from rooms.policy_values import Policy
from rooms.rechecking import (
    Attendance,
    Findings,
    find_changed_accounts,
    recheck,
    recheck_alone,
)
from rooms.records import Denial, keep_named
from rooms.shapes import person_shape
from rooms.versions import read_versions, version_in

logger = logging.getLogger(__name__)

# The notice that somebody who is in a room has another role.
ROLE = "rooms.role"
LOOK_EVERY_S = 1.0
# So many sockets are asked about in one unit of database work.
CHUNK = 1_000
# What was done by looks that are over is remembered for whoever asks: so many of them.
REMEMBERED = 1_000

_Result = TypeVar("_Result")
_Kind = tuple[type[AttendedSocket], str]
# Frees the seats of those who were evicted and tells their rooms.
Vacate = Callable[[Sequence[Vacated]], None]


@dataclass(slots=True)
class _Request:
    """Somebody who waits until all of a namespace, or all there are, were asked about."""

    namespace: str | None
    done: asyncio.Future[int] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Watch:
    """Runs on the process's event loop; ``attendees`` are its sockets, by id."""

    def __init__(
        self, attendees: Mapping[str, Attendee], vacate: Vacate, *, recheck_s: float
    ) -> None:
        self._attendees = attendees
        self._vacate = vacate
        self._recheck_s = recheck_s
        self.lists = ListTeller(attendees)
        self._alone: Batcher[Attendance, Findings] = Batcher(recheck_alone)
        self._known: dict[str, int] = {}
        # What has changed and was not asked about yet: a failure leaves it there.
        self._owed: set[str] = set()
        self._requests: list[_Request] = []
        # Those who wait until a look ends.
        self._waiting: list[asyncio.Future[None]] = []
        self._is_looking = False
        # When how many were evicted, by namespace.
        self._done: deque[tuple[float, Mapping[str, int]]] = deque(maxlen=REMEMBERED)
        # What everybody was asked about at.
        self._settled: dict[str, int] = {}
        self._next_at: dict[str, datetime] = {}
        # Rooms whose known instants have been read; by invitation each person has one of their own.
        self._minded: set[int] = set()
        self._all_due_at = 0.0
        # When it was last asked about those of a namespace; None is all of them.
        self._asked_at: dict[str | None, float] = {}
        self._woken = asyncio.Event()
        # What has changed and the lists were not told of; they are told beside the looks.
        self._untold: set[str] = set()
        self._is_untold = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._keeping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Note what is known now, and begin to watch."""
        self._known = self._settled = await in_database(read_versions)
        self._all_due_at = time.monotonic() + self._recheck_s
        create = asyncio.get_running_loop().create_task
        self._tasks = [
            create(self._run(), name="permission watch"),
            create(self._run_lists(), name="room lists"),
        ]

    async def stop(self) -> None:
        """Watch no longer; what was decided is still written down."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for request in self._requests:
            _fail(request.done, _not_watching())
        for waiting in self._waiting:
            _fail(waiting, _not_watching())
        if self._keeping:
            await asyncio.wait(self._keeping)

    def wake(self) -> None:
        """Look now: something has changed."""
        self._woken.set()

    def has_asked_since(self, began_at: float, namespace: str) -> bool:
        """Say whether a re-check has begun there since, which what came about meanwhile missed.

        ``began_at`` is in monotonic seconds.
        """
        return max(self._asked_at.get(namespace, 0), self._asked_at.get(None, 0)) >= began_at

    async def catch_up(self, namespace: str, version: int) -> None:
        """Return once everybody in a namespace was asked about at this version, or a later one.

        ``version`` is that of the namespace and the site together, as ``version_in`` gives it
        from what was read. A look that is under way is waited for: it may have begun late enough.
        """
        while version > version_in(self._settled, namespace):
            await self._end_of_look()

    def count_evicted(self, namespace: str | None, since: float) -> int:
        """Give how many evictions there were in a namespace, or all; ``since`` is monotonic."""
        return sum(_count_in(counts, namespace) for at, counts in self._done if at >= since)

    def seated(self, seat: Seated, *, by_invitation: bool) -> None:
        """Learn soon what is known to happen in a room that somebody has entered."""
        if by_invitation:
            self._minded.discard(seat.room_id)

    async def recheck(self, namespace: str | None = None) -> int:
        """Ask about every socket of a namespace, or all; give how many evictions that made.

        What was committed before the call counts. Raises ``Refused("busy")`` while nobody watches.
        """
        if not self._tasks:
            raise _not_watching()
        request = _Request(namespace)
        self._requests.append(request)
        self.wake()
        return await asyncio.shield(request.done)

    async def recheck_socket(self, attendee: Attendee, *, tell: bool = True) -> dict[str, Refused]:
        """Ask about one socket; give what it was told of the rooms that it had to leave."""
        seats = dict(attendee.seats)
        (attendance,) = await _attendances([attendee])
        findings = await self._alone.submit(attendance)
        self._learn(findings, [attendance])
        (verdict,) = findings.verdicts
        evictions = carry_out([Judged(attendee, verdict, seats)], tell=tell)
        self._remember(evictions.counts)
        self._wind_up(evictions.vacated, findings.denials, evictions.roles)
        return dict(verdict.evicted)

    # Looking.

    async def _end_of_look(self) -> None:
        """Return at the end of the look that is under way, or else of the next."""
        if not self._tasks:
            raise _not_watching()
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(ended)
        if not self._is_looking:
            self.wake()
        await asyncio.shield(ended)

    async def _run(self) -> None:
        while True:
            await self._pause()
            requests, self._requests = self._requests, []
            # Whoever comes during the look is not concerned by its failure, but by its success.
            waited = len(self._waiting)
            self._is_looking = True
            try:
                counts = await self._look(requests)
            except Exception as error:  # noqa: BLE001 - logged below
                log_failure(logger, "permissions were not re-checked", error)
                for request in requests:
                    _fail(request.done, error)
                for waiting in self._waiting[:waited]:
                    _fail(waiting, error)
                del self._waiting[:waited]
                if self._waiting:
                    self.wake()
            except asyncio.CancelledError:
                self._requests += requests
                raise
            else:
                for request in requests:
                    _finish(request.done, _count_in(counts, request.namespace))
                for waiting in self._waiting:
                    _finish(waiting, None)
                self._waiting.clear()
            finally:
                self._is_looking = False

    async def _pause(self) -> None:
        # In step with the adapter's look for lost messages.
        wait_s = LOOK_EVERY_S - time.monotonic() % min(LOOK_EVERY_S, 1.0)
        if self._next_at:
            soonest_s = (min(self._next_at.values()) - timezone.now()).total_seconds()
            wait_s = min(max(soonest_s, 0.0), wait_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()

    async def _look(self, requests: Collection[_Request]) -> dict[str, int]:
        """Ask about all whom a change or a request concerns; give the evictions by namespace."""
        self._woken.clear()
        versions = await in_database(read_versions)
        self._owed |= {key for key, number in versions.items() if self._known.get(key) != number}
        self._known = versions
        self._owed |= self._take_due()
        if time.monotonic() >= self._all_due_at:
            self._owed.add(SITE_KEY)
        owed = set(self._owed)
        asked_for = {SITE_KEY if item.namespace is None else item.namespace for item in requests}
        # What was read at a version holds as long as it does, but for whoever asks: there may be a
        # change that raised none.
        counts = await self._settle(owed | asked_for, may_remember=not asked_for)
        self._settled = versions
        self._owed -= owed
        self._untold |= owed
        self._is_untold.set()
        return counts

    def _take_due(self) -> set[str]:
        """Give the namespaces in which something begins or ends now; their next is read then."""
        now = timezone.now()
        due = {path for path, at in self._next_at.items() if at <= now}
        for path in due:
            del self._next_at[path]
        return due

    async def _settle(self, owed: set[str], *, may_remember: bool) -> dict[str, int]:
        everybody = tuple(self._attendees.values())
        if SITE_KEY in owed:
            self._all_due_at = time.monotonic() + self._recheck_s
            # Read anew by the way: rooms that are gone are forgotten.
            self._minded.clear()
            self._next_at.clear()
            self._asked_at = {None: time.monotonic()}
            return await self._recheck(everybody)
        began_at = time.monotonic()
        self._asked_at.update(dict.fromkeys(owed, began_at))
        asked = [attendee for attendee in everybody if attendee.place.namespace in owed]
        if PEOPLE_KEY in owed:
            self._asked_at[None] = began_at
            asked += await self._find_changed_people(
                {attendee.place.socket_id for attendee in asked}
            )
        unread = [attendee for attendee in everybody if self._is_unread(attendee)]
        found = {attendee.place.socket_id: attendee for attendee in (*asked, *unread)}
        return await self._recheck(found.values(), may_remember=may_remember) if found else {}

    async def _find_changed_people(self, but: Collection[str]) -> list[Attendee]:
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

    def _is_unread(self, attendee: Attendee) -> bool:
        return any(seat.room_id not in self._minded for seat in attendee.seats.values())

    async def _recheck(
        self, attendees: Iterable[Attendee], *, may_remember: bool = False
    ) -> dict[str, int]:
        counts: dict[str, int] = {}
        vacated: list[Vacated] = []
        denials: list[tuple[str, Denial]] = []
        roles: set[NewRole] = set()
        try:
            for chunk in _chunks(list(attendees)):
                seats = [dict(attendee.seats) for attendee in chunk]
                with collecting_later():
                    attendances = await _attendances(chunk)
                    findings = await in_database(
                        recheck, attendances, timezone.now(), may_remember=may_remember
                    )
                    judged = map(Judged, chunk, findings.verdicts, seats)
                    evictions = carry_out(judged)
                self._learn(findings, attendances)
                vacated += evictions.vacated
                roles |= evictions.roles
                denials += findings.denials
                for path, count in evictions.counts.items():
                    counts[path] = counts.get(path, 0) + count
        finally:
            self._remember(counts)
            self._wind_up(vacated, denials, roles)
        return counts

    def _remember(self, counts: Mapping[str, int]) -> None:
        if counts:
            self._done.append((time.monotonic(), counts))

    def _learn(self, findings: Findings, attendances: Iterable[Attendance]) -> None:
        self._expect(findings.next_at)
        self._minded |= {room_id for item in attendances for _name, room_id in item.rooms}

    def _expect(self, instants: Mapping[str, datetime]) -> None:
        """Look again when something is known to begin or end."""
        for path, at in instants.items():
            self._next_at[path] = min(at, self._next_at.get(path, at))

    def _wind_up(
        self,
        vacated: Sequence[Vacated],
        denials: Sequence[tuple[str, Denial]],
        roles: Collection[NewRole],
    ) -> None:
        """Free the seats and keep the records, once all are gone and hear nothing of each other."""
        if vacated:
            self._vacate(vacated)
        if denials:
            self._keep(_keep_records(denials))
        for role in roles:
            notify(ROLE, role.namespace, role.room, role.key, role.name, role.role)

    def tell_role(self, new: NewRole) -> None:
        """Tell the sockets here that show who is in the room."""
        for attendee in self._attendees.values():
            seat = attendee.seats.get(new.room)
            is_shown = seat is not None and seat.has_asked_rights
            if is_shown and attendee.place.namespace == new.namespace:
                user = person_shape(new.key, new.name)
                attendee.socket.role_changed(new.room, user, new.role)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="eviction records")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    # The lists of rooms.

    async def _run_lists(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    LOOK_EVERY_S - time.monotonic() % min(LOOK_EVERY_S, 1.0)
                ):
                    await self._is_untold.wait()
            self._is_untold.clear()
            try:
                await self._tell_lists()
            except Exception as error:  # noqa: BLE001 - logged below
                log_failure(logger, "lists of rooms were not told of changes", error)

    async def _tell_lists(self) -> None:
        untold = set(self._untold)
        is_everywhere = bool(untold & {SITE_KEY, PEOPLE_KEY})
        self._expect(await self.lists.tell_changes(None if is_everywhere else untold))
        await self.lists.tell_counts()
        self._untold -= untold


async def _keep_records(denials: Sequence[tuple[str, Denial]]) -> None:
    try:
        await in_database(keep_named, denials, timezone.now())
    except Exception:
        logger.exception("evictions were not recorded", extra={"count": len(denials)})


async def _attendances(attendees: Sequence[Attendee]) -> list[Attendance]:
    """Give what a re-check asks about, application's own policies included."""
    policies = await _own_policies(attendees)
    return [attendee.attendance(policies.get(_kind(attendee))) for attendee in attendees]


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


def _not_watching() -> Refused:
    return Refused("busy", _("The server is busy. Try again in a moment."))


def _count_in(counts: Mapping[str, int], namespace: str | None) -> int:
    return sum(counts.values()) if namespace is None else counts.get(namespace, 0)


def _finish(done: asyncio.Future[_Result], result: _Result) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[_Result], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
        # Nobody may be waiting any more; it was logged.
        done.exception()
