"""Token buckets: how often somebody may do something. Pure; time is an argument."""


class TokenBucket:
    """``burst`` at once, ``per_s`` in the long run. A rate of 0 does not limit."""

    __slots__ = ("_burst", "_per_s", "_tokens", "_updated_at")

    def __init__(self, *, per_s: float, burst: int, now: float) -> None:
        self._per_s = per_s
        self._burst = max(burst, 1)
        self._tokens = float(self._burst)
        self._updated_at = now

    def take(self, now: float) -> float:
        """Take one token; return 0.0, or how many seconds until there is one again."""
        if not self._per_s:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._updated_at) * self._per_s)
        self._updated_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_s


class Patience:
    """Says when an excess has been kept up too long.

    Excesses less than ``gap_s`` apart are one; one that lasts ``limit_s`` is too long.
    """

    __slots__ = ("_gap_s", "_last_at", "_limit_s", "_since")

    def __init__(self, *, limit_s: float, gap_s: float = 1.0) -> None:
        self._limit_s = limit_s
        self._gap_s = gap_s
        self._since: float | None = None
        self._last_at = 0.0

    def is_over(self, now: float) -> bool:
        """Note an excess, and say whether patience is over."""
        if self._since is None or now - self._last_at > self._gap_s:
            self._since = now
        self._last_at = now
        return now - self._since >= self._limit_s
