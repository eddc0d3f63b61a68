"""Who may read a room's past: each role, in each kind of room, in each way of being there or not.

What is expected is written down from DESIGN: section 6, "What is hidden" (who is not in a room is
told ``not_joined``, unless they may moderate it), and section 7 (a ban comes before every power,
who is muted reads on, a closed room is empty, but its moderators look after it).
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from rooms import services
from rooms.models import AccessRule, Invitation, Membership, Message, Room
from tests.rooms.people import fill, make_room
from tests.rooms.sockets import Client, Site, serving
from tests.rooms.test_moderator_events import heard, key, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

ROLES = ("guest", "none", "member", "moderator", "owner", "permission", "superuser")
POWERFUL = {"moderator", "owner", "permission", "superuser"}
ACCESS = ("open", "login", "password", "invitation", "members", "groups")

PASSWORD = "sesame"
KEPT = 103


def expected(role: str, state: str) -> str:
    """Give what ``history`` and ``members`` answer: a code, or that they read."""
    if state in {"inside", "muted"}:
        return "ok"
    if state == "banned":
        return "not_joined"
    return "ok" if role in POWERFUL else "not_joined"


def make_place(access: str, *, is_listed: bool) -> tuple[Room, dict[str, str]]:
    """Make a room of this access that has messages; give it and what gets somebody in."""
    room = make_room(
        access=access, password=PASSWORD if access == "password" else None, is_listed=is_listed
    )
    room.groups.add(Group.objects.create(name="inside"))
    fill(room, KEPT)
    if access == "password":
        return room, {"password": PASSWORD}
    if access == "invitation":
        return room, {"invitation": Invitation.objects.issue(room, max_uses=None)[1]}
    return room, {}


def make_person(role: str, access: str, room: Room) -> tuple[Any, str]:
    """Make somebody whom the room admits, with a session."""
    user = get_user_model().objects.create_user(role, is_superuser=role == "superuser")
    if role in {"member", "moderator", "owner"}:
        Membership.objects.create(room=room, user=user, role=role)
    if role == "permission":
        user.user_permissions.add(Permission.objects.get(codename="moderate_room"))
    if role == "none" and access == "groups":
        user.groups.add(Group.objects.get(name="inside"))
    if role == "none" and access in {"members", "invitation"}:
        # An invitation would make a member of a user.
        AccessRule.objects.create(room=room, effect="allow", subject="user", user=user)
    return user, sign_in(user)


async def come_in(
    site: Site, role: str, room: Room, given: dict[str, str], *, joins: bool
) -> tuple[Client, Any]:
    """Give a client of this role, in the room if ``joins``, and whom acts are about."""
    if role == "guest":
        client, whom = await site.connect(), None
        whom = client.user["id"]
    else:
        user, cookie = await sync_to_async(make_person)(role, room.access, room)
        client, whom = await site.connect(cookie=cookie), user
    if joins:
        answer = await client.call("joinRoom", {"room": "csgo", **given})
        assert answer["ok"], (role, answer)
    return client, whom


async def nothing(_client: Client, _room: Room, _whom: Any) -> None:
    """Leave it at that."""


async def leave(client: Client, _room: Room, _whom: Any) -> None:
    assert (await client.call("leaveRoom", "csgo"))["ok"]


async def ban(client: Client, room: Room, whom: Any) -> None:
    await services.aban(room, whom)
    await heard(client, "kicked")


async def kick(client: Client, room: Room, whom: Any) -> None:
    await services.akick(room, whom)
    await heard(client, "kicked")


async def mute(client: Client, room: Room, whom: Any) -> None:
    await services.amute(room, whom)
    await heard(client, "muted")


async def close(client: Client, room: Room, _whom: Any) -> None:
    await services.aclose_room(room)
    await heard(client, "kicked")


ACTS: dict[str, Callable[[Client, Room, Any], Awaitable[None]]] = {
    "never": nothing,
    "inside": nothing,
    "left": leave,
    "banned": ban,
    "kicked": kick,
    "muted": mute,
    "closed": close,
}


@pytest.mark.parametrize(
    ("access", "is_listed"), [*((access, True) for access in ACCESS), ("members", False)]
)
@pytest.mark.parametrize("state", ACTS)
async def test_the_past_is_read_inside_and_by_who_may_moderate(
    state: str, access: str, is_listed: bool
) -> None:
    room, given = await sync_to_async(make_place)(access, is_listed=is_listed)
    found: dict[str, tuple[str, str]] = {}
    # Nobody gets in as a guest there.
    roles = [
        role for role in ROLES if role != "guest" or access in {"open", "password", "invitation"}
    ]
    async with serving() as site:
        people = [
            (role, *await come_in(site, role, room, given, joins=state != "never"))
            for role in roles
        ]
        if state == "closed":
            await ACTS[state](people[0][1], room, None)
        for role, client, whom in people:
            if state != "closed":
                await ACTS[state](client, room, whom)
            elif client is not people[0][1]:
                await heard(client, "kicked")
            page = await client.call("history", {"room": "csgo", "limit": 1_000})
            members = await client.call("members", "csgo")
            found[role] = (page.get("code", "ok"), members.get("code", "ok"))
            if page["ok"]:
                assert [one["offset"] for one in page["messages"]] == list(range(4, KEPT + 1))
                assert page["more"]
            else:
                assert set(page) == {"ok", "code", "message", "room"}
    assert found == {role: (expected(role, state),) * 2 for role in roles}


async def test_an_offset_and_an_epoch_of_one_room_open_nothing_in_another() -> None:
    one = await sync_to_async(make_room)("one")
    two = await sync_to_async(make_room)("two")
    await sync_to_async(fill)(one, 9)
    await sync_to_async(fill)(two, 3)
    async with serving() as site:
        client = await site.connect()
        joined = await client.call("joinRoom", "one")
        crossed = {"room": "two", "since": joined["offset"], "epoch": joined["epoch"]}
        for asked in ({"room": "two", "after": 9}, {"room": "two", "before": 9}):
            assert (await client.call("history", asked))["code"] == "not_joined"
        answer = await client.call("joinRoom", crossed)
        assert not answer["recovered"]
        assert [one["offset"] for one in answer["messages"]] == [1, 2, 3]
        for bounds, offsets in (
            ({"after": 9}, []),
            ({"before": 9}, [1, 2, 3]),
            ({"after": 1}, [2, 3]),
        ):
            page = await client.call("history", {"room": "two", **bounds})
            assert {one["room"] for one in page["messages"]} <= {"two"}
            assert [one["offset"] for one in page["messages"]] == offsets


async def test_what_two_users_said_is_read_by_the_two_alone() -> None:
    room = await sync_to_async(make_room)()
    async with serving() as site:
        people = {}
        for role in ("none", "member", "owner", "superuser"):
            user, cookie = await sync_to_async(make_person)(role, "open", room)
            people[role] = (await site.connect(cookie=cookie), key(user))
        (one, her), (two, him) = people["none"], people["member"]
        for number in range(KEPT):
            sent = {"to": him, "text": str(number)}
            assert (await one.call("private", sent))["ok"]
        for client, other in ((one, him), (two, her)):
            page = await client.call("history", {"with": other, "limit": 1_000})
            assert (len(page["messages"]), page["more"]) == (100, True)
        assert (await two.call("block", {"user": her}))["ok"]
        assert len((await one.call("history", {"with": him}))["messages"]) == 100
        name = await Room.everywhere.values_list("name", flat=True).aget(pair__gt="")
        for role in ("owner", "superuser"):
            client, own = people[role]
            for other in (her, him):
                page = await client.call("history", {"with": other})
                assert (page["messages"], page["epoch"]) == ([], None)
            assert (await client.call("history", {"with": own}))["code"] == "bad_request"
            # Not even who may moderate every room: it is none of the registry.
            for event in ("history", "members"):
                assert (await client.call(event, name))["code"] == "not_joined"
            assert (await client.call("joinRoom", name))["code"] == "unknown_room"
            assert (await client.call("ban", {"room": name, "user": her}))["code"] == "unknown_room"
        guest = await site.connect()
        assert (await guest.call("history", {"with": her}))["code"] == "login_required"
    assert await Message.objects.acount() == KEPT
