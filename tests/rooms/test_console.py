"""The console's page: who may open it, and what it knows of the namespaces."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import path

from realtime.conf import forget_options
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from rooms.console.description import describe_routes
from rooms.console.views import console_view
from rooms.models import Namespace

pytestmark = pytest.mark.django_db

User = get_user_model()
PAYLOAD = "</script><script>alert(1)</script>"


def page_data(browser: Client) -> dict[str, Any]:
    page = browser.get("/console/").content.decode()
    found = re.search(r'<script id="console-data" type="application/json">(.*?)</script>', page)
    assert found
    return dict(json.loads(found[1]))


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("boss", password="x", is_staff=True))
    return client


def test_a_visitor_is_asked_to_sign_in(client: Client) -> None:
    response = client.get("/console/")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/console/"


def test_who_is_no_staff_finds_nothing(client: Client) -> None:
    client.force_login(User.objects.create_user("alice", password="x"))
    assert client.get("/console/").status_code == 404


def test_everybody_may_while_debug_is_on(client: Client, settings: Any) -> None:
    settings.DEBUG = True
    assert client.get("/console/").status_code == 200


def test_staff_may_and_nothing_of_it_is_kept(staff: Client) -> None:
    response = staff.get("/console/")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert "trusted-types 'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert staff.post("/console/").status_code == 405


def test_it_knows_the_namespaces_that_answer_and_what_they_take(staff: Client) -> None:
    Namespace.objects.create(path="/games", title="Games")
    data = page_data(staff)
    assert data["namespaces"] == [
        {"path": "/", "title": "", "class": "Main"},
        {"path": "/games", "title": "Games", "class": "RoomNamespace"},
    ]
    assert data["patterns"] == [{"address": "/{name}", "class": "RoomNamespace"}]
    events = {each["name"]: each for each in data["classes"]["RoomNamespace"]["events"]}
    (request,) = events["message"]["arguments"]
    assert request["is_required"]
    assert request["schemas"] == [{"$ref": "#/components/schemas/SendMessage"}]
    assert set(data["schemas"]["SendMessage"]["required"]) == {"room", "text"}
    assert "wrong_password" in events["joinRoom"]["codes"]
    assert "newUser" in data["classes"]["RoomNamespace"]["heard"]
    assert "echo" in {each["name"] for each in data["classes"]["Main"]["events"]}


def test_a_title_of_markup_is_text(staff: Client) -> None:
    Namespace.objects.create(path="/games", title=PAYLOAD)
    assert PAYLOAD not in staff.get("/console/").content.decode()
    assert page_data(staff)["namespaces"][1]["title"] == PAYLOAD


def test_doors_that_are_off_are_not_offered(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_TRANSPORTS", "websocket")
    forget_options()
    try:
        page = staff.get("/console/").content.decode()
    finally:
        monkeypatch.undo()
        forget_options()
    assert 'value="socketio-websocket"' in page
    assert 'value="socketio-polling"' not in page
    assert 'value="socketio-both"' not in page


class Counter(NamespaceConsumer):
    """Counts."""

    @event("count")
    async def count(self, first: int, second: int = 2, *rest: str) -> int:
        """Count to it."""
        return first


def test_any_application_s_events_are_described() -> None:
    described = describe_routes([path("count", Counter.as_asgi())], [("/count", ""), ("/x", "")])
    assert described["namespaces"] == [{"path": "/count", "title": "", "class": "Counter"}]
    (count,) = described["classes"]["Counter"]["events"]
    assert count["summary"] == "Count to it."
    assert [(each["name"], each["is_required"]) for each in count["arguments"]] == [
        ("first", True),
        ("second", False),
    ]
    assert count["rest"] == {"type": "string"}


class Odd(NamespaceConsumer):
    """Takes what has no schema."""

    @event("odd")
    async def odd(self, argument: complex) -> None:
        """Take it."""


def test_events_that_cannot_be_described_leave_the_page_usable(rf: Any, staff: Client) -> None:
    request = rf.get("/console/")
    request.user = User.objects.get()
    request.session = staff.session
    response = console_view([path("odd", Odd.as_asgi())])(request)
    page = response.content.decode()
    assert response.status_code == 200
    assert "The events cannot be described" in page
    assert "&#x27;odd&#x27;" in page
