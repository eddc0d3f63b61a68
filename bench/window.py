"""The measured window: the server's CPU and the load's own between two moments."""

import resource
import time
from dataclasses import dataclass

from bench.measurement import Measurement, percentile
from bench.usage import tree_usage


@dataclass(frozen=True, slots=True)
class Window:
    """What the clocks showed when the window opened."""

    server_pid: int
    began_at: float
    server_cpu_s: float
    own_cpu_s: float

    @classmethod
    def open(cls, server_pid: int) -> "Window":
        """Read the clocks."""
        cpu_s = tree_usage(server_pid).cpu_s
        return cls(server_pid, time.perf_counter(), cpu_s, _own_cpu_s())

    def close(
        self, *, latencies_s: list[float], lost: int, about: str, extra: dict[str, float]
    ) -> Measurement:
        """Read them again. Each latency is one operation."""
        wall_s = time.perf_counter() - self.began_at
        own_cpu_s = _own_cpu_s() - self.own_cpu_s
        usage = tree_usage(self.server_pid)
        ordered = sorted(latencies_s)
        return Measurement(
            operations=len(ordered),
            lost=lost,
            wall_s=wall_s,
            server_cpu_s=usage.cpu_s - self.server_cpu_s,
            generator_load=own_cpu_s / wall_s,
            p50_ms=percentile(ordered, 0.5) * 1000,
            p99_ms=percentile(ordered, 0.99) * 1000,
            rss_bytes=usage.rss_bytes,
            about=about,
            extra=extra,
        )


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
