"""The kit against the project's own application, as its how-to shows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import TestCase
from django.urls import reverse

from realtime.exceptions import Refused
from realtime.testing import connect_sync
from rooms.models import Message, Namespace, Room, Seat
from rooms.services import post_message
from tests.rooms.people import make_namespace, make_room, make_user


class TestRooms(TestCase):
    def setUp(self) -> None:
        self.games = make_namespace(welcome="This is the Gaming Channel!")
        self.room = make_room("csgo", namespace=self.games)
        make_user("alice")
        self.client.login(username="alice", password="secret")

    def test_two_people_meet(self) -> None:
        with (
            connect_sync("/games", cookies=self.client.cookies) as alice,
            connect_sync("/games", door="plain") as guest,
        ):
            assert alice.receive("welcome") == "This is the Gaming Channel!"
            assert alice.call("joinRoom", "csgo")["ok"]
            assert guest.call("joinRoom", "csgo")["ok"]
            assert Seat.objects.count() == 2
            assert alice.call("message", {"room": "csgo", "text": "Hello!"})["ok"]
            heard = guest.receive("message")
            assert (heard["text"], heard["user"]["name"]) == ("Hello!", "alice")
            assert Message.objects.get().text == "Hello!"
            with self.captureOnCommitCallbacks(execute=True):
                post_message(self.room, "From the site.")
            assert guest.receive("message")["text"] == "From the site."
        assert not Seat.objects.exists()

    def test_a_denied_join_is_an_exception_with_its_code(self) -> None:
        make_room("vip", namespace=self.games, access="login")
        with connect_sync("/games") as guest, pytest.raises(Refused) as refused:
            guest.call("joinRoom", "vip")
        assert refused.value.code == "login_required"

    def test_a_closed_namespace_lets_nobody_in(self) -> None:
        Namespace.objects.update(is_open=False)
        with pytest.raises(Refused) as refused, connect_sync("/games"):
            pytest.fail("it was let in")
        assert refused.value.code == "namespace_closed"

    def test_a_ticket_of_the_page_lets_in(self) -> None:
        ticket = self.client.post(reverse("rooms:ticket")).json()["ticket"]
        with connect_sync("/games", auth={"ticket": ticket}, transport="polling") as socket:
            assert socket.receive("identity")["user"]["name"] == "alice"


@pytest.mark.django_db
async def test_a_guest_may_look(realtime_connect: Callable[..., Any]) -> None:
    namespace = await Namespace.objects.acreate(path="/games")
    await Room.objects.acreate(namespace=namespace, name="csgo")
    async with realtime_connect("/games", transport="upgrade") as socket:
        assert (await socket.call("joinRoom", "csgo"))["ok"]
