"""Whether something that is stored nowhere got lost between processes: counts for each group. Pure.

Each process counts what it sends to a room's group; who hears the group sees a count missing. What
nothing came after is found because counts are told again for a while.
"""

from collections.abc import Iterable

# How long a count is told again after it has changed: others may be away from the layer meanwhile.
TOLD_FOR_S = 5.0
# A count so far below the last is of a process that forgot it, not late.
LATE_MOST = 1_000
MAX_GROUPS = 100_000


class SentCounts:
    """How many events this process has sent to each group; ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._changed_at: dict[str, float] = {}

    def next(self, group: str, now: float) -> int:
        """Count one more event and return its count, from 1."""
        # Taken out first: the group that was silent longest comes first.
        count = self._counts.pop(group, 0) + 1
        if len(self._counts) >= MAX_GROUPS:
            oldest = next(iter(self._counts))
            del self._counts[oldest]
            self._changed_at.pop(oldest, None)
        self._counts[group] = count
        self._changed_at[group] = now
        return count

    def lately(self, now: float) -> dict[str, int]:
        """Return the counts that have changed within ``TOLD_FOR_S``."""
        self._changed_at = {
            group: at for group, at in self._changed_at.items() if now - at < TOLD_FOR_S
        }
        return {group: self._counts[group] for group in self._changed_at}

    def tell_again(self, now: float) -> None:
        """Begin anew with what is still being told: nobody has heard of it so far."""
        self._changed_at = dict.fromkeys(self._changed_at, now)

    def of(self, groups: Iterable[str]) -> dict[str, int]:
        """Return the counts of these groups; one that nothing was sent to is left out."""
        return {group: self._counts[group] for group in groups if group in self._counts}


class HeardCounts:
    """The last counts that were heard of each group, by the processes that sent them."""

    def __init__(self) -> None:
        self._last: dict[str, dict[str, int]] = {}

    def begin(self, group: str) -> bool:
        """Begin to care for a group; false if that was begun before."""
        is_new = group not in self._last
        self._last.setdefault(group, {})
        return is_new

    def of(self, group: str) -> dict[str, int]:
        """Return the last counts of a group."""
        return dict(self._last.get(group, {}))

    def take(self, group: str, origin: str, count: int) -> bool:
        """Take the count of an event; say whether events before it are missing."""
        last_of = self._last.setdefault(group, {})
        last = last_of.get(origin)
        if last is not None and last - LATE_MOST < count <= last and count != 1:
            return False
        last_of[origin] = count
        return last is not None and count > last + 1

    def is_behind(self, group: str, origin: str, count: int) -> bool:
        """Say whether events are missing of those that a process says that it has sent.

        What it sent before anybody here cared is not missing.
        """
        return self._last.setdefault(group, {}).setdefault(origin, count) < count

    def forget_group(self, group: str) -> None:
        """Nobody here cares for a group any more."""
        self._last.pop(group, None)

    def forget_process(self, origin: str) -> list[str]:
        """Forget a process; return the groups that it was heard in."""
        return [group for group, last_of in self._last.items() if last_of.pop(origin, None)]
