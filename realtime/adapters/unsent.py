"""What waits to be handed to the layer: bounded, in order, and together where much piles up.

A layer takes one message after the other and answers each. Where events come faster than that,
those for the same room go in one message. They keep their order, and may pass the events of other
rooms; nothing passes what is for users, for several rooms or for a whole namespace.
"""

import asyncio
from collections import deque

from realtime.adapters.envelope import LayerBundle, LayerEvent, LayerMessage

BUNDLE_EVENTS = 64
BUNDLE_BYTES = 256 * 1_024
# So far ahead is looked for events of the same room.
LOOK_AHEAD = 512

Entry = tuple[list[str], LayerMessage]


class Unsent:
    """Messages with the groups that they are for; one task takes them out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._first: deque[Entry] = deque()
        self._entries: deque[Entry] = deque()
        self._unfinished = 0
        self._is_there = asyncio.Event()
        self._is_done = asyncio.Event()
        self._is_done.set()

    def __len__(self) -> int:
        return len(self._first) + len(self._entries)

    def put(self, groups: list[str], message: LayerMessage, *, overtakes: bool = False) -> bool:
        """Add a message, before all events if it ``overtakes`` them; false where it is full.

        What overtakes has a bound of its own: whoever waits for it must not wait for nothing
        because events pile up.
        """
        lane = self._first if overtakes else self._entries
        if len(lane) >= self._most:
            return False
        lane.append((groups, message))
        self._unfinished += 1
        self._is_there.set()
        self._is_done.clear()
        return True

    async def take(self) -> Entry:
        """Wait for something to send and take it out, with all that may go together with it."""
        while not len(self):
            self._is_there.clear()
            await self._is_there.wait()
        if self._first:
            return self._first.popleft()
        groups, message = self._entries.popleft()
        if isinstance(message, LayerEvent) and message.is_for_room:
            return groups, self._together(groups, message)
        return groups, message

    def done(self, message: LayerMessage) -> int:
        """Note that a message was sent, or was not; give how many it was."""
        count = len(message.events) if isinstance(message, LayerBundle) else 1
        self._unfinished -= count
        if not self._unfinished:
            self._is_done.set()
        return count

    async def join(self) -> None:
        """Wait until all were sent, or were not."""
        await self._is_done.wait()

    def _together(self, groups: list[str], first: LayerEvent) -> LayerMessage:
        events, size = [first], _size(first)
        passed: list[Entry] = []
        for _ in range(min(LOOK_AHEAD, len(self._entries))):
            its_groups, message = self._entries[0]
            if not isinstance(message, LayerEvent) or not message.is_for_room:
                break
            size += _size(message) if its_groups == groups else 0
            if len(events) >= BUNDLE_EVENTS or size > BUNDLE_BYTES:
                break
            self._entries.popleft()
            if its_groups == groups:
                events.append(message)
            else:
                passed.append((its_groups, message))
        self._entries.extendleft(reversed(passed))
        return LayerBundle(first.origin, tuple(events)) if len(events) > 1 else first


def _size(event: LayerEvent) -> int:
    return len(event.args) + sum(map(len, event.attachments))
