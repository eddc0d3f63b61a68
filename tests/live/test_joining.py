"""Greeting, joining and leaving, by clients of every kind (DESIGN section 6)."""

import pytest

from tests.live.conftest import OTHER_WELCOME, WELCOME, Site, Visitors


async def test_the_greeting_is_welcome_then_identity(visitors: Visitors) -> None:
    guest = await visitors.connect_silently("/live")
    assert await guest.hear("welcome") == [WELCOME]
    who = await guest.hear_one("identity")
    await guest.hears_nothing()
    assert who["namespace"] == {"path": "/live", "title": "Live"}
    assert set(who["user"]) == {"id", "name"}
    assert who["user"]["id"].startswith("guest:")
    assert isinstance(who["guest"], str)
    assert set(who) == {"namespace", "user", "guest"}


async def test_a_signed_in_user_is_no_guest(visitors: Visitors) -> None:
    alice = await visitors.connect("/live", user="alice")
    assert set(alice.me) == {"namespace", "user"}
    assert alice.me["user"]["name"] == "alice"
    assert alice.me["user"]["id"].isdigit()


@pytest.mark.parametrize("form", ["name", "object"])
async def test_a_join_is_heard_as_success_then_new_user_then_ack(
    visitors: Visitors, site: Site, form: str
) -> None:
    room = site.room()
    resident = await visitors.join(room)
    joiner = await visitors.connect()
    answer = await joiner.ask("joinRoom", room if form == "name" else {"room": room, "x": 1})
    assert joiner.log[-3:] == ["success", "newUser", "ack"]
    assert await joiner.hear("success") == [f"Joined Room: {room}"]
    text, details = await joiner.hear("newUser")
    assert text == f"New user has been connected to the {room} Room"
    assert details == {"room": room, "user": joiner.me["user"], "members": 2, "sockets": 1}
    assert await resident.hear("newUser") == [text, details]
    epoch = answer.pop("epoch")
    assert isinstance(epoch, str)
    assert epoch
    assert answer == {
        "ok": True,
        "room": room,
        "members": 2,
        "role": None,
        "offset": 0,
        "messages": [],
        "more": False,
        "recovered": False,
    }
    await joiner.hears_nothing()
    await resident.hears_nothing()


async def test_joining_again_answers_and_is_heard_by_nobody(visitors: Visitors, site: Site) -> None:
    room = site.room()
    resident = await visitors.join(room)
    joiner = await visitors.connect()
    first = await joiner.ask("joinRoom", room)
    await joiner.hear("success")
    await joiner.hear("newUser")
    await resident.hear("newUser")
    assert await joiner.ask("joinRoom", {"room": f"  {room}\t"}) == first
    await joiner.hears_nothing()
    await resident.hears_nothing()


async def test_two_tabs_are_one_member_with_two_sockets(visitors: Visitors, site: Site) -> None:
    room = site.room()
    one = await visitors.join(room)
    other = await visitors.connect(guest=one.me["guest"])
    assert other.me["user"] == one.me["user"]
    answer = await other.ask("joinRoom", room)
    assert answer["members"] == 1
    _text, details = await one.hear("newUser")
    assert (details["members"], details["sockets"]) == (1, 2)
    await other.close()
    _text, details = await one.hear("userLeft")
    assert details == {"room": room, "user": one.me["user"], "members": 1, "sockets": 1}


async def test_the_role_is_in_the_answer(visitors: Visitors, site: Site) -> None:
    room = site.room(access="members")
    site.clerk.do("member", namespace="/live", room=room, user="alice", role="moderator")
    alice = await visitors.connect(user="alice")
    assert (await alice.ask("joinRoom", room))["role"] == "moderator"


async def test_a_denied_join_is_heard_by_the_socket_alone(visitors: Visitors, site: Site) -> None:
    room = site.room(access="login")
    alice = await visitors.join(room, user="alice")
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", room)
    assert guest.log[-2:] == ["err", "ack"]
    message, told = await guest.hear("err")
    assert told == answer
    assert answer["message"] == message
    assert room in message
    assert set(answer) == {"ok", "code", "message", "room", "ref"}
    assert (answer["ok"], answer["code"], answer["room"]) == (False, "login_required", room)
    await alice.hears_nothing()
    await guest.hears_nothing()
    refused = await guest.ask("message", {"room": room, "text": "hello"})
    assert refused["code"] == "not_joined"
    assert (await alice.ask("members", room))["count"] == 1


async def test_a_denied_join_without_an_ack_is_heard_once(visitors: Visitors, site: Site) -> None:
    room = site.room(access="members")
    guest = await visitors.connect()
    await guest.tell("joinRoom", room)
    message, told = await guest.hear("err")
    assert told["code"] == "login_required"
    assert told["message"] == message
    await guest.hears_nothing()


async def test_a_join_without_an_ack_is_a_join(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.connect()
    await guest.tell("joinRoom", room)
    assert await guest.hear("success") == [f"Joined Room: {room}"]
    await guest.hear("newUser")
    await guest.hears_nothing()


async def test_a_missing_room_is_named_and_has_a_record(visitors: Visitors, site: Site) -> None:
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", "csgo2")
    ref = answer.pop("ref")
    assert answer == {
        "ok": False,
        "code": "unknown_room",
        "message": "Invalid Room Name: csgo2",
        "room": "csgo2",
    }
    assert site.clerk.do("record", ref=ref)["code"] == "unknown_room"


@pytest.mark.parametrize(
    ("access", "user", "code"),
    [
        ("login", None, "login_required"),
        ("login", "alice", None),
        ("members", None, "login_required"),
        ("members", "alice", "not_a_member"),
        ("members", "bob", None),
        ("members", "admin", None),
        ("open", None, None),
    ],
)
async def test_each_access_kind_admits_whom_it_should(
    visitors: Visitors, site: Site, access: str, user: str | None, code: str | None
) -> None:
    room = site.room(access=access)
    site.clerk.do("member", namespace="/live", room=room, user="bob", role="member")
    visitor = await visitors.connect(user=user)
    answer = await visitor.ask("joinRoom", room)
    assert answer.get("code") == code
    assert answer["ok"] is (code is None)


async def test_a_closed_room_is_closed_to_everybody(visitors: Visitors, site: Site) -> None:
    room = site.room(is_open=False)
    for user in (None, "alice", "admin"):
        visitor = await visitors.connect(user=user)
        assert (await visitor.ask("joinRoom", room))["code"] == "room_closed"


async def test_a_full_room_takes_nobody_but_who_is_inside(visitors: Visitors, site: Site) -> None:
    room = site.room(capacity=1)
    inside = await visitors.join(room)
    outside = await visitors.connect(user="alice")
    answer = await outside.ask("joinRoom", room)
    assert answer["code"] == "room_full"
    tab = await visitors.connect(guest=inside.me["guest"])
    assert (await tab.ask("joinRoom", room))["ok"]
    await inside.hear("newUser")
    await tab.close()
    await inside.hear("userLeft")
    await inside.ask("leaveRoom", room)
    assert (await outside.ask("joinRoom", room))["ok"]


async def test_leaving_is_told_to_the_others(visitors: Visitors, site: Site) -> None:
    room = site.room()
    stays = await visitors.join(room)
    leaves = await visitors.join(room)
    await stays.hear("newUser")
    assert await leaves.ask("leaveRoom", {"room": room}) == {"ok": True, "room": room}
    assert await stays.hear("userLeft") == [
        f"A user has left the {room} Room",
        {"room": room, "user": leaves.me["user"], "members": 1, "sockets": 0},
    ]
    await leaves.hears_nothing()
    await stays.ask("message", {"room": room, "text": "gone?"})
    await stays.hear("message")
    await leaves.hears_nothing()
    answer = await leaves.ask("leaveRoom", room)
    assert (answer["ok"], answer["code"], answer["room"]) == (False, "not_joined", room)


async def test_going_away_is_leaving_every_room(visitors: Visitors, site: Site) -> None:
    first, second = site.room(), site.room()
    stays = await visitors.join(first)
    await stays.ask("joinRoom", second)
    goes = await visitors.join(first)
    await goes.ask("joinRoom", second)
    await stays.take_all()
    await goes.close()
    left = [await stays.hear("userLeft") for _room in range(2)]
    assert {details["room"] for _text, details in left} == {first, second}
    assert all(details["user"] == goes.me["user"] for _text, details in left)
    assert (await stays.ask("members", first))["count"] == 1


async def test_namespaces_never_hear_each_other(visitors: Visitors, site: Site) -> None:
    room = site.room()
    assert site.room(room, namespace="/other") == room
    here = await visitors.join(room)
    there = await visitors.connect_silently("/other")
    assert await there.hear("welcome") == [OTHER_WELCOME]
    await there.hear("identity")
    answer = await there.ask("joinRoom", room)
    assert answer["members"] == 1
    await there.take_all()
    await here.ask("message", {"room": room, "text": "only here"})
    await here.hear("message")
    await there.ask("message", {"room": room, "text": "only there"})
    await there.hear("message")
    await there.ask("leaveRoom", room)
    await here.hears_nothing()
    await there.hears_nothing()


NAMES = [
    "rocket league",
    "日本 🎮",
    "👩\u200d💻 family",
    "a/b",
    "50%",
    "%2F",
    "?q=1#x",
    "ok.",
    "e\u0301",
    "x" * 100,
]
MALFORMED_NAMES = [
    *("", "   ", ".", "..", " .. ", "x" * 101),
    *("a\x00b", "a\nb", "a\u2028b", "a\u2029b", "a\u202eb", "a\u2066b", "a\x85b", "a\x7fb"),
]


async def test_a_name_is_taken_as_it_is_written(visitors: Visitors, site: Site) -> None:
    known = site.clerk.do("registry")["/live"]
    guest = await visitors.connect()
    for name in NAMES:
        if name not in known:
            site.room(name)
        answer = await guest.ask("joinRoom", name)
        assert answer.get("room") == name, answer
        assert await guest.hear("success") == [f"Joined Room: {name}"]
        await guest.hear("newUser")
        await guest.ask("message", {"room": name, "text": name})
        assert (await guest.hear_one("message"))["room"] == name


async def test_a_malformed_name_is_a_bad_request(visitors: Visitors) -> None:
    guest = await visitors.connect()
    for name in MALFORMED_NAMES:
        for event in ("leaveRoom", "typing", "members", "history"):
            answer = await guest.ask(event, {"room": name})
            found = (answer["ok"], answer["code"], answer["field"])
            assert found == (False, "bad_request", "room"), (event, name)
            assert answer["message"]
    await guest.hears_nothing()
    for name in MALFORMED_NAMES:
        answer = await guest.ask("joinRoom", name)
        assert (answer["code"], answer["field"]) == ("bad_request", "room"), name


async def test_case_and_composition_of_names_count(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.connect()
    for other in (room.upper(), room.replace(" ", "\u00a0"), f"{room}\u0301"):
        assert (await guest.ask("joinRoom", other))["code"] == "unknown_room"


WRONG_JOINS: list[tuple[tuple[object, ...], str | None]] = [
    ((), None),
    ((7,), None),
    ((None,), None),
    (([],), None),
    (({},), "room"),
    (({"room": 7},), "room"),
    (({"room": None},), "room"),
    (({"room": "x", "password": 7},), "password"),
    (({"room": "x", "since": "7"},), "since"),
    (({"room": "x", "since": 1.5},), "since"),
    (({"room": "x", "since": True},), "since"),
    (({"room": "x", "since": -1},), "since"),
    (({"room": "x", "epoch": 7},), "epoch"),
    (({"room": "x", "invitation": []},), "invitation"),
]


async def test_a_wrong_type_is_a_bad_request_that_names_the_field(visitors: Visitors) -> None:
    guest = await visitors.connect()
    for payload, field in WRONG_JOINS:
        answer = await guest.ask("joinRoom", *payload)
        assert (answer["ok"], answer["code"]) == (False, "bad_request"), payload
        assert field is None or answer["field"] == field, payload
