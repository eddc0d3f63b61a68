"""Finding what the layer lost: gaps between offsets, and ends of rooms that nothing came after.

What is stored is read and delivered in its place; of what is gone for good the sockets are told.
Knows no layer: it may lose anything, so that only what is stored counts.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from realtime.adapters.base import Broadcast, Number, RoomKey, Storage
from realtime.adapters.feed import Lost
from realtime.adapters.gate import Gate
from realtime.adapters.local_room import LocalRoom
from realtime.protocol.encoded_event import EncodedEvent, encode_args

logger = logging.getLogger(__name__)

# How long an event waits for its predecessors before they are read from the application.
GAP_PATIENCE_S = 0.25
GAP_RETRY_S = 1.0
# So many offsets of a gap are read at once.
GAP_PAGE = 500
# How often the last offsets of all rooms with sockets here are compared with what was delivered:
# with the patience and two reads, what was lost is there within two seconds.
HEADS_EVERY_S = 1.0
# So many rooms are asked about in one query.
HEADS_PAGE = 1_000

Deliver = Callable[[LocalRoom, Broadcast], None]


class LostEvents:
    """Looks after the rooms of one process; ``deliver`` hands an event to a room's sockets."""

    def __init__(
        self,
        rooms: Mapping[RoomKey, LocalRoom],
        storage: Storage,
        gate: Gate,
        deliver: Deliver,
    ) -> None:
        self._rooms = rooms
        self._storage = storage
        self._gate = gate
        self._deliver = deliver
        self._looker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._looker = asyncio.get_running_loop().create_task(self._look(), name="lost events")

    async def stop(self) -> None:
        """End all reading."""
        tasks = [room.filler for room in self._rooms.values() if room.filler is not None]
        if self._looker is not None:
            tasks.append(self._looker)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def mind_gap(self, key: RoomKey, room: LocalRoom) -> None:
        """Have a room's gap filled, if it has one and nobody is at it."""
        if room.feed.has_gap() and room.filler is None:
            room.filler = asyncio.get_running_loop().create_task(
                self._fill_gap(key, room), name="gap filler"
            )

    def tell_lost(self, key: RoomKey, room: LocalRoom, lost: Lost | None = None) -> None:
        """Tell a room's sockets that events are lost for good."""
        namespace, name = key
        first, last = (lost.first, lost.last) if lost is not None else (None, None)
        logger.warning(
            "events lost for good",
            extra={"namespace": namespace, "room": name, "from": first, "to": last},
        )
        event = self._storage.lost_event(namespace, name, first, last)
        if event is not None:
            self._deliver(room, Broadcast(namespace=namespace, event=event, rooms=(name,)))

    async def _look(self) -> None:
        while True:
            # In step with what else asks once a second: between two looks the database's threads
            # have nothing to do, and give their connections back.
            await asyncio.sleep(HEADS_EVERY_S - time.monotonic() % HEADS_EVERY_S)
            try:
                await self._compare_heads()
            except Exception as error:  # noqa: BLE001 - storages raise what their databases raise
                # Asked again in a second: a traceback each time would bury the cause.
                logger.warning("last offsets were not read", extra={"error": repr(error)})

    async def _compare_heads(self) -> None:
        keys = [key for key, room in self._rooms.items() if room.feed.position is not None]
        for start in range(0, len(keys), HEADS_PAGE):
            page = keys[start : start + HEADS_PAGE]
            asked = {key: room.feed.epoch for key in page if (room := self._rooms.get(key))}
            heads = await self._storage.read_heads(page)
            for key, head in heads.items():
                room = self._rooms.get(key)
                # What was read before a room was made anew says nothing about the new one.
                if room is not None and room.feed.epoch == asked.get(key):
                    room.feed.learn(head)
                    self.mind_gap(key, room)

    async def _fill_gap(self, key: RoomKey, room: LocalRoom) -> None:
        feed = room.feed
        patience_s = GAP_PATIENCE_S
        try:
            while feed.has_gap():
                before = feed.position
                await asyncio.sleep(patience_s)
                patience_s = GAP_PATIENCE_S
                if not feed.has_gap() or feed.position is None:
                    break
                if feed.position != before:
                    # What was awaited came by itself; the next may as well.
                    continue
                try:
                    await self._read_gap(key, room, feed.position, feed.highest)
                except Exception as error:  # noqa: BLE001 - as above
                    logger.warning(
                        "missed events were not read", extra={"room": key[1], "error": repr(error)}
                    )
                    patience_s = GAP_RETRY_S
        finally:
            room.filler = None

    async def _read_gap(self, key: RoomKey, room: LocalRoom, after: int, upto: int) -> None:
        namespace, name = key
        feed, epoch = room.feed, room.feed.epoch
        lost: Lost | None = None
        while after < upto:
            last = min(after + GAP_PAGE, upto)
            found = await self._storage.read_numbered(namespace, name, epoch, after, last)
            await self._gate.opened()
            if feed.epoch != epoch:
                return
            broadcasts = [
                Broadcast(
                    namespace=namespace,
                    event=EncodedEvent(item.event, encode_args(item.args)),
                    rooms=(name,),
                    number=Number(epoch, item.offset),
                )
                for item in found
            ]
            lost = self._deliver_filled(key, room, feed.fill(last, broadcasts), lost)
            after = max(last, feed.position or 0)
        if lost is not None:
            self.tell_lost(key, room, lost)

    def _deliver_filled(
        self, key: RoomKey, room: LocalRoom, filled: Iterable[Broadcast | Lost], lost: Lost | None
    ) -> Lost | None:
        """Deliver what a gap turned out to hold; give back what is lost and not yet told."""
        for item in filled:
            if isinstance(item, Lost):
                lost = Lost(lost.first if lost is not None else item.first, item.last)
                continue
            if lost is not None:
                self.tell_lost(key, room, lost)
                lost = None
            self._deliver(room, item)
        return lost
