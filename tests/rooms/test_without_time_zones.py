"""In projects whose USE_TZ is off all instants are naive, and everything holds as elsewhere."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from realtime.namespaces.database import in_database
from rooms.consumers import RoomNamespace
from rooms.models import Ban
from rooms.policy_values import NamespacePolicy, Policy
from rooms.services import ban, kick
from tests.rooms.people import make_room
from tests.rooms.sockets import serving

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _naive(settings: Settings) -> None:
    settings.USE_TZ = False


@pytest.mark.parametrize(
    "page", ["", "rooms/dashboard/", "rooms/connection/", "rooms/decisionrecord/", "rooms/ban/"]
)
def test_the_admin_shows_instants(page: str) -> None:
    room = make_room("csgo", opens_at=timezone.now() - HOUR)
    guest = "guest:nobody"
    kick(room, guest)
    ban(room, guest, for_s=60)
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root"))
    assert browser.get(f"/admin/{page}").status_code == 200


class OwnRooms(RoomNamespace):
    """Rooms of another model, on whose hidden rows the sanctions are."""

    async def get_policy(self, name: str) -> Policy | None:
        return Policy(NamespacePolicy("/games"), name, access="open")


@pytest.mark.parametrize("consumer", [RoomNamespace, OwnRooms])
async def test_a_ban_that_ends_and_one_that_does_not_are_weighed(
    consumer: type[RoomNamespace],
) -> None:
    room = await in_database(make_room, "csgo", closes_at=timezone.now() + HOUR)
    async with serving(consumer) as site:
        client = await site.joined("csgo")
        assert (await client.call("message", {"room": "csgo", "text": "hi"}))["ok"]
        for ends_at in (timezone.now() + HOUR, None):
            await Ban.objects.acreate(
                room=room, network="127.0.0.0/8", expires_at=ends_at, reason="Enough"
            )
        answer = await client.call("joinRoom", "csgo")
        assert (answer["code"], "until" in answer) == ("banned", False)
