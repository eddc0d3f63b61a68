"""Telling the sockets of one process that asked for the rooms what has become otherwise.

Owns no task: the process's watch says when to look. Counts alone are told at most once in 2 s.
Source: DESIGN section 6, ``roomsChanged``.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.utils import timezone

from realtime.namespaces.broadcast import of
from realtime.namespaces.database import in_database
from rooms.attendees import Attendee
from rooms.list_changes import Listener, News, count_members, survey
from rooms.shapes import Shape

COUNT_EVERY_S = 2.0


class ListTeller:
    """What the sockets of one process believe of their namespaces' rooms."""

    def __init__(self, attendees: Mapping[str, Attendee]) -> None:
        self._attendees = attendees
        self._counts: dict[str, dict[str, int]] = {}
        # By namespace, rooms of which somebody was told another number than these say.
        self._doubtful: dict[str, set[str]] = {}
        # By namespace, when numbers were told last.
        self._counted_at: dict[str, float] = {}
        self._looked_at = 0.0
        # Namespaces whose known instants have been read.
        self._minded: set[str] = set()

    def given(
        self, attendee: Attendee, page: Iterable[Shape], began_at: float, *, is_whole: bool
    ) -> None:
        """Note what a socket was answered; what changed while it was read is told soon.

        ``is_whole`` says that there are no other rooms. Of those that were left out by a search or
        a limit, only what becomes otherwise from now on is news.
        """
        if attendee.told is None and not is_whole:
            attendee.is_partial = attendee.is_list_due = True
        told = attendee.told if attendee.told is not None else {}
        told.update({shape["name"]: shape for shape in page})
        attendee.told = told
        self._doubt(attendee.place.namespace, told.values())
        is_missed = self._looked_at >= began_at or attendee.place.namespace not in self._minded
        attendee.is_list_due = attendee.is_list_due or is_missed

    async def tell_changes(self, namespaces: Collection[str] | None) -> dict[str, datetime]:
        """Tell of every room of these namespaces, or all, that looks otherwise.

        Gives for each namespace when the next known instant in it is.
        """
        self._looked_at = time.monotonic()
        next_at: dict[str, datetime] = {}
        listeners_in = self._listeners()
        self._minded &= set(listeners_in)
        self._counted_at = {
            path: at for path, at in self._counted_at.items() if path in listeners_in
        }
        for path, listeners in listeners_in.items():
            asked = [
                item
                for item in listeners
                if namespaces is None or path in namespaces or item.is_list_due
            ]
            if not asked:
                continue
            at = await self._tell(path, asked, None, with_counts=self._may_count(path))
            self._minded.add(path)
            if at is not None:
                next_at[path] = at
        return next_at

    async def tell_counts(self) -> None:
        """Tell how many are in the rooms now, where that has changed, unless it is too soon."""
        listeners_in = self._listeners()
        self._counts = {path: self._counts.get(path, {}) for path in listeners_in}
        self._doubtful = {path: self._doubtful.get(path, set()) for path in listeners_in}
        for path, listeners in listeners_in.items():
            if not self._may_count(path):
                continue
            before = self._counts[path]
            counts = await in_database(count_members, path, timezone.now())
            rooms = {*before, *counts}
            self._doubtful[path] |= {
                name for name in rooms if before.get(name, 0) != counts.get(name, 0)
            }
            self._counts[path] = counts
            await self._tell_doubtful(path, listeners)

    async def _tell_doubtful(self, namespace: str, listeners: list[Attendee]) -> None:
        names, self._doubtful[namespace] = self._doubtful[namespace], set()
        if not names:
            return
        try:
            await self._tell(namespace, listeners, names, with_counts=True)
        except BaseException:
            self._doubtful[namespace] |= names
            raise

    def _doubt(self, namespace: str, told: Iterable[Shape]) -> None:
        """Note of which rooms another number was told than the last count has found."""
        counts = self._counts.get(namespace, {})
        names = {
            shape["name"] for shape in told if shape["members"] != counts.get(shape["name"], 0)
        }
        self._doubtful.setdefault(namespace, set()).update(names)

    def _may_count(self, namespace: str) -> bool:
        """Say whether numbers may be told again; if so, they are."""
        now = time.monotonic()
        if now - self._counted_at.get(namespace, -COUNT_EVERY_S) < COUNT_EVERY_S:
            return False
        self._counted_at[namespace] = now
        return True

    def _listeners(self) -> dict[str, list[Attendee]]:
        found: dict[str, list[Attendee]] = {}
        for attendee in self._attendees.values():
            if attendee.told is not None:
                found.setdefault(attendee.place.namespace, []).append(attendee)
        return found

    async def _tell(
        self,
        namespace: str,
        attendees: list[Attendee],
        names: Collection[str] | None,
        *,
        with_counts: bool,
    ) -> datetime | None:
        by_id = {attendee.place.socket_id: attendee for attendee in attendees}
        listeners = [
            Listener(
                key,
                item.place.person,
                frozenset(item.seats),
                dict(item.told or {}),
                item.is_partial,
            )
            for key, item in by_id.items()
        ]
        found = await in_database(
            survey, namespace, listeners, timezone.now(), names, with_counts=with_counts
        )
        if names is None:
            for attendee in attendees:
                attendee.is_list_due = attendee.is_partial = False
        for news, socket_ids in _alike(found.news):
            self._doubt(namespace, (*news.changed, *news.seen))
            for socket_id in socket_ids:
                _note(by_id[socket_id], news)
            if not news.changed and not news.removed:
                continue
            here = of(namespace).in_(socket_ids).local
            content = {"changed": list(news.changed), "removed": list(news.removed)}
            await here.aemit("roomsChanged", content)
        return found.next_at


def _note(attendee: Attendee, news: News) -> None:
    if attendee.told is None:
        return
    attendee.told.update({shape["name"]: shape for shape in (*news.changed, *news.seen)})
    for name in news.removed:
        attendee.told.pop(name, None)


def _alike(news: Mapping[str, News]) -> list[tuple[News, list[str]]]:
    """Put together the sockets that are told the same: their shapes are the same objects."""
    groups: dict[tuple[object, ...], tuple[News, list[str]]] = {}
    for socket_id, item in news.items():
        key = (*map(id, item.changed), None, *map(id, item.seen), None, *item.removed)
        groups.setdefault(key, (item, []))[1].append(socket_id)
    return list(groups.values())
