"""What operators want to know of a process, copied at one moment so that it can be told at leisure.

Taken on the process's loop, in steps between which its sockets are served. Names are no metric's
yet: ``realtime.doors.metrics_text`` words them.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from realtime.adapters.base import AdapterFigures
from realtime.counting import OTHER, Labels, Times, current_counts
from realtime.namespaces.connection import Connection
from realtime.namespaces.database import PoolFigures
from realtime.namespaces.plain import PlainConnection
from realtime.namespaces.process import Process
from realtime.namespaces.socket import Socket

Item = TypeVar("Item")

# So many sockets are looked at before others get their turn.
STEP = 1_000


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits now: bytes in the outboxes and inboxes of all sockets."""

    outbox_bytes: int
    inbox_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One process at one moment. Counters are by labels; gauges are what is there now.

    ``connections`` are by door and transport, ``forwarded`` what passes here to the process that
    owns it, ``sockets`` by namespace, door and transport,
    ``rooms`` by namespace, ``events`` by namespace, event and code; ``tallies`` are
    those of ``Counts``, by their names there.
    """

    process_id: str
    state: str
    connections: dict[Labels, int]
    forwarded: int
    sockets: dict[Labels, int]
    rooms: dict[Labels, int]
    queues: Queues
    tallies: dict[str, dict[Labels, int]]
    events: dict[Labels, int]
    handler_times: dict[str, Times]
    numbers: dict[str, int]
    adapter: AdapterFigures
    is_shared: bool
    lost_s: float
    database: PoolFigures | None
    lease_age_s: float | None
    loop_lag_s: float
    taps: int


_TALLIES = ("limits", "sessions", "connects", "disconnects", "joins", "evictions")
_NUMBERS = ("volatile_dropped", "outbox_dropped", "lease_renewals", "lease_losses")


async def take_figures(process: Process) -> Figures:
    """Copy what is known of the process that serves the running loop."""
    loop = asyncio.get_running_loop()
    connections: Counter[Labels] = Counter()
    forwarded = outbox_bytes = 0
    for some in _in_steps(tuple(process.connections)):
        for connection in some:
            if not isinstance(connection, Connection | PlainConnection):
                forwarded += 1
                continue
            connections[connection.session.door, connection.transport_name] += 1
            outbox_bytes += connection.waiting_bytes
        await asyncio.sleep(0)
    sockets: Counter[Labels] = Counter()
    labels: dict[str, str] = {}
    inbox_bytes = 0
    for some_sockets in _in_steps(tuple(process.sockets.values())):
        for socket in some_sockets:
            sockets[_where(socket)] += 1
            labels[socket.namespace] = socket.label
            inbox_bytes += socket.inbox_bytes
        await asyncio.sleep(0)
    adapter = process.adapter.figures()
    rooms: Counter[Labels] = Counter()
    for namespace, count in adapter.rooms.items():
        rooms[(labels.get(namespace, OTHER),)] += count
    counts = current_counts()
    lost_at, renewed_at = process.adapter.lost_at, counts.lease_renewed_at
    asked_at = loop.time()
    await asyncio.sleep(0)
    return Figures(
        process_id=process.id,
        state=process.state.value,
        connections=dict(connections),
        forwarded=forwarded,
        sockets=dict(sockets),
        rooms=dict(rooms),
        queues=Queues(outbox_bytes, inbox_bytes),
        tallies={name: dict(getattr(counts, name).values) for name in _TALLIES},
        events=counts.events.by_code(),
        handler_times=counts.events.times_by_event(),
        numbers={name: getattr(counts, name) for name in _NUMBERS},
        adapter=adapter,
        is_shared=process.adapter.is_shared,
        lost_s=0.0 if lost_at is None else loop.time() - lost_at,
        database=process.database.figures(),
        lease_age_s=None if renewed_at is None else time.monotonic() - renewed_at,
        loop_lag_s=loop.time() - asked_at,
        taps=len(process.taps),
    )


def _where(socket: Socket) -> Labels:
    return socket.label, socket.session.door, socket.transport_name


def _in_steps(items: Collection[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while some := list(islice(remaining, STEP)):
        yield some
