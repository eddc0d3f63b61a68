"""Membership and delivery within one process: tables, and one synchronous pass over them.

A broadcast is encoded once per wire and handed to each socket without a task or a queue. Nothing
here waits, so no table changes under a pass.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from realtime.adapters.base import (
    AdapterFigures,
    AnswerRequest,
    Broadcast,
    Member,
    Observe,
    Replies,
    RoomKey,
    Storage,
    Target,
)
from realtime.adapters.gate import Gate
from realtime.adapters.links import Links
from realtime.adapters.local_room import Held, LocalRoom, Members
from realtime.adapters.lost_events import LostEvents
from realtime.protocol.wires import Wire

Key = TypeVar("Key")


# How much later than asked this process's own answer may come; less than others wait for it.
ANSWER_SLACK_S = 0.2
# How a process is named that has no name, as nobody else is there.
ALONE = "this process"


class MemoryAdapter:
    """An ``Adapter`` for one process alone; also the local half of those that reach others."""

    is_shared = False
    links: Links | None = None
    lost_at: float | None = None

    def __init__(
        self,
        storage: Storage,
        answer: AnswerRequest,
        observe: Observe | None = None,
    ) -> None:
        self._answer = answer
        self._observe = observe
        self._sockets: dict[str, Members] = {}
        self._users: dict[tuple[str, str], Members] = {}
        self._user_of: dict[str, str] = {}
        self._rooms: dict[RoomKey, LocalRoom] = {}
        self._rooms_of: dict[str, set[str]] = {}
        self._gate = Gate()
        self._lost = LostEvents(self._rooms, storage, self._gate, self._deliver_to_room)
        self.deliveries = 0

    async def start(self) -> None:
        """Begin to look for events that got lost."""
        self._lost.start()

    async def stop(self) -> None:
        """End the looking for lost events."""
        await self._lost.stop()

    def deliver_until(self, deadline: float | None) -> None:
        """Deliver until then; see ``Adapter.deliver_until``. What was held back flows now."""
        held, has_lost = self._gate.open_until(deadline)
        for broadcast in held:
            self._deliver(broadcast)
        if has_lost:
            for key in tuple(self._rooms):
                self.tell_lost(*key)

    def add(self, namespace: str, member: Member, user_id: str | None) -> None:
        """Let a socket hear its namespace, its user and its own id."""
        self._sockets.setdefault(namespace, {})[member.socket_id] = member
        self._rooms_of[member.socket_id] = set()
        if user_id is not None:
            self._users.setdefault((namespace, user_id), {})[member.socket_id] = member
            self._user_of[member.socket_id] = user_id

    def remove(self, namespace: str, member: Member) -> frozenset[str]:
        """Forget a socket; return the rooms that it was in."""
        socket_id = member.socket_id
        rooms = self.rooms(namespace, member)
        for room in self.entered(member):
            self.leave(namespace, room, member)
        self._rooms_of.pop(socket_id, None)
        _discard(self._sockets, namespace, socket_id)
        user_id = self._user_of.pop(socket_id, None)
        if user_id is not None:
            _discard(self._users, (namespace, user_id), socket_id)
        return rooms

    async def join(self, namespace: str, room: str, member: Member, *, hold: bool) -> None:
        """Put a socket into a room; see ``Adapter.join``."""
        self.enter(namespace, room, member, hold=hold)

    def enter(self, namespace: str, room: str, member: Member, *, hold: bool) -> None:
        """Do what ``join`` does, at once. A socket that is gone enters nothing."""
        joined = self._rooms_of.get(member.socket_id)
        if joined is None:
            return
        entry = self._rooms.setdefault((namespace, room), LocalRoom())
        if room not in joined:
            joined.add(room)
            entry.members[member.socket_id] = member
        if hold:
            # A socket that joins once more reads what it is given anew, too.
            entry.holds.setdefault(member.socket_id, [])

    def leave(self, namespace: str, room: str, member: Member) -> None:
        """Take a socket out of a room."""
        socket_id = member.socket_id
        self._rooms_of.get(socket_id, set()).discard(room)
        entry = self._rooms.get((namespace, room))
        if entry is None:
            return
        entry.members.pop(socket_id, None)
        entry.holds.pop(socket_id, None)
        entry.read_upto.pop(socket_id, None)
        if not entry.members:
            del self._rooms[namespace, room]
            if entry.filler is not None:
                entry.filler.cancel()

    def release(self, namespace: str, room: str, member: Member, after: int | None) -> None:
        """Let held events flow; see ``Adapter.release``."""
        entry = self._rooms.get((namespace, room))
        held = entry.holds.pop(member.socket_id, None) if entry is not None else None
        if entry is None or held is None:
            return
        for item in held:
            if after is None or item.offset is None or item.offset > after:
                member.send(item.message, item.volatile)
        if after is None:
            return
        position = entry.feed.position
        if position is not None and position < after:
            entry.read_upto[member.socket_id] = after
        if position is None:
            self._deliver_all(entry, entry.feed.place(after))
            self._lost.mind_gap((namespace, room), entry)

    def rooms(self, namespace: str, member: Member) -> frozenset[str]:
        """Return the rooms that a socket is in; one that it is still joining does not count."""
        socket_id = member.socket_id
        return frozenset(
            room
            for room in self._rooms_of.get(socket_id, ())
            if socket_id not in self._rooms[namespace, room].holds
        )

    def entered(self, member: Member) -> frozenset[str]:
        """Return the rooms that a socket is in or is joining."""
        return frozenset(self._rooms_of.get(member.socket_id, ()))

    def has_room(self, namespace: str, room: str) -> bool:
        """Say whether any socket of this process is in a room."""
        return (namespace, room) in self._rooms

    def has_namespace(self, namespace: str) -> bool:
        """Say whether any socket of this process is in a namespace."""
        return namespace in self._sockets

    def members(self, namespace: str, room: str) -> list[Member]:
        """Return this process's sockets in a room, those still joining left out."""
        entry = self._rooms.get((namespace, room))
        if entry is None:
            return []
        return [member for key, member in entry.members.items() if key not in entry.holds]

    def publish(self, broadcast: Broadcast) -> None:
        """Deliver to this process's sockets."""
        self.deliver(broadcast)

    def select(self, target: Target) -> list[Member]:
        """Return this process's sockets of a target."""
        return list(self._select(target).values())

    async def request(
        self,
        operation: str,
        target: Target,
        content: bytes,
        *,
        timeout_s: float,
        include_self: bool = True,
        overtakes: bool = False,
    ) -> Replies:
        """Do it here: there is no other process."""
        if not include_self:
            return Replies(())
        try:
            return Replies((await self.answer(operation, target, content, timeout_s),))
        except TimeoutError:
            return Replies((), (ALONE,))

    async def answer(
        self, operation: str, target: Target, content: bytes, timeout_s: float
    ) -> bytes:
        """Do what a request asks on this process; raises ``TimeoutError``.

        What is asked of clients keeps to ``timeout_s`` by itself: a loop that was held up must not
        cost the answers that are there.
        """
        async with asyncio.timeout(timeout_s + ANSWER_SLACK_S):
            return await self._answer(operation, target, content)

    def figures(self) -> AdapterFigures:
        """Return what operators want to know."""
        rooms = Counter(namespace for namespace, _room in self._rooms)
        return AdapterFigures(self.deliveries, dict(rooms))

    def keeps_nothing(self, namespace: str, room: str) -> bool:
        """Say whether there are sockets in a room here whose events are stored nowhere.

        Those that are still joining do not count: what the room keeps is known once one is in.
        """
        entry = self._rooms.get((namespace, room))
        if entry is None or entry.feed.position is not None:
            return False
        return len(entry.holds) < len(entry.members)

    def tell_lost(self, namespace: str, room: str) -> None:
        """Tell a room's sockets here that events are lost; not where what was lost is stored."""
        if self.keeps_nothing(namespace, room):
            self._lost.tell_lost((namespace, room), self._rooms[namespace, room])

    def deliver(self, broadcast: Broadcast) -> None:
        """Hand an event to the sockets of this process that it is for."""
        if self._gate.is_open():
            self._deliver(broadcast)
        else:
            self._gate.hold(broadcast)

    def _deliver(self, broadcast: Broadcast) -> None:
        if broadcast.number is not None:
            self._deliver_numbered(broadcast)
            return
        if len(broadcast.rooms) == 1 and not broadcast.users:
            name = broadcast.rooms[0]
            entry = self._rooms.get((broadcast.namespace, name))
            # A room may be named like a socket's id; what is for that socket reaches it as well.
            if entry is not None and name not in self._sockets.get(broadcast.namespace, ()):
                self._deliver_to_room(entry, broadcast)
                return
        selected = self._select(broadcast.target)
        self._fan_out(broadcast, selected.values())
        self._hold_for_joining(broadcast, selected)
        self._tell_observer(broadcast)

    def _deliver_numbered(self, broadcast: Broadcast) -> None:
        (room,) = broadcast.rooms
        entry = self._rooms.get((broadcast.namespace, room))
        if entry is None or broadcast.number is None:
            self._tell_observer(broadcast)
            return
        ready = entry.feed.take(broadcast)
        if entry.feed.position is None and not entry.holds:
            # Nobody here read a beginning, so this event is one.
            ready = entry.feed.place(broadcast.number.offset - 1)
        self._deliver_all(entry, ready)
        self._lost.mind_gap((broadcast.namespace, room), entry)

    def _deliver_all(self, entry: LocalRoom, broadcasts: Iterable[Broadcast]) -> None:
        for broadcast in broadcasts:
            self._deliver_to_room(entry, broadcast)

    def _deliver_to_room(self, entry: LocalRoom, broadcast: Broadcast) -> None:
        if entry.holds or entry.read_upto:
            self._deliver_with_care(entry, broadcast)
        else:
            members = self._without_excepted(entry.members, broadcast)
            self._fan_out(broadcast, members.values())
        self._tell_observer(broadcast)

    def _tell_observer(self, broadcast: Broadcast) -> None:
        if self._observe is not None:
            self._observe(broadcast)

    def _deliver_with_care(self, entry: LocalRoom, broadcast: Broadcast) -> None:
        offset = broadcast.number.offset if broadcast.number is not None else None
        receivers: list[Member] = []
        # A copy: a socket for which too much is held is sent away in the middle of this.
        members = dict(self._without_excepted(entry.members, broadcast))
        for socket_id, member in members.items():
            if offset is not None and offset <= entry.read_upto.get(socket_id, 0):
                continue
            held = entry.holds.get(socket_id)
            if held is None:
                receivers.append(member)
            else:
                message = broadcast.message_for(member.wire)
                entry.hold(member, Held(message, broadcast.volatile, offset))
        self._fan_out(broadcast, receivers)
        if offset is not None and entry.read_upto:
            entry.read_upto = {
                socket_id: upto for socket_id, upto in entry.read_upto.items() if upto > offset
            }

    def _fan_out(self, broadcast: Broadcast, receivers: Iterable[Member]) -> None:
        members = tuple(receivers)
        volatile = broadcast.volatile
        wire: Wire | None = None
        for member in members:
            # Neighbours mostly came through the same door.
            if member.wire is not wire:
                wire = member.wire
                message = broadcast.message_for(wire)
            member.send(message, volatile)
        self.deliveries += len(members)

    def _select(self, target: Target) -> Members:
        namespace = target.namespace
        everyone = self._sockets.get(namespace, {})
        if not target.rooms and not target.users:
            return self._without_excepted(everyone, target)
        selected: Members = {}
        for name in target.rooms:
            entry = self._rooms.get((namespace, name))
            if entry is not None:
                selected.update(
                    (socket_id, member)
                    for socket_id, member in entry.members.items()
                    if socket_id not in entry.holds
                )
            if name in everyone:
                selected[name] = everyone[name]
        for user_id in target.users:
            selected.update(self._users.get((namespace, user_id), {}))
        return self._without_excepted(selected, target)

    def _hold_for_joining(self, broadcast: Broadcast, selected: Members) -> None:
        """Keep an event for several rooms back for sockets that are still joining one of them."""
        for name in broadcast.rooms:
            entry = self._rooms.get((broadcast.namespace, name))
            if entry is None or not entry.holds:
                continue
            members = dict(self._without_excepted(entry.members, broadcast))
            for socket_id, member in members.items():
                held = entry.holds.get(socket_id)
                if held is not None and socket_id not in selected:
                    message = broadcast.message_for(member.wire)
                    entry.hold(member, Held(message, broadcast.volatile, None))

    def _without_excepted(self, members: Members, target: Target | Broadcast) -> Members:
        if not target.excepted:
            return members
        kept = dict(members)
        for name in target.excepted:
            kept.pop(name, None)
            entry = self._rooms.get((target.namespace, name))
            if entry is not None:
                for socket_id in entry.members:
                    kept.pop(socket_id, None)
        return kept


def _discard(table: dict[Key, Members], key: Key, socket_id: str) -> None:
    members = table.get(key)
    if members is not None:
        members.pop(socket_id, None)
        if not members:
            del table[key]
