"""What happened on one event loop, as plain numbers: whoever wants to know reads them.

Counting costs an addition; names, labels and text forms are the reader's. Far below the
namespaces things are counted too, so a loop's ``Counts`` are found by the loop. Counted there only.
"""

import asyncio
from bisect import bisect_left
from weakref import WeakKeyDictionary

# Labels are names that the site chose; should they be many all the same, memory stays bounded.
MAX_SERIES = 2_000
MAX_CODES = 100
OTHER = "other"

# Upper bounds of times, in seconds: an echo, a query, a slow query, a queue.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[str, ...]


class Tally:
    """Counts by labels; beyond ``MAX_SERIES`` new ones count as ``OTHER``."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[Labels, int] = {}

    def add(self, *labels: str, count: int = 1) -> None:
        """Count something."""
        values = self.values
        if labels not in values and len(values) >= MAX_SERIES:
            labels = (OTHER,) * len(labels)
        values[labels] = values.get(labels, 0) + count


class Times:
    """How long something took: how often up to each of ``BOUNDS_S``, or longer, and in all."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    def copy(self) -> "Times":
        """Return what is counted so far."""
        copied = Times()
        copied.merge(self)
        return copied

    def merge(self, other: "Times") -> None:
        """Add what another one has counted."""
        self.counts = [own + more for own, more in zip(self.counts, other.counts, strict=True)]
        self.sum_s += other.sum_s


class Handled:
    """What came of one event in one namespace, by code, and how long its handler took."""

    __slots__ = ("codes", "times")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.times = Times()


class HandledEvents:
    """``Handled`` by namespace and event, bounded as a ``Tally`` is."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Handled] = {}

    def add(self, namespace: str, event: str, code: str, seconds: float) -> None:
        """Count one event; this is what each event of each client passes."""
        handled = self.values.get((namespace, event))
        if handled is None:
            handled = self._begin(namespace, event)
        codes, times = handled.codes, handled.times
        if code not in codes and len(codes) >= MAX_CODES:
            code = OTHER
        codes[code] = codes.get(code, 0) + 1
        times.counts[bisect_left(BOUNDS_S, seconds)] += 1
        times.sum_s += seconds

    def _begin(self, namespace: str, event: str) -> Handled:
        key = (namespace, event) if len(self.values) < MAX_SERIES else (OTHER, OTHER)
        return self.values.setdefault(key, Handled())

    def by_code(self) -> dict[Labels, int]:
        """Return how often each namespace's event had each outcome."""
        return {
            (*key, code): count
            for key, handled in self.values.items()
            for code, count in handled.codes.items()
        }

    def times_by_event(self) -> dict[str, Times]:
        """Return how long each event's handlers took, over all namespaces."""
        summed: dict[str, Times] = {}
        for (_namespace, event), handled in self.values.items():
            summed.setdefault(event, Times()).merge(handled.times)
        return summed


class Counts:
    """All that is counted on one loop; what the labels of each are stands beside it."""

    def __init__(self) -> None:
        self.limits = Tally()  # option, in lower case
        self.sessions = Tally()  # door
        self.connects = Tally()  # namespace, code: "ok" or that of a refusal
        self.disconnects = Tally()  # namespace, reason
        self.events = HandledEvents()
        self.joins = Tally()  # namespace, code
        self.evictions = Tally()  # namespace, code
        self.volatile_dropped = 0
        self.outbox_dropped = 0
        self.lease_renewals = 0
        self.lease_losses = 0
        self.lease_renewed_at: float | None = None


_counts: WeakKeyDictionary[asyncio.AbstractEventLoop, Counts] = WeakKeyDictionary()


def current_counts() -> Counts:
    """Return the running loop's counts."""
    loop = asyncio.get_running_loop()
    counts = _counts.get(loop)
    if counts is None:
        counts = _counts[loop] = Counts()
    return counts


def count_limit(option: str) -> None:
    """Count that a limit of ``Options`` was in somebody's way; ``option`` is the field's name."""
    current_counts().limits.add(option)
