"""The dashboard: its numbers are the rows', lead to them, and cost the same whatever there is."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.admin.dashboard.charts import Point, as_markup, draw_bars, draw_columns
from rooms.models import (
    Connection,
    DecisionRecord,
    Membership,
    Message,
    Namespace,
    Process,
    Room,
    Seat,
    Tally,
)
from rooms.models.tallies import minute_of

pytestmark = pytest.mark.django_db

User = get_user_model()
PAYLOAD = "<script>alert(1)</script>"
PAGE = "admin:rooms_dashboard_changelist"
DATA = "admin:rooms_dashboard_data"


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No minute ends while a test runs."""
    now = timezone.now().replace(second=30)
    monkeypatch.setattr(timezone, "now", lambda: now)


@pytest.fixture
def staff(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def csgo() -> Room:
    namespace = Namespace.objects.create(path="/games")
    return Room.objects.create(namespace=namespace, name="csgo", capacity=2)


@pytest.fixture
def other(csgo: Room) -> Room:
    return Room.objects.create(namespace=csgo.namespace, name=PAYLOAD)


def moderator_of(*rooms: Room) -> Client:
    user = User.objects.create_user("mod", password="x", is_staff=True)
    for room in rooms:
        Membership.objects.create(room=room, user=user, role="moderator")
    browser = Client()
    browser.force_login(user)
    return browser


def process(process_id: str = "p", *, lease_s: float = 15) -> Process:
    until = timezone.now() + timedelta(seconds=lease_s)
    return Process.objects.get_or_create(id=process_id, defaults={"lease_until": until})[0]


def seat(room: Room, *guests: str, transport: str = "websocket", on: str = "p") -> None:
    for guest in guests:
        socket = Connection.objects.create(
            id=f"{room.pk}-{guest}-{Connection.objects.count()}",
            process=process(on),
            namespace=room.namespace.path,
            guest_id=guest,
            transport=transport,
        )
        Seat.objects.create(
            room=room, connection=socket, process=process(on), person_key=f"guest:{guest}"
        )


def deny(room: str, code: str, times: int = 1, kind: str = "join", minutes_ago: int = 0) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    DecisionRecord.objects.create(
        kind=kind, namespace="/games", room=room, code=code, count=times, created_at=at, last_at=at
    )


def tally(room: Room, kind: str, count: int, minutes_ago: int = 0, by: str = "p") -> None:
    minute = minute_of(timezone.now()) - timedelta(minutes=minutes_ago)
    Tally.objects.create(minute=minute, kind=kind, room_key=room.pk, count=count, process_key=by)


def data_of(browser: Client) -> dict[str, Any]:
    response = browser.get(reverse(DATA))
    assert response.status_code == 200
    return dict(response.json())


def cards_of(browser: Client) -> dict[str, str]:
    return {card["key"]: card["value"] for card in data_of(browser)["cards"]}


def rows_of(browser: Client, panel: str) -> dict[str, str]:
    (found,) = [each for each in data_of(browser)["panels"] if each["key"] == panel]
    return {row["label"]: row["value"] for row in found["rows"]}


# --- What it counts ---------------------------------------------------------------------------


def test_connections_are_counted_where_their_process_lives(staff: Client, csgo: Room) -> None:
    seat(csgo, "a", "b")
    seat(csgo, "c", transport="polling")
    process("dead", lease_s=-1)
    seat(csgo, "d", on="dead")
    assert cards_of(staff)["connections"] == "3"
    assert rows_of(staff, "namespaces") == {"/games": "3"}
    assert rows_of(staff, "transports") == {"websocket": "2", "polling": "1"}


def test_a_person_with_two_devices_takes_one_place(staff: Client, csgo: Room, other: Room) -> None:
    seat(csgo, "a", "a", "b")
    seat(other, "a")
    assert rows_of(staff, "rooms") == {"/games/csgo": "2", f"/games/{PAYLOAD}": "1"}
    cards = {card["key"]: card for card in data_of(staff)["cards"]}
    assert cards["rooms"]["value"] == "2"
    assert cards["rooms"]["note"] == "of 2; 1 full"
    assert cards["connections"]["note"] == "2 people in rooms"


def test_denials_count_what_their_records_count_within_the_hour(staff: Client, csgo: Room) -> None:
    deny("csgo", "banned", 5)
    deny("csgo", "banned", 2)
    deny("nowhere", "unknown_room")
    deny("", "login_required", kind="connect")
    deny("csgo", "banned", 9, minutes_ago=61)
    deny("csgo", "room_closed", 4, kind="eviction")
    tally(csgo, "join", 3, by="p")
    tally(csgo, "join", 4, by="q")
    assert rows_of(staff, "joins") == {
        "let in": "7",
        "banned": "7",
        "unknown_room": "1",
        "login_required (connecting)": "1",
    }
    assert rows_of(staff, "evictions") == {"room_closed": "4"}
    cards = cards_of(staff)
    assert (cards["joins"], cards["denials"], cards["evictions"]) == ("7", "9", "4")


def test_messages_are_shown_by_the_minute(staff: Client, csgo: Room) -> None:
    tally(csgo, "message", 4, minutes_ago=1, by="p")
    tally(csgo, "message", 5, minutes_ago=1, by="q")
    tally(csgo, "message", 7, minutes_ago=59)
    tally(csgo, "message", 100, minutes_ago=61)
    assert list(rows_of(staff, "messages").values()) == ["9", "7"]
    cards = {card["key"]: card for card in data_of(staff)["cards"]}
    assert cards["messages"]["value"] == "9"
    assert cards["messages"]["note"] == "16 in the last hour"


def test_drops_are_counted_for_those_who_look_after_everything(staff: Client, csgo: Room) -> None:
    tally(csgo, "drop", 3)
    tally(csgo, "drop", 9, minutes_ago=61)
    assert cards_of(staff)["drops"] == "3"
    assert "drops" not in cards_of(moderator_of(csgo))


def test_processes_show_how_old_their_leases_are(staff: Client) -> None:
    process("alive", lease_s=15)
    process("lost", lease_s=-10)
    (panel,) = [each for each in data_of(staff)["panels"] if each["key"] == "processes"]
    assert [row["note"] for row in panel["rows"]] == ["0 connections", "lease has run out"]
    assert [round(float(row["value"].split()[0]), -1) for row in panel["rows"]] in (
        [0, 30],
        [10, 30],
    )
    assert cards_of(staff)["processes"] == "1"


# --- Where it leads ---------------------------------------------------------------------------


def test_each_number_leads_to_the_rows_that_it_counts(staff: Client, csgo: Room) -> None:
    seat(csgo, "a", "b")
    seat(csgo, "c", transport="polling")
    # As if escaped already: real ids have such characters.
    process("p_41-_")
    deny("csgo", "banned")
    deny("csgo", "banned", minutes_ago=61)
    deny("", "login_required", kind="connect")
    deny("csgo", "room_closed", kind="eviction")
    tally(csgo, "join", 1)
    tally(csgo, "join", 1, minutes_ago=61)
    tally(csgo, "message", 1, minutes_ago=1)
    at = minute_of(timezone.now()) - timedelta(seconds=30)
    Message.objects.create(room=csgo, offset=1, text="now", author="x", created_at=at)
    Message.objects.create(
        room=csgo, offset=2, text="then", author="x", created_at=at - timedelta(hours=1)
    )
    shown = data_of(staff)
    for each in [*shown["cards"], *(row for panel in shown["panels"] for row in panel["rows"])]:
        response = staff.get(each["url"])
        assert response.status_code == 200, (each, response.get("Location"))
        if "cl" in response.context and each["key"] not in {"rooms", str(csgo.pk)}:
            assert str(response.context["cl"].result_count) == each["value"].split()[0], each


def test_a_room_leads_to_the_connections_in_it(staff: Client, csgo: Room, other: Room) -> None:
    seat(csgo, "a", "b")
    seat(other, "c")
    (panel,) = [each for each in data_of(staff)["panels"] if each["key"] == "rooms"]
    counts = [staff.get(row["url"]).context["cl"].result_count for row in panel["rows"]]
    assert counts == [2, 1]


# --- Who sees what ----------------------------------------------------------------------------


def test_a_moderator_sees_the_numbers_of_their_rooms_alone(csgo: Room, other: Room) -> None:
    seat(csgo, "a", "b")
    seat(other, "c", "d", "e")
    deny("csgo", "banned", 2)
    deny(PAYLOAD, "banned", 5)
    deny("", "login_required", kind="connect")
    tally(csgo, "join", 1)
    tally(other, "join", 7)
    tally(csgo, "message", 2, minutes_ago=1)
    tally(other, "message", 9, minutes_ago=1)
    browser = moderator_of(csgo)
    assert cards_of(browser) == {
        "connections": "2",
        "rooms": "1",
        "messages": "2",
        "joins": "1",
        "denials": "2",
        "evictions": "0",
    }
    page = browser.get(reverse(PAGE)).content.decode()
    assert "of the rooms that you look after" in page
    assert "Processes" not in page
    for card in data_of(browser)["cards"]:
        assert browser.get(card["url"]).status_code == 200, card


@pytest.mark.parametrize("name", [PAGE, DATA])
def test_staff_without_a_room_see_no_numbers(name: str) -> None:
    assert moderator_of().get(reverse(name)).status_code == 403
    assert "data-cards" not in Client().get(reverse("admin:index"), follow=True).content.decode()


@pytest.mark.parametrize("name", [PAGE, DATA])
def test_people_who_are_no_staff_are_asked_to_sign_in(client: Client, name: str) -> None:
    client.force_login(User.objects.create_user("alice", password="x"))
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert urlsplit(response["Location"]).path == reverse("admin:login")


def test_nothing_is_added_changed_or_deleted_there(staff: Client, csgo: Room) -> None:
    tally(csgo, "join", 1)
    row = Tally.objects.get()
    for url in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert staff.get(reverse(PAGE) + url).status_code == 404
    assert staff.post(reverse("admin:rooms_tally_delete", args=(row.pk,))).status_code == 403


# --- The page and its JSON --------------------------------------------------------------------


def test_the_page_says_the_same_as_its_json(staff: Client, csgo: Room, other: Room) -> None:
    seat(csgo, "a", "b")
    seat(other, "c")
    deny(PAYLOAD, "banned", 3)
    response = staff.get(reverse(PAGE))
    page, shown = response.content.decode(), data_of(staff)
    assert response["Cache-Control"].count("no-store")
    assert PAYLOAD not in page
    assert "style=" not in page.partition('id="content-main"')[2]
    for card in shown["cards"]:
        assert f'data-key="{card["key"]}"' in page
    for panel in shown["panels"]:
        assert f'data-panel="{panel["key"]}"' in page
        assert panel["title"] in page


def test_the_json_has_the_shape_that_the_script_reads(staff: Client, csgo: Room) -> None:
    seat(csgo, "a")
    shown = data_of(staff)
    assert set(shown) == {"as_of", "as_of_at", "cards", "panels"}
    assert {frozenset(card) for card in shown["cards"]} == {
        frozenset({"key", "title", "value", "note", "url", "spark"})
    }
    for panel in shown["panels"]:
        assert {"key", "title", "about", "heads", "empty", "rows", "chart"} <= set(panel)
        assert panel["chart"][0] == "svg"
        for row in panel["rows"]:
            assert set(row) == {"key", "label", "value", "note", "url"}
    assert [panel["key"] for panel in shown["panels"]] == [
        "messages",
        "namespaces",
        "transports",
        "rooms",
        "joins",
        "evictions",
        "processes",
    ]


def test_an_empty_site_says_what_would_be_there(staff: Client) -> None:
    page = staff.get(reverse(PAGE)).content.decode()
    for words in ("Nobody is connected.", "Every room is empty.", "Nobody was put out"):
        assert words in page
    assert cards_of(staff)["connections"] == "0"


def test_the_admin_begins_with_the_cards(staff: Client, csgo: Room) -> None:
    seat(csgo, "a", "b")
    for url in (reverse("admin:index"), reverse("admin:app_list", args=("rooms",))):
        page = staff.get(url).content.decode()
        assert 'data-key="connections"' in page
        assert reverse(PAGE) in page
    assert "data-cards" not in staff.get(reverse("admin:app_list", args=("auth",))).content.decode()


def test_the_number_of_queries_stays_whatever_there_is(staff: Client, csgo: Room) -> None:
    data_of(staff)
    with CaptureQueriesContext(connection) as few:
        data_of(staff)
    for number in range(15):
        room = Room.objects.create(namespace=csgo.namespace, name=f"room {number}")
        seat(room, "a", "b", "c", on=f"p{number}")
        deny(room.name, f"code {number}")
        tally(room, "message", 1, minutes_ago=number)
    with CaptureQueriesContext(connection) as many:
        data_of(staff)
    assert len(many) == len(few)
    # Eight of its own, beside who asks.
    assert len([each for each in many if "rooms_" in each["sql"]]) == 8


def test_a_moderator_costs_as_many_queries(csgo: Room, other: Room) -> None:
    browser = moderator_of(csgo, other)
    data_of(browser)
    with CaptureQueriesContext(connection) as few:
        data_of(browser)
    for number in range(10):
        seat(csgo, f"guest-{number}")
        deny("csgo", f"code {number}")
        tally(csgo, "message", 1, minutes_ago=number)
    with CaptureQueriesContext(connection) as many:
        data_of(browser)
    assert len(many) == len(few)


# --- Charts -----------------------------------------------------------------------------------


def test_a_chart_has_a_name_a_description_and_no_markup_of_others() -> None:
    chart = draw_bars("k", "Title", PAYLOAD, [Point(PAYLOAD, 3, "3"), Point("b", 0, "0")])
    markup = as_markup(chart)
    assert PAYLOAD not in markup
    assert '<title id="chart-k-title">Title</title>' in markup
    assert 'aria-describedby="chart-k-about"' in markup
    assert json.loads(json.dumps(chart)) == chart


def test_bars_are_as_long_as_their_values() -> None:
    chart = draw_bars("k", "t", "a", [Point("a", 4, "4"), Point("b", 1, "1"), Point("c", 0, "0")])
    bars = [group[-1][1]["width"] for group in chart[4:]]
    assert bars == ["360.0", "90.0", "0.0"]


def test_a_bar_is_never_longer_than_the_whole() -> None:
    chart = draw_bars("k", "t", "a", [Point("a", 5, "5"), Point("b", 30, "30")], whole=20)
    assert [group[-1][1]["width"] for group in chart[4:]] == ["90.0", "360.0"]


def test_columns_stand_on_their_line() -> None:
    chart = draw_columns("k", "t", "a", [Point("1", 0, "0"), Point("2", 8, "8")])
    low, high = chart[-2:]
    assert low[1]["height"] == "0.0"
    assert float(high[1]["y"]) + float(high[1]["height"]) == 88


def test_a_chart_of_nothing_is_drawn_too() -> None:
    assert as_markup(draw_bars("k", "t", "a", [])).startswith("<svg")
    assert as_markup(draw_columns("k", "t", "a", [])).startswith("<svg")
