"""What a load is told and what it found: plain values that travel between processes as JSON."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Load:
    """One run of one scenario against a server that already listens.

    ``event`` is what members send in ``fanout``: ``relay`` (not stored) or ``message``.
    """

    scenario: str
    host: str
    port: int
    server_pid: int
    dialect: str = "socketio"
    event: str = "relay"
    clients: int = 1_000
    in_flight: int = 1
    seconds: float = 5.0
    database: str = ""

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Load":
        """Raises ``TypeError`` on fields that a load does not have."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run found.

    ``operations`` are deliveries, acked echoes or connects; ``lost`` those that never came.
    ``generator_load`` is the load's own CPU over wall time: near 1, only server CPU counts.
    ``about`` is the server's own word on its loop, WebSocket implementation and layer.
    """

    operations: int
    lost: int
    wall_s: float
    server_cpu_s: float
    generator_load: float
    p50_ms: float
    p99_ms: float
    rss_bytes: int
    about: str
    extra: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Measurement":
        """Raises ``TypeError`` on fields that a measurement does not have."""
        return cls(**json.loads(text))

    @property
    def cpu_us(self) -> float:
        """Server CPU for one operation, in microseconds: seconds for a million."""
        return self.server_cpu_s / self.operations * 1e6

    @property
    def per_s(self) -> float:
        """Operations a second, by the wall clock."""
        return self.operations / self.wall_s


def percentile(ordered: list[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the ``ordered`` values lie, by nearest rank."""
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
