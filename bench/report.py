"""Measurements as a table, and the goals that they meet or miss. Pure functions."""

from dataclasses import dataclass
from statistics import median

from bench.measurement import Measurement
from bench.scenarios import Ceiling, Ratio, Scenario

BUSY_GENERATOR = 0.9


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, and their range."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Raises ``statistics.StatisticsError`` when there are none."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{_short(self.middle)} ({_short(self.low)}-{_short(self.high)})"


def report(scenario: Scenario, measured: dict[str, list[Measurement]]) -> str:
    """The table, what each row runs on, and the verdicts, as text with a last newline."""
    present = {name: runs for name, runs in measured.items() if runs}
    parts = [table(scenario, present), abouts(present), verdicts(scenario, present)]
    return "\n".join(part for part in parts if part)


def table(scenario: Scenario, measured: dict[str, list[Measurement]]) -> str:
    """Markdown, cheapest first; medians over the rounds, for CPU with their range."""
    lines = [
        f"| server | CPU µs per {scenario.operation} | per s | p50 ms | p99 ms | RSS MB | lost"
        " | generator | other |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    by_cost = sorted(measured.items(), key=lambda item: _cpu(item[1]).middle)
    lines += [_table_row(name, runs) for name, runs in by_cost]
    return "\n".join(lines) + "\n"


def abouts(measured: dict[str, list[Measurement]]) -> str:
    """What each server said that it runs on."""
    return "".join(
        f"- {name}: {runs[0].about}, no compression\n" for name, runs in measured.items()
    )


def verdicts(scenario: Scenario, measured: dict[str, list[Measurement]]) -> str:
    """One line for each goal whose rows were measured."""
    lines = [
        ratio_verdict(ratio, measured[ratio.row], measured[ratio.against])
        for ratio in scenario.ratios
        if ratio.row in measured and ratio.against in measured
    ]
    lines += [
        ceiling_verdict(ceiling, name, runs)
        for ceiling in scenario.ceilings
        for name, runs in measured.items()
    ]
    return "".join(line + "\n" for line in lines)


def ratio_verdict(ratio: Ratio, ours: list[Measurement], theirs: list[Measurement]) -> str:
    """Compare medians; the range is that of the rounds' own ratios.

    A median beyond the goal falls short only where no round reached it.
    """
    if min(run.server_cpu_s for run in theirs) <= 0:
        return f"{ratio.row} / {ratio.against}: too little CPU to compare, measure for longer"
    of_medians = _cpu(ours).middle / _cpu(theirs).middle
    # Equal places are equal rounds; a row that failed has fewer.
    by_round = [mine.cpu_us / other.cpu_us for mine, other in zip(ours, theirs, strict=False)]
    if of_medians <= ratio.goal:
        verdict = "met"
    elif min(by_round) <= ratio.goal:
        verdict = "missed, within the spread"
    else:
        verdict = "MISSED"
    shown = f"{of_medians:.3f} ({min(by_round):.3f}-{max(by_round):.3f})"
    return f"{ratio.row} / {ratio.against}: {shown}, goal ≤ {ratio.goal:g}: {verdict}"


def ceiling_verdict(ceiling: Ceiling, name: str, runs: list[Measurement]) -> str:
    """Compare the median; -1 stands for what this platform does not tell."""
    spread = Spread.of([run.extra[ceiling.figure] for run in runs])
    if spread.low < 0:
        return f"{name}: {ceiling.figure} cannot be read on this platform"
    verdict = "met" if spread.middle <= ceiling.goal else "MISSED"
    return f"{name}: {ceiling.figure} {spread}, goal ≤ {ceiling.goal:g}: {verdict}"


def _table_row(name: str, runs: list[Measurement]) -> str:
    generator = median(run.generator_load for run in runs)
    others = [
        f"{figure} {_short(median(run.extra[figure] for run in runs))}"
        for figure in runs[0].extra
        if any(run.extra[figure] for run in runs)
    ]
    cells = [
        name,
        str(_cpu(runs)),
        f"{median(run.per_s for run in runs):,.0f}",
        _short(median(run.p50_ms for run in runs)),
        _short(median(run.p99_ms for run in runs)),
        f"{median(run.rss_bytes for run in runs) / 1e6:.0f}",
        str(sum(run.lost for run in runs)),
        f"{generator:.0%}" + (" (only CPU counts)" if generator > BUSY_GENERATOR else ""),
        ", ".join(others),
    ]
    return "| " + " | ".join(cells) + " |"


def _cpu(runs: list[Measurement]) -> Spread:
    return Spread.of([run.cpu_us for run in runs])


def _short(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
