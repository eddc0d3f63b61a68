"""The moderators' events and private messages, as clients send and hear them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client as Browser

from rooms.models import Ban, DecisionRecord, Membership, Message, Room
from tests.rooms.people import make_namespace, make_room
from tests.rooms.sockets import Client, Site, serving

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def make_user(name: str, role: str | None = None) -> tuple[Any, str]:
    """Make a user, with a role in csgo, and give the cookie of a browser that signed in."""
    user = get_user_model().objects.create_user(name)
    if role is not None:
        Membership.objects.create(room=Room.objects.get(name="csgo"), user=user, role=role)
    return user, sign_in(user)


def sign_in(user: Any) -> str:
    """Sign in with a new browser, and give its cookie."""
    browser = Browser()
    browser.force_login(user)
    return f"sessionid={browser.cookies['sessionid'].value}"


async def signed_in(site: Site, name: str, role: str | None = None) -> tuple[Client, Any]:
    user, cookie = await make_user(name, role)
    return await site.connect(cookie=cookie), user


async def entered(site: Site, name: str, role: str | None = None) -> tuple[Client, Any]:
    client, user = await signed_in(site, name, role)
    assert (await client.call("joinRoom", "csgo"))["ok"]
    await client.all_heard()
    return client, user


async def heard(client: Client, event: str) -> Any:
    """Wait for an event and give its last argument."""
    while True:
        name, args = await client.hear()
        if name == event:
            return args[-1]


def key(user: AbstractBaseUser) -> str:
    return str(user.pk)


async def test_a_kicked_person_hears_why_and_nothing_more_and_may_join_again() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        alice, user = await entered(site, "alice")
        asked = {"room": "csgo", "user": key(user), "reason": "be nice"}
        assert await mod.call("kick", asked) == {"ok": True}
        kicked = await heard(alice, "kicked")
        assert (kicked["code"], kicked["reason"]) == ("kicked", "be nice")
        await mod.call("message", {"room": "csgo", "text": "gone?"})
        assert await alice.all_heard() == []
        assert (await alice.call("joinRoom", "csgo"))["ok"]
    records = DecisionRecord.objects.filter(rule="kick")
    assert [one.kind async for one in records.order_by("pk")] == ["moderation", "eviction"]


async def test_a_ban_evicts_keeps_out_and_is_lifted() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        alice, user = await entered(site, "alice")
        await alice.call("message", {"room": "csgo", "text": "spam"})
        await mod.all_heard()
        asked = {"room": "csgo", "user": key(user), "for_s": 60, "purge_s": 60}
        assert await mod.call("ban", asked) == {"ok": True}
        assert (await heard(alice, "kicked"))["code"] == "banned"
        assert (await heard(mod, "messageRemoved"))["offset"] == 1
        denied = await alice.call("joinRoom", "csgo")
        assert denied["code"] == "banned"
        assert denied["until"]
        assert await mod.call("unban", {"room": "csgo", "user": key(user)}) == {"ok": True}
        assert (await alice.call("joinRoom", "csgo"))["ok"]
    assert not await Ban.objects.aexists()


async def test_a_guest_is_banned_but_not_by_an_address_of_the_machine_itself() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        guest = await site.joined()
        asked = {"room": "csgo", "user": guest.user["id"]}
        refused = await mod.call("ban", {**asked, "address": True})
        assert (refused["code"], refused["field"]) == ("bad_request", "address")
        assert not await Ban.objects.aexists()
        assert (await mod.call("ban", asked))["ok"]
        assert (await heard(guest, "kicked"))["code"] == "banned"


async def test_the_muted_hear_it_read_on_and_write_again_when_it_is_lifted() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        alice, user = await entered(site, "alice")
        asked = {"room": "csgo", "user": key(user)}
        assert (await mod.call("mute", {**asked, "for_s": 60}))["ok"]
        news = await heard(alice, "muted")
        assert news["room"] == "csgo"
        assert news["until"].endswith("Z")
        answer = await alice.call("message", {"room": "csgo", "text": "hm"})
        assert (answer["code"], answer["until"]) == ("muted", news["until"])
        assert (await mod.call("unmute", asked))["ok"]
        assert (await heard(alice, "unmuted")) == {"room": "csgo"}
        assert (await alice.call("message", {"room": "csgo", "text": "hm"}))["ok"]


async def test_acts_that_follow_each_other_at_once_are_all_heard_and_in_their_order() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        alice, user = await entered(site, "alice")
        for act in ("mute", "unmute", "mute", "kick"):
            assert (await mod.call(act, {"room": "csgo", "user": key(user)}))["ok"]
        names = [name for name, _args in await alice.all_heard()]
        assert names == ["muted", "unmuted", "muted", "kicked"]


async def test_nobody_acts_on_one_who_ranks_as_high_nor_grants_more_than_they_have() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        owner, boss = await entered(site, "owner", "owner")
        mod, mods = await entered(site, "mod", "moderator")
        _alice, user = await entered(site, "alice", "member")
        for target in (boss, mods):
            for event in ("kick", "ban", "mute"):
                answer = await mod.call(event, {"room": "csgo", "user": key(target)})
                assert answer["code"] == "forbidden"
        role = {"room": "csgo", "user": key(user), "role": "owner"}
        assert (await mod.call("setRole", role))["code"] == "forbidden"
        assert (await mod.call("invite", {"room": "csgo", "role": "owner"}))["code"] == "forbidden"
        assert (await owner.call("setRole", role))["ok"]
        assert (await owner.call("setRole", {**role, "user": key(mods), "role": None}))["ok"]
        assert (await mod.call("mute", {"room": "csgo", "user": key(user)}))["code"] == "forbidden"


async def test_strangers_moderate_nothing_and_learn_nothing_of_hidden_rooms() -> None:
    await sync_to_async(make_room)()
    await sync_to_async(make_room)("hidden", is_listed=False)
    async with serving() as site:
        alice, user = await entered(site, "alice")
        asked = {"user": key(user), "room": "csgo"}
        assert (await alice.call("kick", asked))["code"] == "forbidden"
        answers = [
            await alice.call("kick", {**asked, "room": name}) for name in ("hidden", "absent")
        ]
        assert [one["code"] for one in answers] == ["unknown_room"] * 2
        assert answers[0]["message"].replace("hidden", "absent") == answers[1]["message"]


async def test_faulty_acts_are_answered_with_the_field() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        _alice, user = await entered(site, "alice")
        asked = {"room": "csgo", "user": key(user)}
        for event, fields, code, field in (
            ("kick", {"user": "999999"}, "unknown_user", "user"),
            ("kick", {"user": "x"}, "unknown_user", "user"),
            ("ban", {"for_s": 0}, "bad_request", "for_s"),
            ("mute", {"reason": "x" * 201}, "bad_request", "reason"),
            ("setRole", {"role": "king"}, "bad_request", "role"),
            ("remove", {"id": "999"}, "unknown_message", "id"),
            ("remove", {"id": "x"}, "unknown_message", "id"),
            ("remove", {"id": "9" * 5_000}, "unknown_message", "id"),
            ("invite", {"count": 0}, "bad_request", "count"),
            ("invite", {"max_uses": 0}, "bad_request", "max_uses"),
        ):
            answer = await mod.call(event, {**asked, **fields})
            assert (answer["code"], answer.get("field")) == (code, field), event


async def test_a_removed_message_is_told_and_keeps_its_place() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        alice, _user = await entered(site, "alice")
        said = await alice.call("message", {"room": "csgo", "text": "oops"})
        assert (await mod.call("remove", {"room": "csgo", "id": said["id"]}))["ok"]
        removed = {"room": "csgo", "id": said["id"], "offset": 1}
        assert await heard(alice, "messageRemoved") == removed
        page = await alice.call("history", "csgo")
        assert page["messages"] == [{**removed, "removed": True}]


async def test_an_invitation_is_shown_once_and_lets_in_by_its_token() -> None:
    await sync_to_async(make_room)(access="invitation")
    async with serving() as site:
        mod, _ = await entered(site, "mod", "moderator")
        answer = await mod.call("invite", {"room": "csgo", "count": 2, "expires_s": 60})
        first, second = answer["invitations"]
        assert first["url"] == f"/games/csgo/?invite={first['token']}"
        assert first["token"] != second["token"]
        alice, _user = await signed_in(site, "alice")
        bob, _user = await signed_in(site, "bob")
        asked = {"room": "csgo", "invitation": first["token"]}
        assert (await alice.call("joinRoom", asked))["role"] == "member"
        assert (await bob.call("joinRoom", asked))["code"] == "invalid_invitation"


async def test_two_users_write_in_private_and_read_it_later() -> None:
    await sync_to_async(make_namespace)()
    async with serving() as site:
        alice, her = await signed_in(site, "alice")
        bob, him = await signed_in(site, "bob")
        tab, _guest = await site.connect(), None
        message = {"to": key(him), "text": "psst", "nonce": "n1"}
        sent = await alice.call("private", message)
        assert (sent["ok"], sent["offset"]) == (True, 1)
        for client in (alice, bob):
            got = await heard(client, "private")
            assert (got["room"], got["from"], got["to"]) == (None, key(her), key(him))
            assert (got["text"], got["id"]) == ("psst", sent["id"])
        assert (await alice.call("private", message))["id"] == sent["id"]
        assert await bob.all_heard() == []
        assert await tab.all_heard() == []
        page = await bob.call("history", {"with": key(her)})
        assert [(one["text"], one["from"]) for one in page["messages"]] == [("psst", key(her))]
        assert (await bob.call("rooms"))["rooms"] == []
        name = (await Room.everywhere.aget(pair__gt="")).name
        assert (await bob.call("joinRoom", name))["code"] == "unknown_room"
    assert await Message.objects.acount() == 1


async def test_private_messages_are_refused_to_guests_strangers_the_blocked_and_by_setting() -> (
    None
):
    namespace = await sync_to_async(make_namespace)()
    async with serving() as site:
        alice, her = await signed_in(site, "alice")
        bob, him = await signed_in(site, "bob")
        guest = await site.connect()
        to_bob = {"to": key(him), "text": "psst"}
        assert (await guest.call("private", to_bob))["code"] == "login_required"
        unknown = await alice.call("private", {**to_bob, "to": "999999"})
        assert (unknown["code"], unknown["field"]) == ("unknown_user", "to")
        assert (await bob.call("block", {"user": key(her)}))["ok"]
        assert (await alice.call("private", to_bob))["code"] == "forbidden"
        assert (await bob.call("unblock", {"user": key(her)}))["ok"]
        assert (await alice.call("private", to_bob))["ok"]
        namespace.allow_private = False
        await namespace.asave()
        assert (await alice.call("private", to_bob))["code"] == "forbidden"


async def test_rights_say_what_one_may_do_in_a_room() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _mod_user = await entered(site, "mod", "moderator")
        guest = await site.connect()
        assert (await guest.call("joinRoom", "csgo"))["ok"]
        assert await mod.call("rights", "csgo") == {
            "ok": True,
            "room": "csgo",
            "role": "moderator",
            "rank": 2,
            "moderates": True,
            "roles": ["member", "moderator"],
            "slow_mode_s": 0,
            "closes_at": None,
            "refusal": None,
        }
        answer = await guest.call("rights", {"room": "csgo"})
        assert (answer["rank"], answer["moderates"], answer["roles"]) == (0, False, [])
        assert (await guest.call("rights", "nowhere"))["code"] == "not_joined"


async def test_rights_name_what_a_message_would_be_refused_for() -> None:
    await sync_to_async(make_room)(is_read_only=True, slow_mode_s=30)
    async with serving() as site:
        mod, _mod_user = await entered(site, "mod", "moderator")
        eve, eve_user = await entered(site, "eve")
        answer = await eve.call("rights", "csgo")
        assert answer["refusal"]["code"] == "read_only"
        assert answer["slow_mode_s"] == 30
        done = await mod.call("mute", {"room": "csgo", "user": key(eve_user), "for_s": 600})
        assert done == {"ok": True}
        refusal = (await eve.call("rights", "csgo"))["refusal"]
        assert refusal["code"] == "muted"
        assert refusal["until"].endswith("Z")
        assert (await mod.call("rights", "csgo"))["slow_mode_s"] == 0


async def test_rights_say_how_long_slow_mode_holds_back() -> None:
    await sync_to_async(make_room)(slow_mode_s=30)
    async with serving() as site:
        eve, _eve_user = await entered(site, "eve")
        assert (await eve.call("rights", "csgo"))["refusal"] is None
        assert (await eve.call("message", {"room": "csgo", "text": "one"}))["ok"]
        refusal = (await eve.call("rights", "csgo"))["refusal"]
        assert refusal["code"] == "rate_limited"
        assert 0 < refusal["retry_after"] <= 30


async def test_who_asked_for_rights_hears_that_a_role_has_changed() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        owner, _owner_user = await entered(site, "owner", "owner")
        eve, eve_user = await entered(site, "eve")
        other = await site.connect(cookie=await sync_to_async(sign_in)(eve_user))
        assert (await other.call("joinRoom", "csgo"))["ok"]
        assert (await eve.call("rights", "csgo"))["role"] is None
        await eve.all_heard()
        await other.all_heard()
        change = {"room": "csgo", "user": key(eve_user), "role": "moderator"}
        assert await owner.call("setRole", change) == {"ok": True}
        news = await heard(eve, "rightsChanged")
        assert (news["room"], news["role"], news["moderates"]) == ("csgo", "moderator", True)
        assert (await eve.call("rights", "csgo"))["moderates"]
        assert await other.all_heard() == [], "who never asked is told nothing"


async def test_who_asked_for_rights_hears_of_the_new_roles_of_others_once() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        owner, _owner_user = await entered(site, "owner", "owner")
        eve, eve_user = await entered(site, "eve")
        tab = await site.connect(cookie=await sync_to_async(sign_in)(eve_user))
        assert (await tab.call("joinRoom", "csgo"))["ok"]
        guest = await site.connect()
        silent = await site.connect()
        for each in (guest, silent):
            assert (await each.call("joinRoom", "csgo"))["ok"]
        assert (await guest.call("rights", "csgo"))["ok"]
        for each in (guest, silent, eve):
            await each.all_heard()
        whom = {"room": "csgo", "user": key(eve_user)}
        assert await owner.call("setRole", {**whom, "role": "moderator"}) == {"ok": True}
        news = {"room": "csgo", "user": eve.user, "role": "moderator"}
        assert await heard(guest, "roleChanged") == news
        assert await owner.call("setRole", {**whom, "role": None}) == {"ok": True}
        assert await heard(guest, "roleChanged") == {**news, "role": None}
        assert await guest.all_heard() == []
        assert await silent.all_heard() == [], "who never asked is told nothing"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"is_read_only": True}, {"refused": "read_only", "slow_mode_s": 0, "closes_at": None}),
        ({"slow_mode_s": 30}, {"refused": None, "slow_mode_s": 30, "closes_at": None}),
        (
            {"closes_at": datetime(2999, 1, 1, tzinfo=UTC)},
            {"refused": None, "slow_mode_s": 0, "closes_at": "2999-01-01T00:00:00.000Z"},
        ),
    ],
    ids=["read-only", "slow mode", "a closing time"],
)
async def test_who_asked_for_rights_hears_what_holds_for_writing_by_now(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    room = await sync_to_async(make_room)()
    async with serving() as site:
        mod, _mod_user = await entered(site, "mod", "moderator")
        guest = await site.connect()
        silent = await site.connect()
        for each in (guest, silent):
            assert (await each.call("joinRoom", "csgo"))["ok"]
        for each in (guest, mod):
            assert (await each.call("rights", "csgo"))["ok"]
        for each in (guest, mod, silent):
            await each.all_heard()
        for field, value in fields.items():
            setattr(room, field, value)
        await sync_to_async(room.save)()
        news = await heard(guest, "rightsChanged")
        refused = (news.pop("refusal") or {}).get("code")
        assert {"refused": refused, **news} == {
            "room": "csgo",
            "role": None,
            "moderates": False,
            **expected,
        }
        if "closes_at" not in fields:
            assert await mod.all_heard() == [], "nothing of it concerns a moderator"
        assert await silent.all_heard() == [], "who never asked is told nothing"


async def test_a_mute_is_no_news_of_rights() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _mod_user = await entered(site, "mod", "moderator")
        eve, eve_user = await entered(site, "eve")
        assert (await eve.call("rights", "csgo"))["ok"]
        await eve.all_heard()
        assert (await mod.call("mute", {"room": "csgo", "user": key(eve_user)}))["ok"]
        assert (await heard(eve, "muted"))["room"] == "csgo"
        assert await eve.all_heard() == []


async def test_a_moderator_reads_who_is_banned_and_muted() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        mod, _mod_user = await entered(site, "mod", "moderator")
        _eve, eve_user = await entered(site, "eve")
        guest = await site.connect()
        assert (await guest.call("joinRoom", "csgo"))["ok"]
        ban = {"room": "csgo", "user": key(eve_user), "reason": "spam", "for_s": 3600}
        assert await mod.call("ban", ban) == {"ok": True}
        mute = {"room": "csgo", "user": guest.user["id"]}
        assert await mod.call("mute", mute) == {"ok": True}
        listed = await mod.call("sanctions", "csgo")
        (banned,), (muted,) = listed["bans"], listed["mutes"]
        assert banned["user"] == {"id": key(eve_user), "name": "eve"}
        assert (banned["reason"], banned["by"]) == ("spam", "mod")
        assert banned["until"].endswith("Z")
        assert muted["user"] == guest.user
        assert muted["until"] is None
        assert (await guest.call("sanctions", "csgo"))["code"] == "forbidden"
        assert await mod.call("unban", {"room": "csgo", "user": key(eve_user)}) == {"ok": True}
        assert (await mod.call("sanctions", {"room": "csgo"}))["bans"] == []


async def test_private_conversations_are_listed_with_whoever_is_blocked() -> None:
    await sync_to_async(make_room)()
    async with serving() as site:
        ann, ann_user = await signed_in(site, "ann")
        bob, bob_user = await signed_in(site, "bob")
        _cleo, cleo_user = await signed_in(site, "cleo")
        assert (await ann.call("conversations"))["conversations"] == []
        assert (await ann.call("private", {"to": key(bob_user), "text": "hello"}))["ok"]
        assert (await ann.call("block", {"user": key(cleo_user)}))["ok"]
        talk, silent = (await ann.call("conversations"))["conversations"]
        assert talk["user"] == {"id": key(bob_user), "name": "bob"}
        assert (talk["offset"], talk["blocked"]) == (1, False)
        assert talk["at"].endswith("Z")
        assert silent == {
            "user": {"id": key(cleo_user), "name": "cleo"},
            "offset": 0,
            "at": None,
            "blocked": True,
        }
        (other,) = (await bob.call("conversations"))["conversations"]
        assert other["user"] == {"id": key(ann_user), "name": "ann"}
        guest = await site.connect()
        assert (await guest.call("conversations"))["code"] == "login_required"
