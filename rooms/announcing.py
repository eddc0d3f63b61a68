"""Telling a room who came and who left: by name, or in a large room by number.

Owns the timers that keep numbers to one a second. Knows counts only as it is told them.
Source: DESIGN section 6, ``newUser``, ``userLeft``, ``membersChanged``.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from django.utils.translation import gettext as _

from realtime.counting import count_limit
from realtime.namespaces.broadcast import of
from rooms.shapes import Shape

logger = logging.getLogger(__name__)

COUNT_EVERY_S = 1.0


class Announcer:
    """Announcements of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        # Rooms whose number was told within the last second, with the number to be told next.
        self._counting: dict[tuple[str, str], int | None] = {}

    async def entered(
        self,
        namespace: str,
        room: str,
        user: Shape,
        *,
        members: int,
        sockets: int,
        socket_id: str,
        announce_max: int,
    ) -> None:
        """Tell all in the room, the newcomer included, that somebody is there."""
        whom = of(namespace).in_(room)
        if announce_max and members > announce_max:
            # The newcomer is greeted; the many others read a number.
            whom = of(namespace).in_(socket_id)
            self._count(namespace, room, members)
        await whom.aemit(
            "newUser",
            _("New user has been connected to the %(room)s Room") % {"room": room},
            {"room": room, "user": user, "members": members, "sockets": sockets},
        )

    async def left(
        self,
        namespace: str,
        room: str,
        user: Shape,
        *,
        members: int,
        sockets: int,
        socket_id: str | None,
        announce_max: int,
    ) -> None:
        """Tell the others in the room that a socket, or all of a person's, are gone."""
        if announce_max and members > announce_max:
            self._count(namespace, room, members)
            return
        others = of(namespace).in_(room)
        if socket_id is not None:
            others = others.except_(socket_id)
        await others.aemit(
            "userLeft",
            _("A user has left the %(room)s Room") % {"room": room},
            {"room": room, "user": user, "members": members, "sockets": sockets},
        )

    async def stop(self) -> None:
        """Drop what is still to be told."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._counting.clear()

    def _count(self, namespace: str, room: str, members: int) -> None:
        """Tell a number now, or the latest of several once the second is over."""
        count_limit("announce_max")
        key = (namespace, room)
        if key in self._counting:
            self._counting[key] = members
            return
        self._counting[key] = None
        self._own(self._tell_counts(namespace, room, members))

    async def _tell_counts(self, namespace: str, room: str, members: int) -> None:
        key = (namespace, room)
        latest: int | None = members
        try:
            while latest is not None:
                await (
                    of(namespace)
                    .in_(room)
                    .aemit("membersChanged", {"room": room, "members": latest})
                )
                self._counting[key] = None
                await asyncio.sleep(COUNT_EVERY_S)
                latest = self._counting[key]
        except Exception:
            logger.exception("a room's number was not told", extra={"namespace": namespace})
        finally:
            self._counting.pop(key, None)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="room counts")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
