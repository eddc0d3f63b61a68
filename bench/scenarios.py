"""The scenarios: which servers, how many clients, what to reach.

Sources of the goals: the main issue's figures, and PERFORMANCE section 7.
"""

from dataclasses import dataclass

from bench.catalogue import SERVERS, Server


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a server, and what its clients send and speak."""

    name: str
    server: Server
    dialect: str
    event: str = "relay"


@dataclass(frozen=True, slots=True)
class Ratio:
    """``row``'s CPU over ``against``'s shall be at most ``goal``."""

    row: str
    against: str
    goal: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The measurement's ``extra`` figure shall be at most ``goal``, in every row."""

    figure: str
    goal: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load on several servers. ``operation`` is what is counted."""

    name: str
    load: str
    operation: str
    rows: tuple[Row, ...]
    clients: int
    in_flight: int = 1
    ratios: tuple[Ratio, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()

    def row(self, name: str) -> Row | None:
        """The row of that name, or None."""
        return next((row for row in self.rows if row.name == name), None)


def _row(name: str) -> Row:
    """A row by its name: ``<server>``, or ``<server>+message`` or ``<server>+plain``."""
    server_name, _, variant = name.partition("+")
    server = SERVERS[server_name]
    return Row(
        name=name,
        server=server,
        dialect="plain" if variant == "plain" else server.dialect,
        event="message" if variant == "message" else "relay",
    )


def _rows(*names: str) -> tuple[Row, ...]:
    return tuple(_row(name) for name in names)


_OURS = ("ours@uvicorn", "ours@daphne", "ours@granian", "ours@runserver")

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="fanout",
            load="fanout",
            operation="delivery",
            rows=_rows(
                "ours@uvicorn",
                "raw@uvicorn",
                "ours@runserver",
                "pysio@uvicorn",
                "ours@daphne",
                "raw@daphne",
                "ours@granian",
                "node",
                "ours@uvicorn+message",
                "ours@uvicorn+plain",
            ),
            clients=1_000,
            ratios=(
                Ratio("ours@uvicorn", "raw@uvicorn", 1.2),
                Ratio("ours@uvicorn", "pysio@uvicorn", 0.25),
                Ratio("ours@runserver", "pysio@uvicorn", 0.25),
                Ratio("ours@uvicorn", "node", 0.8),
            ),
        ),
        Scenario(
            name="fanout-100",
            load="fanout",
            operation="delivery",
            rows=_rows(
                *("ours@uvicorn", "ours@runserver", "raw@uvicorn", "pysio@uvicorn"),
                *("channels@uvicorn", "node", "ours@uvicorn+message"),
            ),
            clients=100,
            ratios=(
                Ratio("ours@uvicorn", "node", 0.8),
                Ratio("ours@uvicorn", "channels@uvicorn", 0.05),
            ),
        ),
        Scenario(
            name="fanout-100x8",
            load="fanout",
            operation="delivery",
            rows=_rows(
                *("ours@uvicorn", "ours@runserver", "raw@uvicorn", "pysio@uvicorn", "node"),
                "ours@uvicorn+message",
            ),
            clients=100,
            in_flight=8,
            ratios=(Ratio("ours@uvicorn", "node", 0.4),),
        ),
        Scenario(
            name="echo",
            load="echo",
            operation="acked echo",
            rows=_rows(*_OURS, "raw@uvicorn", "pysio@uvicorn", "channels@uvicorn", "node"),
            clients=50,
            ratios=(
                Ratio("ours@uvicorn", "node", 1.0),
                Ratio("ours@uvicorn", "pysio@uvicorn", 0.35),
            ),
        ),
        Scenario(
            name="connect",
            load="connect",
            operation="connect and join",
            rows=_rows(*_OURS, "raw@uvicorn", "pysio@uvicorn", "channels@uvicorn", "node"),
            clients=1_000,
            ratios=(
                Ratio("ours@uvicorn", "node", 0.8),
                Ratio("ours@uvicorn", "pysio@uvicorn", 0.5),
            ),
        ),
        Scenario(
            name="database",
            load="database",
            operation="acked echo",
            rows=_rows(*_OURS),
            clients=8,
            ceilings=(
                Ceiling("all_done_ms", 700),
                Ceiling("slowest_echo_ms", 50),
                Ceiling("connections", 4),
                Ceiling("idle_connections", 0),
            ),
        ),
    )
}
