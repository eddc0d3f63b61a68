"""The simulation of the layer's cost: what it adds up, and that the page shows its table."""

from dataclasses import replace

import pytest

from bench.growth import MEASURED, SITES, Costs, Site, calibrate, main, simulate, table
from tests.helpers.services import ROOT

SITE = Site(processes=8, rooms=200, members=20, per_s=2)


def test_the_page_shows_what_the_program_says() -> None:
    page = (ROOT / "docs" / "explanation" / "growing.md").read_text()
    assert table(SITES, MEASURED) in page
    for cost in ("17.5", "6.3", "90", "58", "12"):
        assert f"| {cost} |" in page


def test_what_redis_pays_grows_with_processes_that_hear_and_never_with_members() -> None:
    costs = Costs(redis_message=10, redis_receiver=5, send=0, receive=0, delivery=0)
    one = Site(processes=1, rooms=10, members=3, per_s=100)
    load = simulate(one, costs)
    assert load.messages_per_s == 1_000
    assert load.receivers == 1
    # A message and its one copy, and the process's own beats.
    assert load.redis == pytest.approx((1_000 * 15 + 2 * 15) / 1e6)
    assert simulate(replace(one, members=3_000), costs) == load
    assert simulate(replace(SITE, processes=16), MEASURED).redis > simulate(SITE, MEASURED).redis


def test_a_crowded_room_is_on_every_process_and_a_small_one_on_few() -> None:
    assert simulate(replace(SITE, members=1_000), MEASURED).receivers == 8
    assert simulate(replace(SITE, members=2), MEASURED).receivers < 2


def test_more_hosts_share_the_rooms_and_the_busiest_has_its_part() -> None:
    one, four = simulate(SITE, MEASURED), simulate(replace(SITE, hosts=4), MEASURED)
    assert one.busiest_host == one.redis
    assert four.redis == pytest.approx(one.redis)
    assert one.redis / 4 < four.busiest_host < one.redis / 2


def test_the_same_question_has_the_same_answer() -> None:
    assert simulate(SITE, MEASURED) == simulate(SITE, MEASURED)
    assert "Redis" in simulate(replace(SITE, rooms=20_000, processes=32), MEASURED).ends


def test_one_site_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--processes", "3", "--rooms", "7", "--members", "2"]) == 0
    assert "| 3 | 7 | 2 | 7 |" in capsys.readouterr().out


@pytest.mark.redis
def test_costs_are_measured_on_a_redis_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.growth.MESSAGES", 50)
    costs = calibrate(12.0)
    assert costs.send > 0
    assert costs.delivery == 12.0
