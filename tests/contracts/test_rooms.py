"""What the room events declare is what they do."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.test import override_settings

from realtime.exceptions import Refused
from realtime.namespaces.declared import Refusal
from realtime.namespaces.payloads import convert
from rooms.announcing import Announcer
from rooms.consumers import RoomNamespace
from rooms.models import Membership, Namespace, Room
from tests.rooms.people import make_namespace, make_room
from tests.rooms.sockets import Client, Site, serving

pytestmark = pytest.mark.django_db(transaction=True)

# DESIGN section 6, and what the page needs beside it.
HEARD = {
    "err", "identity", "kicked", "membersChanged", "message", "messageRemoved", "missed", "muted",
    "newUser", "private", "rightsChanged", "roleChanged", "roomsChanged", "success", "typing",
    "unmuted", "userLeft", "welcome",
}  # fmt: skip
SENT = {
    "ban", "block", "conversations", "history", "invite", "joinRoom", "kick", "leaveRoom",
    "members", "message", "mute", "private", "remove", "rights", "rooms", "sanctions", "setRole",
    "typing", "unban", "unblock", "unmute",
}  # fmt: skip


class Games(RoomNamespace):
    """Declares for itself, so that all it emits is checked."""

    emits = {"note": str}


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    namespace = make_namespace(title="Games", welcome="Hello")
    make_room("csgo", namespace=namespace)
    make_room("secret", namespace=namespace, access="password", password="s")
    with override_settings(DEBUG=True):
        yield


def of_its_type(event: str, answer: Any, *, of_pair: bool = False) -> Any:
    """Return an answer that is what its handler declares, or fail."""
    # msgspec takes no union of several records.
    alternatives = get_args(Games.handlers[event].answer) or (Games.handlers[event].answer,)
    kind = alternatives[-1] if of_pair else alternatives[0]
    assert convert(answer, kind, 0) is not None
    assert msgspec.json.schema_components([kind])
    return answer


def test_everything_that_is_there_is_declared() -> None:
    assert set(RoomNamespace.handlers) == SENT
    assert set(RoomNamespace.declared.types) == HEARD
    for name in SENT:
        assert RoomNamespace.handlers[name].codes is not None, name


async def test_all_that_is_heard_and_answered_is_as_declared() -> None:
    async with serving(Games) as site:
        alice = await site.connect("/ws/games/?name=Alice")
        bob = await site.connect("/ws/games/?name=Bob")
        of_its_type("joinRoom", await alice.call("joinRoom", {"room": "csgo"}))
        await bob.call("joinRoom", "csgo")
        said = {"room": "csgo", "text": "a", "data": {"x": [1]}, "nonce": "n"}
        of_its_type("message", await alice.call("message", said))
        of_its_type("typing", await alice.call("typing", "csgo"))
        of_its_type("joinRoom", await alice.call("joinRoom", {"room": "csgo", "since": 0}))
        of_its_type("history", await alice.call("history", "csgo"))
        of_its_type("rights", await alice.call("rights", "csgo"))
        of_its_type("rooms", await alice.call("rooms"))
        of_its_type("members", await alice.call("members", "csgo"))
        await denied(bob, "joinRoom", {"room": "secret", "password": "wrong"})
        await denied(bob, "joinRoom", "nowhere")
        await denied(bob, "leaveRoom", "nowhere")
        await denied(bob, "message", {"room": "nowhere", "text": "a"})
        await denied(bob, "typing", 7)
        of_its_type("leaveRoom", await alice.call("leaveRoom", "csgo"))
        heard = [name for name, _args in await bob.all_heard()]
        # Each of them passed the check: what does not is never sent.
        assert heard == [
            "success", "newUser", "message", "typing", "err", "err", "userLeft",
        ]  # fmt: skip


async def signed_in(site: Site, name: str, role: str | None = None) -> tuple[Client, str]:
    """Come in as a new user, with a role in csgo; give the user's id too."""
    user_id, cookie = await sync_to_async(_sign_in)(name, role)
    return await site.connect(cookie=cookie), user_id


def _sign_in(name: str, role: str | None) -> tuple[str, str]:
    user = get_user_model().objects.create_user(name)
    if role is not None:
        Membership.objects.create(room=Room.objects.get(name="csgo"), user=user, role=role)
    browser = Browser()
    browser.force_login(user)
    return str(user.pk), f"sessionid={browser.cookies['sessionid'].value}"


async def test_what_moderators_do_is_as_declared() -> None:
    async with serving(Games) as site:
        mod, mod_id = await signed_in(site, "mod", "moderator")
        alice, alice_id = await signed_in(site, "alice")
        whom = {"room": "csgo", "user": alice_id}
        await mod.call("joinRoom", "csgo")
        await alice.call("joinRoom", "csgo")
        said = await alice.call("message", {"room": "csgo", "text": "a"})
        await alice.all_heard()
        of_its_type("remove", await mod.call("remove", {"room": "csgo", "id": said["id"]}))
        of_its_type("mute", await mod.call("mute", {**whom, "for_s": 60}))
        await denied(alice, "message", {"room": "csgo", "text": "a"})
        of_its_type("unmute", await mod.call("unmute", whom))
        of_its_type("mute", await mod.call("mute", whom))
        of_its_type("kick", await mod.call("kick", {**whom, "reason": "be nice"}))
        of_its_type("ban", await mod.call("ban", whom))
        await denied(alice, "joinRoom", "csgo")
        of_its_type("unban", await mod.call("unban", whom))
        of_its_type("setRole", await mod.call("setRole", {**whom, "role": "member"}))
        of_its_type("invite", await mod.call("invite", {"room": "csgo", "count": 2}))
        for event in ("kick", "ban", "unban", "mute", "unmute"):
            await denied(alice, event, {"room": "csgo", "user": mod_id})
            await denied(mod, event, {"room": "csgo", "user": "999999"})
            await denied(mod, event, {"room": "nowhere", "user": alice_id})
        await denied(mod, "setRole", {**whom, "role": "king"})
        await denied(mod, "setRole", {**whom, "role": "owner"})
        await denied(mod, "remove", {"room": "csgo", "id": "999999"})
        await denied(mod, "invite", {"room": "csgo", "role": "owner"})
        heard = [name for name, _args in await alice.all_heard()]
        assert heard == ["messageRemoved", "muted", "unmuted", "muted", "kicked", "err"]


async def test_what_two_users_write_is_as_declared() -> None:
    await Namespace.objects.filter(path="/games").aupdate(allow_private=True)
    async with serving(Games) as site:
        alice, alice_id = await signed_in(site, "alice")
        bob, bob_id = await signed_in(site, "bob")
        guest = await site.connect()
        said = {"to": bob_id, "text": "a", "data": {"x": [1]}, "nonce": "n"}
        of_its_type("private", await alice.call("private", said))
        page = of_its_type("history", await bob.call("history", {"with": alice_id}), of_pair=True)
        assert await bob.hear() == ("private", page["messages"])
        of_its_type("block", await bob.call("block", {"user": alice_id}))
        await denied(alice, "private", said)
        of_its_type("unblock", await bob.call("unblock", {"user": alice_id}))
        for event, request in [
            ("private", {**said, "to": "999999"}),
            ("history", {"with": "999999"}),
            ("block", {"user": "999999"}),
            ("unblock", {"user": "999999"}),
        ]:
            await denied(alice, event, request)
            await denied(guest, event, request)


async def test_what_changes_in_a_list_is_as_declared() -> None:
    async with serving(Games) as site:
        client = await site.connect()
        of_its_type("rooms", await client.call("rooms"))
        await sync_to_async(make_room)("bt1")
        name, (news,) = await client.hear()
        assert (name, [room["name"] for room in news["changed"]]) == ("roomsChanged", ["bt1"])


async def denied(client: Client, event: str, request: Any) -> None:
    """Be refused for a code that the event declares."""
    answer = await client.call(event, request)
    convert(answer, Refusal, 0)
    engine = ("bad_request", "busy", "internal", "rate_limited")
    assert answer["code"] in (*engine, *(Games.handlers[event].codes or ())), answer
    assert answer["code"] != "internal"


async def test_large_rooms_and_withheld_ones_are_told_as_declared() -> None:
    async with serving(Games) as site:
        client = await site.connect()
        await client.call("joinRoom", "csgo")
        await client.all_heard()
        announcer = Announcer()
        user = {"id": "7", "name": "Alice"}
        await announcer.left(
            "/games", "csgo", user, members=9, sockets=1, socket_id=None, announce_max=2
        )
        assert await client.hear() == ("membersChanged", [{"room": "csgo", "members": 9}])
        await announcer.stop()


async def test_a_refusal_may_carry_whatever_section_6_names() -> None:
    refused = Refused(
        "muted", "No", room="a", field="b", retry_after=1.5, until="c", attempts_left=1,
        reason="d", ref="e",
    )  # fmt: skip
    assert convert(refused.answer(), Refusal, 0) == refused.answer()
