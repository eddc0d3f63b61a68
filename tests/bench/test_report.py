"""Tables and verdicts."""

from bench.measurement import Load, Measurement, percentile
from bench.report import ceiling_verdict, ratio_verdict, report
from bench.scenarios import SCENARIOS, Ceiling, Ratio


def measured(cpu_us: float, *, lost: int = 0, load: float = 0.5, **extra: float) -> Measurement:
    return Measurement(
        operations=1_000_000,
        lost=lost,
        wall_s=10.0,
        server_cpu_s=cpu_us,
        generator_load=load,
        p50_ms=1.0,
        p99_ms=2.0,
        rss_bytes=50_000_000,
        about="a server 1.0",
        extra=extra,
    )


def test_rows_stand_in_the_order_of_their_median_cost_with_what_was_lost() -> None:
    text = report(
        SCENARIOS["fanout"],
        {
            "pysio@uvicorn": [measured(70), measured(90), measured(71)],
            "ours@uvicorn": [measured(10), measured(9, lost=3), measured(30)],
        },
    )

    rows = [line for line in text.splitlines() if "@" in line and line.startswith("|")]
    assert rows[0].startswith("| ours@uvicorn | 10 (9-30) | 100,000 |")
    assert "| 3 |" in rows[0]
    assert rows[1].startswith("| pysio@uvicorn | 71 (70-90) |")
    assert "- ours@uvicorn: a server 1.0, no compression" in text
    assert "ours@uvicorn / pysio@uvicorn: 0.141 (0.100-0.423), goal ≤ 0.25: met" in text


def test_a_row_without_a_measurement_is_left_out() -> None:
    text = report(SCENARIOS["fanout"], {"ours@uvicorn": [], "raw@uvicorn": [measured(10)]})

    assert "ours@uvicorn" not in text


def test_a_busy_generator_is_said() -> None:
    assert "95% (only CPU counts)" in report(SCENARIOS["echo"], {"node": [measured(10, load=0.95)]})


def test_a_goal_is_missed_only_beyond_the_spread() -> None:
    goal = Ratio("ours", "theirs", 1.0)
    theirs = [measured(10), measured(10), measured(10)]

    met = ratio_verdict(goal, [measured(9), measured(10), measured(12)], theirs)
    near = ratio_verdict(goal, [measured(9.9), measured(11), measured(12)], theirs)
    far = ratio_verdict(goal, [measured(11), measured(11), measured(12)], theirs)

    assert met.endswith(": met")
    assert near.endswith(": missed, within the spread")
    assert far.endswith(": MISSED")


def test_a_window_without_a_tick_of_cpu_is_not_compared() -> None:
    verdict = ratio_verdict(Ratio("ours", "theirs", 1.0), [measured(9)], [measured(0)])

    assert verdict == "ours / theirs: too little CPU to compare, measure for longer"


def test_a_ceiling_is_compared_with_the_median() -> None:
    ceiling = Ceiling("slowest_echo_ms", 50)

    low = [measured(1, slowest_echo_ms=20), measured(1, slowest_echo_ms=30)]
    high = [measured(1, slowest_echo_ms=60), measured(1, slowest_echo_ms=70)]
    unknown = [measured(1, slowest_echo_ms=-1)]

    assert ceiling_verdict(ceiling, "ours", low).endswith("25 (20-30), goal ≤ 50: met")
    assert ceiling_verdict(ceiling, "ours", high).endswith(": MISSED")
    assert "cannot be read" in ceiling_verdict(ceiling, "ours", unknown)


def test_goals_name_rows_that_their_scenario_has() -> None:
    for scenario in SCENARIOS.values():
        names = {row.name for row in scenario.rows}
        assert {ratio.row for ratio in scenario.ratios} <= names
        assert {ratio.against for ratio in scenario.ratios} <= names


def test_measurements_and_loads_travel_as_json() -> None:
    load = Load(scenario="echo", host="127.0.0.1", port=1, server_pid=2, seconds=0.5)
    found = measured(5, doubled=1)

    assert Load.from_json(load.to_json()) == load
    assert Measurement.from_json(found.to_json()) == found


def test_percentiles_are_values_that_were_there() -> None:
    ordered = [float(value) for value in range(1, 101)]

    assert percentile(ordered, 0.5) == 51
    assert percentile(ordered, 0.99) == 100
    assert percentile([7.0], 0.99) == 7
