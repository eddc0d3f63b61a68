"""The cache is away: what needs it is answered ``busy``, and all else goes on."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from realtime.exceptions import Refused
from realtime.namespaces.tickets import redeem_ticket
from rooms.admin.links import admin_url
from rooms.explaining import Question, explain
from rooms.models import Message
from rooms.policy_values import Action
from rooms.sending import Sent, send_messages
from tests.rooms.people import join, make_guest, make_room, request_send
from tests.rooms.sockets import serving

pytestmark = pytest.mark.django_db(transaction=True)

# Nobody listens there.
NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _no_cache(settings: Any) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": NOWHERE}}


@pytest.fixture
def _rooms() -> None:
    make_room("pw", password="sesame", access="password")
    make_room()


@pytest.mark.usefixtures("_rooms")
async def test_a_password_is_not_tried_uncounted() -> None:
    async with serving() as site:
        client = await site.connect()
        for password in ("wrong", "sesame"):
            answer = await client.call("joinRoom", {"room": "pw", "password": password})
            assert (answer["ok"], answer["code"]) == (False, "busy"), answer
        assert (await client.call("joinRoom", "csgo"))["ok"]


def test_a_slow_room_waits_for_the_cache_and_holds_up_no_other() -> None:
    make_room("slow", slow_mode_s=60)
    make_room()
    guest = make_guest()
    slow, quick = join(guest, "slow"), join(guest)
    refused, sent = send_messages(
        [request_send(guest, slow, room="slow"), request_send(guest, quick)]
    )
    assert isinstance(refused, Refused)
    assert refused.code == "busy"
    assert isinstance(sent, Sent)
    assert Message.objects.count() == 1


def test_no_ticket_is_given_or_taken(client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("alice"))
    answer = client.post("/accounts/ticket/")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    with pytest.raises(Refused, match="busy"):
        redeem_ticket("a-ticket", binding="one")


def test_access_is_explained_without_the_tries_that_are_left() -> None:
    make_room("pw", password="sesame", access="password")
    question = Question(make_guest(), "/games", "pw", Action.JOIN)
    answer = explain(question, timezone.now())
    assert answer.decision.code == "password_required"
    assert (answer.is_uncounted, answer.tries_left) == (True, None)


def test_the_page_says_that_the_tries_are_not_known(client: Client) -> None:
    make_room("pw", password="sesame", access="password")
    client.force_login(get_user_model().objects.create_superuser("boss"))
    form = {"place": "/games/pw", "action": "join"}
    assert "cache does not answer" in client.post(admin_url("rooms_check_access"), form).text
    told = StringIO()
    call_command("explain", "guest:g", "/games/pw", stdout=told)
    assert "cache does not answer" in told.getvalue()
