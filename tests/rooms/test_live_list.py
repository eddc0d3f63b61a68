"""The list of live connections as JSON: the same rows as the page, for the same people."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from rooms.models import Connection, Membership, Namespace, Process, Room, Seat

pytestmark = pytest.mark.django_db

User = get_user_model()
ROWS = "admin:rooms_connection_rows"
PAGE = "admin:rooms_connection_changelist"
PAYLOAD = "<script>alert(1)</script>"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def csgo() -> Room:
    namespace = Namespace.objects.create(path="/games")
    return Room.objects.create(namespace=namespace, name="csgo")


def seat(room: Room, guest: str, **fields: Any) -> Connection:
    until = timezone.now() + timedelta(minutes=1)
    process, _made = Process.objects.get_or_create(id="p", defaults={"lease_until": until})
    given = {"name": guest, "address": "192.0.2.7", "transport": "websocket", **fields}
    row = Connection.objects.create(
        id=f"{guest}_41{room.pk}", process=process, namespace="/games", guest_id=guest, **given
    )
    Seat.objects.create(room=room, connection=row, process=process, person_key=f"guest:{guest}")
    return row


def rows_of(browser: Client, query: str = "") -> dict[str, Any]:
    response = browser.get(reverse(ROWS) + query)
    assert response.status_code == 200
    return dict(response.json())


def test_the_rows_say_what_the_page_shows(staff: Client, csgo: Room) -> None:
    row = seat(csgo, PAYLOAD)
    found = rows_of(staff)
    assert found["count_text"] == "1 connection"
    (shown,) = found["rows"]
    assert shown["key"] == row.pk
    assert {name: cell["text"] for name, cell in shown["cells"].items()} == {
        "name": PAYLOAD,
        "namespace": "/games",
        "room_names": "csgo",
        "address": "192.0.2.7",
        "transport": "websocket",
        "process": "p",
        "since": "0\u00a0minutes",
        "ban": "Ban…",
    }
    page = staff.get(reverse(PAGE)).content.decode()
    assert PAYLOAD not in page
    for name, cell in shown["cells"].items():
        assert f"field-{name}" in page
        if "url" in cell:
            assert escape(cell["url"]) in page
            assert staff.get(cell["url"]).status_code == 200


def test_what_is_empty_is_said_as_the_page_says_it(staff: Client, csgo: Room) -> None:
    seat(csgo, "g", name="", address=None, transport="")
    cells = rows_of(staff)["rows"][0]["cells"]
    assert [cells[name]["text"] for name in ("name", "address", "transport")] == ["-", "-", "-"]


def test_search_and_filters_count_there_too(staff: Client, csgo: Room) -> None:
    seat(csgo, "ann")
    seat(csgo, "bob", transport="polling")
    for query in ("?q=bob", "?transport=polling"):
        page = staff.get(reverse(PAGE) + query).content.decode()
        assert f"{reverse(ROWS)}{query}" in page
        assert [row["cells"]["name"]["text"] for row in rows_of(staff, query)["rows"]] == ["bob"]
    assert staff.get(reverse(ROWS) + "?seats__room__id__exact=x").status_code == 400


def test_a_moderator_reads_the_connections_of_their_rooms_alone(csgo: Room) -> None:
    other = Room.objects.create(namespace=csgo.namespace, name="bt1")
    user = User.objects.create_user("mod", password="x", is_staff=True)
    Membership.objects.create(room=csgo, user=user, role="moderator")
    seat(csgo, "ann")
    seat(other, "bob")
    browser = Client()
    browser.force_login(user)
    assert [row["cells"]["name"]["text"] for row in rows_of(browser)["rows"]] == ["ann"]


def test_others_read_nothing(client: Client, csgo: Room) -> None:
    assert client.get(reverse(ROWS)).status_code == 302
    client.force_login(User.objects.create_user("clerk", password="x", is_staff=True))
    assert client.get(reverse(ROWS)).status_code == 403


def test_the_number_of_queries_stays(staff: Client, csgo: Room) -> None:
    seat(csgo, "first")
    rows_of(staff)
    with CaptureQueriesContext(connection) as few:
        rows_of(staff)
    for number in range(20):
        seat(csgo, f"g{number}")
    with CaptureQueriesContext(connection) as many:
        assert len(rows_of(staff)["rows"]) == 21
    assert len(many) == len(few)


def test_an_empty_list_says_why(staff: Client, csgo: Room) -> None:
    assert "Nobody is connected now" in staff.get(reverse(PAGE)).content.decode()
    seat(csgo, "ann")
    page = staff.get(reverse(PAGE) + "?q=nobody").content.decode()
    assert "No connection is like that now" in page
