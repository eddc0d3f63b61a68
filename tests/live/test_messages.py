"""Messages and typing, by clients of every kind (DESIGN section 6)."""

import re
from datetime import UTC, datetime, timedelta

from tests.live.conftest import Site, Visitors

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
WRONG_TEXTS = ["", " \n ", "x" * 4_001, "a\x00b", "a\x07b", "a\x1bb", "a\x85b", "a\rb"]
GOOD_TEXTS = [
    "x",
    "x" * 4_000,
    "  trimmed\t",
    "two\nlines\tand a tab",
    "👩\u200d💻",
    "a\u202eb",
    "<b>",
]


async def test_a_message_is_heard_by_all_in_the_room(visitors: Visitors, site: Site) -> None:
    room = site.room()
    alice = await visitors.join(room, user="alice")
    guest = await visitors.join(room)
    outside = await visitors.connect()
    await alice.hear("newUser")
    sent = {"room": room, "text": " Hi there! ", "data": {"a": [1, None, "ü"]}, "nonce": "n-1"}
    ack = await alice.ask("message", sent)
    message = await guest.hear_one("message")
    assert await alice.hear_one("message") == message
    assert re.fullmatch(INSTANT, ack["at"])
    assert abs(datetime.fromisoformat(ack["at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert isinstance(ack["id"], str)
    assert ack == {"ok": True, "id": ack["id"], "offset": 1, "at": ack["at"]}
    assert message == {
        "id": ack["id"],
        "room": room,
        "offset": 1,
        "user": alice.me["user"],
        "text": "Hi there!",
        "data": {"a": [1, None, "ü"]},
        "at": ack["at"],
        "nonce": "n-1",
    }
    history = await guest.ask("history", {"room": room})
    assert history["messages"] == [message]
    await outside.hears_nothing()
    await guest.hears_nothing()
    await alice.hears_nothing()


async def test_a_plain_message_has_neither_data_nor_nonce(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.join(room)
    await guest.tell("message", {"room": room, "text": "no ack"})
    message = await guest.hear_one("message")
    assert set(message) == {"id", "room", "offset", "user", "text", "at"}
    assert message["user"] == guest.me["user"]
    await guest.hears_nothing()


async def test_offsets_count_from_one_without_gaps(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.join(room)
    acks = [await guest.ask("message", {"room": room, "text": f"{n}"}) for n in range(1, 6)]
    assert [ack["offset"] for ack in acks] == [1, 2, 3, 4, 5]
    heard = [await guest.hear_one("message") for _ack in acks]
    assert [message["text"] for message in heard] == ["1", "2", "3", "4", "5"]
    assert [message["id"] for message in heard] == [ack["id"] for ack in acks]


async def test_a_resend_is_the_same_message_and_is_heard_once(
    visitors: Visitors, site: Site
) -> None:
    room = site.room()
    alice = await visitors.join(room, user="alice")
    guest = await visitors.join(room)
    await alice.hear("newUser")
    first = await alice.ask("message", {"room": room, "text": "once", "nonce": "same"})
    again = await alice.ask("message", {"room": room, "text": "twice?", "nonce": "same"})
    assert again == first
    assert (await guest.hear_one("message"))["text"] == "once"
    await guest.hears_nothing()
    # Another author's nonce is another nonce.
    other = await guest.ask("message", {"room": room, "text": "mine", "nonce": "same"})
    assert other["offset"] == 2
    assert (await guest.hear_one("message"))["text"] == "mine"


async def test_a_nonce_belongs_to_its_room(visitors: Visitors, site: Site) -> None:
    first, second = site.room(), site.room()
    guest = await visitors.join(first)
    await guest.ask("joinRoom", second)
    await guest.take_all()
    for room in (first, second):
        ack = await guest.ask("message", {"room": room, "text": room, "nonce": "n"})
        assert ack["offset"] == 1
        assert (await guest.hear_one("message"))["room"] == room


async def test_texts_keep_their_rules(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.join(room)
    for text in WRONG_TEXTS:
        answer = await guest.ask("message", {"room": room, "text": text})
        found = (answer["ok"], answer["code"], answer.get("field"))
        assert found == (False, "bad_request", "text"), repr(text[:10])
    await guest.hears_nothing()
    for text in GOOD_TEXTS:
        assert (await guest.ask("message", {"room": room, "text": text}))["ok"], repr(text[:10])
        assert (await guest.hear_one("message"))["text"] == text.strip()


async def test_data_and_nonce_keep_their_rules(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.join(room)
    # {"k":"…"} has 8 bytes beside what stands in it; ü has two.
    largest = {"k": "ü" * 2_044}
    wrong: list[tuple[str, object]] = [
        ("data", []),
        ("data", "text"),
        ("data", 7),
        ("data", {"k": largest["k"] + "x"}),
        ("nonce", ""),
        ("nonce", "x" * 65),
        ("nonce", 7),
        ("text", 7),
        ("text", None),
        ("text", {}),
        ("room", 7),
    ]
    for field, value in wrong:
        answer = await guest.ask("message", {"room": room, "text": "x", field: value})
        found = (answer["ok"], answer["code"], answer.get("field"))
        assert found == (False, "bad_request", field), (field, str(value)[:20])
    for field, value in (("data", largest), ("data", {}), ("nonce", "x" * 64), ("nonce", "🎮")):
        assert (await guest.ask("message", {"room": room, "text": "x", field: value}))["ok"]
        assert (await guest.hear_one("message"))[field] == value
    for payload in ((), ("hello",), ({"room": room},), ({"text": "x"},)):
        assert (await guest.ask("message", *payload))["code"] == "bad_request"
    await guest.hears_nothing()


async def test_only_who_joined_may_speak_whether_the_room_exists_or_not(
    visitors: Visitors, site: Site
) -> None:
    room = site.room()
    resident = await visitors.join(room)
    outside = await visitors.connect(user="admin")
    for name in (room, "no such room"):
        expected = {
            "ok": False,
            "code": "not_joined",
            "message": f"You are not in the room {name}.",
            "room": name,
        }
        answers = [
            await outside.ask("message", {"room": name, "text": "x"}),
            await outside.ask("typing", name),
            await outside.ask("leaveRoom", name),
        ]
        assert answers == [expected] * 3
    guest = await visitors.connect()
    for event in ("history", "members"):
        there, missing = [await guest.ask(event, {"room": name}) for name in (room, "missing")]
        assert (there["code"], missing["code"]) == ("not_joined", "not_joined")
        assert set(there) == set(missing)
    await resident.hears_nothing()


async def test_a_refused_message_without_an_ack_is_heard_as_err(
    visitors: Visitors, site: Site
) -> None:
    room = site.room(is_read_only=True)
    guest = await visitors.join(room)
    await guest.tell("message", {"room": room, "text": "may I?"})
    message, answer = await guest.hear("err")
    assert (answer["ok"], answer["code"], answer["message"]) == (False, "read_only", message)
    assert answer["room"] == room
    await guest.tell("message", {"room": "elsewhere", "text": "x"})
    message, answer = await guest.hear("err")
    assert answer == {
        "ok": False,
        "code": "not_joined",
        "message": message,
        "room": "elsewhere",
    }
    await guest.tell("message", {"room": room, "text": 7})
    _message, answer = await guest.hear("err")
    assert (answer["code"], answer["field"]) == ("bad_request", "text")
    await guest.tell("noSuchEvent", 1)
    _message, answer = await guest.hear("err")
    assert (answer["ok"], answer["code"]) == (False, "unknown_event")
    await guest.hears_nothing()


async def test_moderators_speak_in_a_read_only_room(visitors: Visitors, site: Site) -> None:
    room = site.room(is_read_only=True)
    site.clerk.do("member", namespace="/live", room=room, user="alice", role="moderator")
    site.clerk.do("member", namespace="/live", room=room, user="bob", role="member")
    alice = await visitors.join(room, user="alice")
    bob = await visitors.join(room, user="bob")
    assert (await alice.ask("message", {"room": room, "text": "x"}))["ok"]
    assert (await bob.ask("message", {"room": room, "text": "x"}))["code"] == "read_only"
    admin = await visitors.join(room, user="admin")
    assert (await admin.ask("message", {"room": room, "text": "x"}))["ok"]


async def test_a_room_closed_meanwhile_takes_no_message(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.join(room)
    site.clerk.do("change room", namespace="/live", name=room, is_open=False)
    answer = await guest.ask("message", {"room": room, "text": "x"})
    assert (answer["ok"], answer["room"]) == (False, room)
    # Whichever comes first: the message, or the process hearing that the room is closed.
    assert answer["code"] in {"room_closed", "not_joined"}
    stored = "answer = Message.objects.filter(room__name=room).count()"
    assert site.clerk.do("shell", code=stored, room=room) == 0


async def test_typing_is_heard_by_the_others(visitors: Visitors, site: Site) -> None:
    room = site.room()
    alice = await visitors.join(room, user="alice")
    guest = await visitors.join(room)
    await alice.hear("newUser")
    assert await guest.ask("typing", room) == {"ok": True}
    assert await alice.hear("typing") == [{"room": room, "user": guest.me["user"]}]
    assert await guest.ask("typing", {"room": room}) == {"ok": True}
    assert await alice.hear("typing") == [{"room": room, "user": guest.me["user"]}]
    await guest.hears_nothing()
    await alice.hears_nothing()


async def test_a_room_without_history_numbers_nothing(visitors: Visitors, site: Site) -> None:
    room = site.room(history_size=0)
    one = await visitors.join(room)
    other = await visitors.connect()
    answer = await other.ask("joinRoom", {"room": room, "since": 0})
    found = {name: answer[name] for name in ("epoch", "offset", "messages", "more", "recovered")}
    assert found == {
        "epoch": None,
        "offset": None,
        "messages": [],
        "more": False,
        "recovered": False,
    }
    await other.take_all()
    await one.hear("newUser")
    ack = await other.ask("message", {"room": room, "text": "fleeting", "nonce": "n"})
    message = await one.hear_one("message")
    assert ack["offset"] is None
    assert message["offset"] is None
    assert (message["id"], message["at"]) == (ack["id"], ack["at"])
    history = await one.ask("history", room)
    assert (history["ok"], history["messages"], history["more"]) == (True, [], False)
    assert history["epoch"] is None
