"""History: pages, and what a joiner is given and told (DESIGN section 6)."""

from typing import Any

from tests.live.conftest import Site, Visitors


def offsets(answer: dict[str, Any]) -> list[int]:
    return [message["offset"] for message in answer["messages"]]


async def test_pages_before_and_after_an_offset(visitors: Visitors, site: Site) -> None:
    room = site.room()
    site.clerk.do("fill", namespace="/live", name=room, count=250)
    guest = await visitors.join(room)

    async def ask(**bounds: int) -> tuple[list[int], bool]:
        answer = await guest.ask("history", {"room": room, **bounds})
        assert set(answer) == {"ok", "epoch", "messages", "more"}
        return offsets(answer), answer["more"]

    assert await ask() == (list(range(151, 251)), True)
    assert await ask(limit=3) == ([248, 249, 250], True)
    assert await ask(before=151) == (list(range(51, 151)), True)
    assert await ask(before=51) == (list(range(1, 51)), False)
    assert await ask(before=4, limit=3) == ([1, 2, 3], False)
    assert await ask(before=5, limit=3) == ([2, 3, 4], True)
    assert await ask(before=1) == ([], False)
    assert await ask(after=0, limit=2) == ([1, 2], True)
    assert await ask(after=150) == (list(range(151, 251)), False)
    assert await ask(after=149) == (list(range(150, 250)), True)
    assert await ask(after=250) == ([], False)
    assert await ask(after=9_999) == ([], False)
    assert await ask(before=9_999, limit=1) == ([250], True)
    assert len((await ask(limit=100_000))[0]) == 100


async def test_wrong_bounds_are_bad_requests(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.join(room)
    answer = await guest.ask("history", {"room": room, "before": 5, "after": 1})
    assert (answer["ok"], answer["code"]) == (False, "bad_request")
    for field, value in (
        ("before", -1),
        ("before", "5"),
        ("after", 1.5),
        ("after", 2**80),
        ("limit", 0),
        ("limit", -1),
        ("limit", "x"),
    ):
        answer = await guest.ask("history", {"room": room, field: value})
        assert (answer["code"], answer["field"]) == ("bad_request", field), (field, value)


async def test_a_joiner_gets_the_latest_page(visitors: Visitors, site: Site) -> None:
    room = site.room()
    site.clerk.do("fill", namespace="/live", name=room, count=101)
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", room)
    assert offsets(answer) == list(range(2, 102))
    assert (answer["offset"], answer["more"], answer["recovered"]) == (101, True, False)
    assert set(answer["messages"][0]) == {"id", "room", "offset", "user", "text", "at"}


async def test_a_page_has_at_most_256_kib(plain: Visitors, site: Site) -> None:
    room = site.room()
    site.clerk.do("fill", namespace="/live", name=room, count=90, size=3_900)
    guest = await plain.connect()
    answer = await guest.ask("joinRoom", room)
    latest = offsets(answer)
    assert latest[-1] == 90
    assert 55 < len(latest) < 68
    assert answer["more"] is True
    first = await guest.ask("history", {"room": room, "after": 0})
    assert offsets(first)[0] == 1
    assert 55 < len(first["messages"]) < 68
    assert first["more"] is True


async def test_since_is_answered_with_what_came_after_it(visitors: Visitors, site: Site) -> None:
    room = site.room()
    site.clerk.do("fill", namespace="/live", name=room, count=120)
    guest = await visitors.connect()
    epoch = (await guest.ask("joinRoom", room))["epoch"]

    async def again(**position: Any) -> tuple[list[int], bool, bool]:
        answer = await guest.ask("joinRoom", {"room": room, **position})
        assert answer["offset"] == 120
        assert answer["epoch"] == epoch
        return offsets(answer), answer["more"], answer["recovered"]

    latest = (list(range(21, 121)), True, False)
    assert await again(since=118, epoch=epoch) == ([119, 120], False, True)
    assert await again(since=118) == ([119, 120], False, True)
    assert await again(since=120, epoch=epoch) == ([], False, True)
    assert await again(since=0, epoch=epoch) == (list(range(1, 101)), True, True)
    assert await again(since=121, epoch=epoch) == latest
    assert await again(since=118, epoch="another") == latest
    assert await again(epoch=epoch) == latest


async def test_what_is_no_longer_kept_is_not_recovered(visitors: Visitors, site: Site) -> None:
    room = site.room(history_size=5)
    site.clerk.do("fill", namespace="/live", name=room, count=20)
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", {"room": room, "since": 14})
    assert (offsets(answer), answer["more"], answer["recovered"]) == (
        [16, 17, 18, 19, 20],
        False,
        False,
    )
    answer = await guest.ask("joinRoom", {"room": room, "since": 15})
    assert (offsets(answer), answer["recovered"]) == ([16, 17, 18, 19, 20], True)
    history = await guest.ask("history", {"room": room, "before": 18})
    assert (offsets(history), history["more"]) == ([16, 17], False)


async def test_messages_past_their_days_are_gone(visitors: Visitors, site: Site) -> None:
    room = site.room(history_days=2)
    site.clerk.do("fill", namespace="/live", name=room, count=6)
    site.clerk.do("age", namespace="/live", room=room, upto=4, days=3)
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", {"room": room, "since": 3})
    assert (offsets(answer), answer["offset"], answer["recovered"]) == ([5, 6], 6, False)
    answer = await guest.ask("joinRoom", {"room": room, "since": 4})
    assert (offsets(answer), answer["recovered"]) == ([5, 6], True)


async def test_a_room_made_again_has_another_epoch(visitors: Visitors, site: Site) -> None:
    room = site.room()
    guest = await visitors.connect()
    before = await guest.ask("joinRoom", room)
    await guest.ask("leaveRoom", room)
    site.clerk.do("remake room", namespace="/live", name=room)
    site.clerk.do("fill", namespace="/live", name=room, count=3)
    after = await guest.ask("joinRoom", {"room": room, "since": 1, "epoch": before["epoch"]})
    assert after["epoch"] != before["epoch"]
    assert (offsets(after), after["recovered"]) == ([1, 2, 3], False)


async def test_a_removed_message_keeps_its_place(visitors: Visitors, site: Site) -> None:
    room = site.room()
    site.clerk.do("fill", namespace="/live", name=room, count=3)
    site.clerk.do("remove message", namespace="/live", room=room, offset=2)
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", {"room": room, "since": 0})
    assert answer["recovered"] is True
    removed = answer["messages"][1]
    assert removed == {"id": removed["id"], "room": room, "offset": 2, "removed": True}
    assert (await guest.ask("history", room))["messages"] == answer["messages"]


async def test_a_deleted_users_messages_keep_their_author(visitors: Visitors, site: Site) -> None:
    room = site.room()
    name = f"leaver-{room.rpartition(' ')[2]}"
    site.clerk.do("user", name=name)
    leaver = await visitors.join(room, user=name)
    await leaver.ask("message", {"room": room, "text": "bye"})
    site.clerk.do("delete user", name=name)
    guest = await visitors.connect()
    answer = await guest.ask("joinRoom", room)
    assert [message["user"] for message in answer["messages"]] == [{"id": None, "name": name}]


async def test_a_joiner_misses_nothing_between_messages_and_live(
    visitors: Visitors, site: Site
) -> None:
    room = site.room()
    author = await visitors.join(room)
    joiner = await visitors.connect()
    for n in range(10):
        await author.tell("message", {"room": room, "text": f"before {n}"})
    await joiner.tell("typing", "nowhere")
    await joiner.hear("err")
    answer = await joiner.ask("joinRoom", room)
    for n in range(10):
        await author.ask("message", {"room": room, "text": f"after {n}"})
    heard = [args[0] for event, args in await joiner.take_all() if event == "message"]
    assert offsets(answer) == list(range(1, answer["offset"] + 1))
    assert [message["offset"] for message in heard] == list(range(answer["offset"] + 1, 21))


async def test_who_moderates_reads_without_joining(visitors: Visitors, site: Site) -> None:
    room = site.room(access="members")
    site.clerk.do("fill", namespace="/live", name=room, count=2)
    site.clerk.do("member", namespace="/live", room=room, user="alice", role="moderator")
    site.clerk.do("member", namespace="/live", room=room, user="bob", role="member")
    for user, may in (("alice", True), ("admin", True), ("bob", False)):
        visitor = await visitors.connect(user=user)
        history = await visitor.ask("history", room)
        members = await visitor.ask("members", room)
        assert (history["ok"], members["ok"]) == (may, may), user
        if may:
            assert offsets(history) == [1, 2]
            assert members == {"ok": True, "members": [], "count": 0}
        assert (await visitor.ask("typing", room))["code"] == "not_joined"
