"""Hidden rooms look like missing ones, and passwords are counted (DESIGN sections 6 and 8)."""

import json
from typing import Any

from tests.helpers.live_clients import PlainClient
from tests.live.conftest import Site, Visitors


def without_ref(frames: list[dict[str, Any]]) -> str:
    """Return what was sent, as text, with the references and the ack's number blanked."""
    text = json.dumps(frames)
    for frame in frames:
        for value in frame.get("args", []):
            if isinstance(value, dict) and "ref" in value:
                text = text.replace(value["ref"], "")
    return text


async def test_a_hidden_room_is_denied_byte_for_byte_as_a_missing_one(
    plain: Visitors, site: Site
) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "open but closed": {"is_open": False},
        "for members": {"access": "members"},
        "for users": {"access": "login"},
        "behind a password": {"access": "password", "password": "sesame"},
        "full": {"capacity": 1},
    }
    said: dict[str, set[str]] = {}
    for kind, fields in kinds.items():
        # Of one length and one form, so that only what we answer can differ.
        hidden, missing = (f"{prefix}-{kind}" for prefix in ("a", "b"))
        site.room(hidden, is_listed=False, **fields)
        if kind == "full":
            await plain.join(hidden, user="admin")
        for attempt in ({}, {"password": "guess"}, {"invitation": "x"}, {"since": 3}):
            for name in (hidden, missing):
                guest = await plain.connect()
                assert isinstance(guest, PlainClient)
                start = len(guest.frames)
                answer = await guest.ask("joinRoom", {"room": name, **attempt})
                assert answer["message"] == f"Invalid Room Name: {name}"
                assert set(answer) == {"ok", "code", "message", "room", "ref"}
                text = without_ref(guest.frames[start:]).replace(name, "the room")
                said.setdefault(str(attempt), set()).add(text)
                await guest.close()
    assert {attempt: len(texts) for attempt, texts in said.items()} == dict.fromkeys(said, 1)


async def test_a_hidden_room_that_is_open_admits_who_knows_its_name(
    visitors: Visitors, site: Site
) -> None:
    room = site.room(is_listed=False)
    guest = await visitors.connect()
    names = [each["name"] for each in (await guest.ask("rooms", {"search": room}))["rooms"]]
    assert names == []
    assert (await guest.ask("joinRoom", room))["ok"]


async def test_the_right_password_gets_into_a_hidden_room(visitors: Visitors, site: Site) -> None:
    room = site.room(access="password", password="sesame", is_listed=False)
    guest = await visitors.connect()
    assert (await guest.ask("joinRoom", room))["code"] == "unknown_room"
    wrong = await guest.ask("joinRoom", {"room": room, "password": "guess"})
    assert wrong["code"] == "unknown_room"
    assert "attempts_left" not in wrong
    assert (await guest.ask("joinRoom", {"room": room, "password": "sesame"}))["ok"]


async def test_members_of_a_hidden_room_hear_the_true_code(visitors: Visitors, site: Site) -> None:
    room = site.room(is_listed=False, is_open=False)
    site.clerk.do("member", namespace="/live", room=room, user="alice", role="member")
    for user, code in (("alice", "room_closed"), ("bob", "unknown_room"), ("admin", "room_closed")):
        visitor = await visitors.connect(user=user)
        assert (await visitor.ask("joinRoom", room))["code"] == code


async def test_a_password_is_asked_for_and_then_stands(visitors: Visitors, site: Site) -> None:
    room = site.room(access="password", password="sesame")
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", room)
    assert (answer["code"], room in answer["message"]) == ("password_required", True)
    assert "attempts_left" not in answer
    wrong = await guest.ask("joinRoom", {"room": room, "password": "Sesame"})
    assert (wrong["code"], wrong["attempts_left"], wrong["room"]) == ("wrong_password", 4, room)
    await guest.take_all()
    joined = await guest.ask("joinRoom", {"room": room, "password": "sesame"})
    assert joined["ok"]
    assert guest.log[-3:] == ["success", "newUser", "ack"]
    await guest.ask("leaveRoom", room)
    assert (await guest.ask("joinRoom", room))["ok"]
    tab = await visitors.connect(guest=guest.me["guest"])
    assert (await tab.ask("joinRoom", room))["ok"]
    stranger = await visitors.connect()
    assert (await stranger.ask("joinRoom", room))["code"] == "password_required"
    site.clerk.do("change room", namespace="/live", name=room, password="open")
    again = await visitors.connect(guest=guest.me["guest"])
    assert (await again.ask("joinRoom", room))["code"] == "password_required"
    assert (await again.ask("joinRoom", {"room": room, "password": "open"}))["ok"]


async def test_a_person_has_five_tries_and_not_one_more(plain: Visitors, site: Site) -> None:
    room = site.room(access="password", password="sesame")
    guest = await plain.connect()
    answers = [
        await guest.ask("joinRoom", {"room": room, "password": f"guess {n}"}) for n in range(6)
    ]
    assert [answer["code"] for answer in answers] == ["wrong_password"] * 5 + ["rate_limited"]
    assert [answer.get("attempts_left") for answer in answers] == [4, 3, 2, 1, 0, None]
    assert 590 <= answers[5]["retry_after"] <= 600
    assert answers[5]["room"] == room
    assert answers[5]["ref"]
    # Not even the right one is looked at now, in no tab of the same person.
    tab = await plain.connect(guest=guest.me["guest"])
    for client in (guest, tab):
        answer = await client.ask("joinRoom", {"room": room, "password": "sesame"})
        assert answer["code"] == "rate_limited"
    # Another person is not held up by that.
    other = await plain.connect()
    assert (await other.ask("joinRoom", {"room": room, "password": "sesame"}))["ok"]


async def test_an_address_has_four_times_as_many(plain: Visitors, site: Site) -> None:
    room = site.room(access="password", password="sesame")
    codes = []
    for _person in range(5):
        guest = await plain.connect()
        for _try in range(5):
            answer = await guest.ask("joinRoom", {"room": room, "password": "guess"})
            codes.append(answer["code"])
    assert codes == ["wrong_password"] * 20 + ["rate_limited"] * 5


async def test_a_throttled_hidden_room_still_looks_missing(plain: Visitors, site: Site) -> None:
    hidden = site.room("a-throttled", access="password", password="sesame", is_listed=False)
    said = set()
    for name in (hidden, "b-throttled"):
        guest = await plain.connect()
        codes = []
        for _try in range(7):
            answer = await guest.ask("joinRoom", {"room": name, "password": "guess"})
            codes.append((answer["code"], tuple(sorted(answer))))
        said.add(tuple(codes))
    assert len(said) == 1


async def test_a_password_where_none_is_asked_for_is_not_looked_at(
    visitors: Visitors, site: Site
) -> None:
    room = site.room()
    guest = await visitors.connect()
    assert (await guest.ask("joinRoom", {"room": room, "password": "x"}))["ok"]


async def test_a_members_password_is_not_asked_for(visitors: Visitors, site: Site) -> None:
    room = site.room(access="password", password="sesame")
    site.clerk.do("member", namespace="/live", room=room, user="bob", role="member")
    bob = await visitors.connect(user="bob")
    assert (await bob.ask("joinRoom", room))["ok"]
    admin = await visitors.connect(user="admin")
    assert (await admin.ask("joinRoom", {"room": room, "password": "wrong"}))["ok"]


async def test_equal_denials_are_one_record(visitors: Visitors, site: Site) -> None:
    room = site.room(access="login")
    guest = await visitors.connect()
    refs = {(await guest.ask("joinRoom", room))["ref"] for _try in range(3)}
    assert len(refs) == 1
    record = site.clerk.do("record", ref=refs.pop())
    assert record == {"code": "login_required", "count": 3, "room": room}
