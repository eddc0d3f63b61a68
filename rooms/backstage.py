"""What the sockets of one process share: the writers of batches, the announcer, the lease.

Owns every task that has to outlive the socket that began it, and ends them with the process.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.conf import Options, options
from realtime.counting import count_limit, current_counts
from realtime.exceptions import Refused
from realtime.namespaces.broadcast import of
from realtime.namespaces.consumer import ProcessInfo
from realtime.namespaces.database import Batcher, in_database, log_failure
from realtime.namespaces.running import find_process
from rooms import presence
from rooms.announcing import Announcer
from rooms.arriving import Admission, Arrival, admit_arrivals
from rooms.attendees import Attendee, Seated
from rooms.database_fit import require_fit_database
from rooms.evicting import Vacated
from rooms.housekeeping import keep_house, prune_room
from rooms.joining import JoinRequest, Outcome, join_rooms
from rooms.models.tallies import NO_ROOM, TallyKind
from rooms.password_desk import PasswordDesk
from rooms.passwords import PasswordPool
from rooms.presence import Departure, Left
from rooms.registry import namespaces_exist
from rooms.sending import SendRequest, Sent, send_messages
from rooms.tallying import tallies
from rooms.versions import fold_changes
from rooms.watching import Watch

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# A departure that the database did not take is tried again after 0.5 s, then ever later.
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 10.0
HOUSEKEEPING_EVERY_S = 600.0
# How soon a lease that was not renewed is tried again.
RENEW_AGAIN_S = 1.0
# How long the end of a process waits for a database that may be gone.
STOP_TIMEOUT_S = 1.0


class Backstage:
    """Shared by all sockets of one process, whatever their namespaces."""

    def __init__(self, process_id: str, settings: Options) -> None:
        self.process_id = process_id
        self.namespaces: Batcher[str, bool] = Batcher(namespaces_exist)
        self.arrivals: Batcher[Arrival, Admission] = Batcher(admit_arrivals)
        self.joins: Batcher[JoinRequest, Outcome] = Batcher(join_rooms)
        self.announcer = Announcer()
        self.passwords = PasswordDesk(PasswordPool())
        self.attendees: dict[str, Attendee] = {}
        self.watch = Watch(self.attendees, self.vacate, recheck_s=settings.recheck_s)
        self._departures: Batcher[Departure, list[Left]] = Batcher(presence.depart)
        self._messages: Batcher[SendRequest, Sent] = Batcher(send_messages)
        self._options = settings
        self._dropped = 0
        self._lease: asyncio.Task[None] | None = None
        self._lease_ends_at = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self, *, is_only: bool) -> None:
        """Write this process's row and keep its lease; the only server there is starts clean.

        Raises ``NotReady`` where the database cannot serve this release yet.
        """
        await in_database(require_fit_database)
        if is_only:
            await in_database(presence.drop_everybody)
        began_at = time.monotonic()
        await in_database(presence.register_process, self.process_id, self._options.lease_s)
        current_counts().lease_renewed_at = time.monotonic()
        self._hold_lease(began_at)
        await self.watch.start()
        self._lease = asyncio.create_task(self._keep_lease(), name="lease")

    async def stop(self) -> None:
        """Finish what was begun and give the lease back."""
        if self._lease is not None:
            self._lease.cancel()
            await asyncio.wait([self._lease])
        # What is being sent may have to wait for the watch, and that leaves work as it ends.
        await self._finish_tasks()
        await self.watch.stop()
        await self._finish_tasks()
        await self.announcer.stop()
        await in_database(tallies.flush, self.process_id, timezone.now())
        if _is_leaving_unheard():
            await in_database(presence.end_lease, self.process_id)
            return
        # Whoever is left, as where the database was away, is not left to the sweepers.
        await self._tell_orphans(await in_database(presence.drop_process, self.process_id))

    async def send(self, request: SendRequest) -> Sent:
        """Store a message and tell the room, even if the sender is gone before it is stored."""
        return await asyncio.shield(self._own(self._send(request)))

    async def leave(self, attendee: Attendee, seat: Seated) -> None:
        """Free one seat and tell the others, even if the socket is gone meanwhile."""
        await asyncio.shield(self._own(self._leave(attendee, seat)))

    def vacate(self, vacated: Iterable[Vacated]) -> None:
        """Free the seats of sockets that were evicted, as soon as the database takes it."""
        for item in vacated:
            task = self._own(self._vacate(item.attendee, item.seats))
            for seat, _refused in item.seats:
                item.attendee.leaving[seat.room] = task

    async def depart(self, socket_id: str) -> None:
        """Free all that a socket had, as soon as the database takes it, and tell the others.

        Where they would not hear it and this process is about to go, its rows are left to those
        who sweep them, and they tell.
        """
        if _is_leaving_unheard():
            return
        attendee = self.attendees.pop(socket_id, None)
        left = await self._submit_until_taken(Departure(socket_id))
        if attendee is not None:
            await self._tell_left(attendee, left)

    def depart_later(self, socket_id: str) -> None:
        """Do what ``depart`` does, for a socket that is not there to wait for it."""
        self._own(self.depart(socket_id))

    async def _finish_tasks(self) -> None:
        if self._tasks:
            _done, unfinished = await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_S)
            for task in unfinished:
                task.cancel()

    async def _send(self, request: SendRequest) -> Sent:
        sent = await self._messages.submit(request)
        if sent.standing is not None:
            # Whoever may no longer be here must not hear it.
            version = max(sent.version, sent.standing.version)
            await self.watch.catch_up(request.namespace, version)
        if sent.is_new:
            tallies.add(TallyKind.MESSAGE, request.room_id, timezone.now())
            whom = of(request.namespace).in_(request.draft.room)
            if sent.epoch is not None and sent.offset is not None:
                whom = whom.numbered(sent.epoch, sent.offset)
            await whom.aemit("message", sent.shape)
        if sent.should_prune:
            self._own(in_database(prune_room, request.room_id))
        return sent

    async def _leave(self, attendee: Attendee, seat: Seated) -> None:
        left = await self._departures.submit(Departure(attendee.place.socket_id, seat.room_id))
        attendee.seats.pop(seat.room, None)
        await self._tell_left(attendee, left, [seat])

    async def _vacate(self, attendee: Attendee, seats: Sequence[tuple[Seated, Refused]]) -> None:
        socket_id = attendee.place.socket_id
        for seat, refused in seats:
            attendee.socket.note_eviction(seat.room, refused)
            left = await self._submit_until_taken(Departure(socket_id, seat.room_id))
            await self._tell_left(attendee, left, [seat])
            attendee.leaving.pop(seat.room, None)
            try:
                await attendee.socket.has_left(seat.room)
            except Exception:
                logger.exception("on_leave() failed", extra={"socket_id": socket_id})

    async def _submit_until_taken(self, departure: Departure) -> list[Left]:
        """Free seats whatever it takes: while this process lives its lease would hold them."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return await self._departures.submit(departure)
            except Exception as error:  # noqa: BLE001 - logged below
                log_failure(logger, "a departure was not written", error, {"retry_s": pause_s})
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MOST_S)

    async def _tell_left(
        self, attendee: Attendee, left: list[Left], seats: list[Seated] | None = None
    ) -> None:
        known = seats if seats is not None else attendee.seats.values()
        names = {seat.room_id: seat.room for seat in known}
        if attendee.has_lost_rows:
            # They went with the user's own; the others in the rooms know nothing of that yet.
            told = {freed.room_id for freed in left}
            lost = [room_id for room_id in names if room_id not in told]
            person_key = attendee.place.person.key
            left = [*left, *await in_database(presence.count_without, lost, person_key)]
        for freed in left:
            if freed.room_id not in names:
                continue
            await self.announcer.left(
                attendee.place.namespace,
                names[freed.room_id],
                attendee.place.person.shape,
                members=freed.members,
                sockets=freed.sockets,
                socket_id=attendee.place.socket_id,
                announce_max=attendee.announce_max,
            )

    async def _keep_lease(self) -> None:
        quarter_s = self._options.lease_s / 4
        housekeeping_at = time.monotonic() + HOUSEKEEPING_EVERY_S
        pause_s = quarter_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = quarter_s
            try:
                await self._renew()
                self._clear_strays()
                await self._note_transports()
                unheard = self.process_id if _is_unheard() else None
                await self._tell_orphans(await in_database(presence.sweep, unheard=unheard))
                self._count_drops()
                await in_database(tallies.flush, self.process_id, timezone.now())
                await in_database(fold_changes)
                if time.monotonic() >= housekeeping_at:
                    await in_database(keep_house, timezone.now(), self._options.decision_days)
                    housekeeping_at = time.monotonic() + HOUSEKEEPING_EVERY_S
            except Exception as error:  # noqa: BLE001 - logged below
                about = {"process_id": self.process_id}
                log_failure(logger, "the lease was not renewed", error, about)
                # Nothing is delivered without a lease: people wait for this.
                pause_s = min(quarter_s, RENEW_AGAIN_S)

    def _clear_strays(self) -> None:
        """Let go of sockets that were refused after all, by a subclass's ``connect``."""
        process = find_process()
        if process is None:
            return
        for socket_id in [key for key in self.attendees if key not in process.sockets]:
            self.depart_later(socket_id)

    async def _renew(self) -> None:
        lease_s = self._options.lease_s
        counts = current_counts()
        began_at = time.monotonic()
        is_kept = await in_database(presence.renew_lease, self.process_id, lease_s)
        counts.lease_renewals += 1
        counts.lease_renewed_at = time.monotonic()
        if is_kept and began_at <= self._lease_ends_at:
            self._hold_lease(began_at)
            return
        counts.lease_losses += 1
        count_limit("lease_s")
        logger.warning("the lease had run out", extra={"process_id": self.process_id})
        if not is_kept:
            await in_database(presence.register_process, self.process_id, lease_s)
        # Whoever was held for dead has missed what was decided meanwhile. Before the seats are
        # written again: the rooms were told already that those who have to go are gone.
        await self.watch.recheck()
        returned: list[presence.Entered] = []
        if not is_kept:
            places = [
                (attendee.place, [seat.room_id for seat in attendee.seats.values()])
                for attendee in self.attendees.values()
            ]
            returned = await in_database(presence.restore_process, self.process_id, lease_s, places)
        self._hold_lease(began_at)
        await self._tell_returned(returned)

    def _hold_lease(self, began_at: float) -> None:
        """Deliver as long as the lease that was asked for at ``began_at`` holds, and no longer."""
        self._lease_ends_at = began_at + self._options.lease_s
        process = find_process()
        if process is not None:
            process.adapter.deliver_until(self._lease_ends_at)

    async def _tell_returned(self, returned: Sequence[presence.Entered]) -> None:
        """Tell the rooms which were told that somebody had left."""
        for entered in returned:
            attendee = self.attendees.get(entered.socket_id)
            if attendee is None:
                continue
            for seat in [
                each for each in attendee.seats.values() if each.room_id == entered.room_id
            ]:
                await self.announcer.entered(
                    attendee.place.namespace,
                    seat.room,
                    attendee.place.person.shape,
                    members=entered.members,
                    sockets=entered.sockets,
                    socket_id=entered.socket_id,
                    announce_max=attendee.announce_max,
                )

    def _count_drops(self) -> None:
        """Count by the minute what slow readers were not given since the last look."""
        counts = current_counts()
        dropped = counts.volatile_dropped + counts.outbox_dropped
        if dropped > self._dropped:
            tallies.add(TallyKind.DROP, NO_ROOM, timezone.now(), dropped - self._dropped)
            self._dropped = dropped

    async def _note_transports(self) -> None:
        """Keep the rows true of connections that began with polling and were upgraded."""
        moved = {
            key: carried_by
            for key, attendee in self.attendees.items()
            if (carried_by := attendee.socket.link_state.transport) != attendee.place.transport
        }
        if not moved:
            return
        await in_database(presence.note_transports, moved)
        for key in moved.keys() & self.attendees.keys():
            attendee = self.attendees[key]
            attendee.place = replace(attendee.place, transport=moved[key])

    async def _tell_orphans(self, orphans: Sequence[presence.Orphan]) -> None:
        for orphan in orphans:
            await self.announcer.left(
                orphan.namespace,
                orphan.room,
                orphan.shape,
                members=orphan.members,
                sockets=orphan.sockets,
                socket_id=None,
                announce_max=self._options.announce_max,
            )

    def _own(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # Whoever waits hears of a failure; where nobody does any more, it is said here.
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("shared work failed", exc_info=error)


def _is_unheard() -> bool:
    """Say whether the other processes cannot hear what this one tells them."""
    process = find_process()
    return process is not None and process.adapter.lost_at is not None


def _is_leaving_unheard() -> bool:
    process = find_process()
    return _is_unheard() and process is not None and process.is_draining


class Backstages:
    """The backstages of the processes that this interpreter serves: one, outside of tests."""

    def __init__(self) -> None:
        self._by_process: dict[str, Backstage] = {}

    async def open(self, process: ProcessInfo) -> None:
        """Make and start a process's backstage; a start that failed may be tried again."""
        backstage = self._by_process.get(process.id) or Backstage(process.id, options())
        await backstage.start(is_only=process.is_only)
        self._by_process[process.id] = backstage

    async def close(self, process_id: str) -> None:
        """Stop a process's backstage; one that never started is none."""
        backstage = self._by_process.pop(process_id, None)
        if backstage is not None:
            await backstage.stop()

    def of(self, process_id: str) -> Backstage:
        """Give a process's backstage; ``Refused("busy")`` before it has started."""
        backstage = self._by_process.get(process_id)
        if backstage is None:
            raise Refused("busy", _("The server is starting. Try again in a moment."))
        return backstage


backstages = Backstages()
