"""Live connections in the admin: what the process says, kept true, and what staff do to one."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.test import Client

from realtime.conf import forget_options
from realtime.namespaces.process import current_process_id
from rooms import presence
from rooms.attendees import Attendee
from rooms.backstage import backstages
from rooms.inspecting import inspect_from_thread
from rooms.models import Connection, Membership, Seat
from tests.rooms.people import connect_person, make_guest, make_room
from tests.rooms.sockets import eventually, serving
from tests.rooms.test_admin import page

pytestmark = pytest.mark.django_db(transaction=True)

User = get_user_model()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REALTIME_LEASE_S", "2")
    forget_options()
    yield
    monkeypatch.undo()
    forget_options()


def attendee_of(socket_id: str) -> Attendee:
    return backstages.of(current_process_id()).attendees[socket_id]


@sync_to_async
def shown(staff: Client, url: str) -> str:
    response = staff.get(url)
    assert response.status_code == 200
    return response.content.decode()


@sync_to_async
def posted(staff: Client, url: str, form: dict[str, Any]) -> list[str]:
    """Send a form and give the messages that the next page shows."""
    response = staff.post(url, form, follow=True)
    return [str(message) for message in response.context["messages"]]


async def test_the_page_of_a_connection_says_what_its_process_says(staff: Client) -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        client = await site.joined("csgo")
        text = await shown(staff, page("connection", "change", client.sid))
        assert "websocket" in text
        assert "0 bytes wait for the client" in text.replace("\xa0", " ")
        assert re.search(r"Answered \d s ago", text)
        assert '<div class="readonly">csgo</div>' in text
        found = await sync_to_async(inspect_from_thread)(client.sid)
        assert found is not None
        assert found.rooms == ("csgo",)
        assert await sync_to_async(inspect_from_thread)("nobody") is None


def test_the_page_of_a_connection_whose_process_is_silent_says_so(staff: Client) -> None:
    make_room()
    guest = make_guest()
    socket_id = connect_person(guest)
    text = staff.get(page("connection", "change", socket_id)).content.decode()
    assert "The process did not answer. It was: websocket" in text


@pytest.mark.usefixtures("short_lease")
async def test_the_row_follows_an_upgrade() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        client = await site.joined("csgo")
        # As for a socket that began with polling; what carries it by now is a WebSocket.
        await sync_to_async(presence.note_transports)({client.sid: "polling"})
        attendee = attendee_of(client.sid)
        attendee.place = replace(attendee.place, transport="polling")
        await eventually(lambda: Connection.objects.filter(transport="websocket").exists())
        assert attendee.place.transport == "websocket"


@pytest.mark.parametrize(("act", "word"), [("kick", "kicked"), ("disconnect", "ended")])
async def test_a_connection_is_kicked_and_ended_from_its_page(
    staff: Client, act: str, word: str
) -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        client = await site.joined("csgo")
        text = await shown(staff, page("connection", "change", client.sid))
        assert f'name="action" value="{act}"' in text
        form = {"action": act, "_selected_action": client.sid}
        told = await posted(staff, page("connection"), form)
        assert word in told[0]
        if act == "kick":
            assert any(text.startswith("1 socket was put out") for text in told)
            assert (await client.hear())[0] == "kicked"
            await eventually(lambda: not Seat.objects.exists())
        else:
            await eventually(lambda: not Connection.objects.exists())


async def test_a_moderator_of_a_room_is_not_offered_to_end_whole_connections() -> None:
    room = await sync_to_async(make_room)()
    mod = await sync_to_async(User.objects.create_user)("mod", is_staff=True)
    await Membership.objects.acreate(room=room, user=mod, role="moderator")
    browser = Client()
    await sync_to_async(browser.force_login)(mod)
    async with serving() as site:
        client = await site.joined("csgo")
        text = await shown(browser, page("connection", "change", client.sid))
        assert 'value="kick"' in text
        assert 'value="disconnect"' not in text
        await posted(
            browser, page("connection"), {"action": "disconnect", "_selected_action": client.sid}
        )
        assert await Connection.objects.aexists()


async def test_a_moderator_reads_of_a_connection_only_the_rooms_that_they_moderate() -> None:
    room = await sync_to_async(make_room)()
    await sync_to_async(make_room)("bt1")
    mod = await sync_to_async(User.objects.create_user)("mod", is_staff=True)
    await Membership.objects.acreate(room=room, user=mod, role="moderator")
    browser = Client()
    await sync_to_async(browser.force_login)(mod)
    async with serving() as site:
        client = await site.joined("csgo")
        await client.call("joinRoom", "bt1")
        text = await shown(browser, page("connection", "change", client.sid))
        assert "csgo" in text
        assert "bt1" not in text
        guest_id = client.user["id"].removeprefix("guest:")
        query = f"guest_id={guest_id}&amp;room={room.pk}"
        assert f'href="{page("mute", "add")}?{query}"' in text
