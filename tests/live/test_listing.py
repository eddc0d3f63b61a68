"""The lists: rooms and members (DESIGN section 6)."""

from typing import Any

import pytest

from tests.live.conftest import Site, Visitors


@pytest.fixture(scope="module")
def shelf(site: Site) -> str:
    """A namespace with one room of each kind."""
    site.clerk.do("namespace", path="/shelf", title="Shelf", welcome="")
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("b-login", {"access": "login", "title": "For users"}),
        ("a-open", {"capacity": 2}),
        ("c-members", {"access": "members"}),
        ("d-password", {"access": "password", "password": "sesame"}),
        ("e-closed", {"is_open": False}),
        ("f-hidden", {"is_listed": False}),
        ("g-full", {"capacity": 1}),
    ]
    for name, fields in kinds:
        site.room(name, namespace="/shelf", **fields)
    for user, role in (("alice", "owner"), ("bob", "member")):
        site.clerk.do("member", namespace="/shelf", room="f-hidden", user=user, role=role)
    return "/shelf"


async def test_each_room_says_what_a_join_would_answer(visitors: Visitors, shelf: str) -> None:
    inside = await visitors.connect(shelf)
    assert (await inside.ask("joinRoom", "g-full"))["ok"]
    guest = await visitors.connect(shelf)
    answer = await guest.ask("rooms")
    assert set(answer) == {"ok", "rooms", "more"}
    assert (answer["ok"], answer["more"]) == (True, False)
    assert answer["rooms"][0] == {
        "name": "a-open",
        "title": "",
        "access": "open",
        "code": None,
        "locked": False,
        "joined": False,
        "members": 0,
        "capacity": 2,
    }
    seen = {room["name"]: room for room in answer["rooms"]}
    assert list(seen) == ["a-open", "b-login", "c-members", "d-password", "e-closed", "g-full"]
    assert {name: room["code"] for name, room in seen.items()} == {
        "a-open": None,
        "b-login": "login_required",
        "c-members": "login_required",
        "d-password": "password_required",
        "e-closed": "room_closed",
        "g-full": "room_full",
    }
    assert all(room["locked"] is (room["code"] is not None) for room in seen.values())
    assert (seen["b-login"]["title"], seen["b-login"]["access"]) == ("For users", "login")
    assert (seen["g-full"]["members"], seen["g-full"]["capacity"]) == (1, 1)
    for name, room in seen.items():
        assert (await guest.ask("joinRoom", name)).get("code") == room["code"]
    again = await guest.ask("rooms", {})
    assert again["rooms"][0]["joined"] is True
    assert again["rooms"][0]["members"] == 1


async def test_codes_and_hidden_rooms_depend_on_the_person(visitors: Visitors, shelf: str) -> None:
    expected = {
        "alice": ("not_a_member", True),
        "bob": ("not_a_member", True),
        "mod": ("not_a_member", False),
        "admin": (None, True),
    }
    for user, (code, sees_hidden) in expected.items():
        visitor = await visitors.connect(shelf, user=user)
        seen = {room["name"]: room for room in (await visitor.ask("rooms"))["rooms"]}
        assert seen["c-members"]["code"] == code
        assert seen["b-login"]["code"] is None
        assert ("f-hidden" in seen) is sees_hidden


async def test_pages_and_searches(visitors: Visitors, shelf: str) -> None:
    guest = await visitors.connect(shelf)

    async def ask(**wanted: Any) -> tuple[list[str], bool]:
        answer = await guest.ask("rooms", wanted)
        return [room["name"][:1] for room in answer["rooms"]], answer["more"]

    assert await ask(limit=2) == (["a", "b"], True)
    assert await ask(after="b-login", limit=2) == (["c", "d"], True)
    assert await ask(after="e-closed") == (["g"], False)
    assert await ask(after="no-room") == ([], False)
    assert await ask(search="PASS") == (["d"], False)
    assert await ask(search="for users") == (["b"], False)
    assert await ask(search="hidden") == ([], False)
    assert await ask(search="%") == ([], False)
    assert await ask(search="-", limit=1_000) == (["a", "b", "c", "d", "e", "g"], False)
    for field, value in (
        ("limit", 0),
        ("limit", "x"),
        ("search", 7),
        ("after", []),
        ("search", "\x00"),
    ):
        answer = await guest.ask("rooms", {field: value})
        assert (answer["code"], answer["field"]) == ("bad_request", field), (field, value)
    assert (await guest.ask("rooms", None))["ok"]


async def test_a_list_has_a_hundred_rooms_at_most(plain: Visitors, site: Site) -> None:
    site.clerk.do("namespace", path="/many", title="Many", welcome="")
    for number in range(101):
        site.room(f"r{number:03}", namespace="/many")
    guest = await plain.connect("/many")
    answer = await guest.ask("rooms", {"limit": 500})
    assert [room["name"] for room in answer["rooms"]] == [f"r{n:03}" for n in range(100)]
    assert answer["more"] is True
    rest = await guest.ask("rooms", {"after": "r099"})
    assert ([room["name"] for room in rest["rooms"]], rest["more"]) == (["r100"], False)


async def test_members_are_persons_with_roles_and_sockets(visitors: Visitors, site: Site) -> None:
    room = site.room()
    site.clerk.do("member", namespace="/live", room=room, user="alice", role="owner")
    alice = await visitors.join(room, user="alice")
    tab = await visitors.join(room, user="alice")
    guest = await visitors.join(room, name="Zoë")
    answer = await guest.ask("members", room)
    assert answer == await guest.ask("members", {"room": room})
    assert (set(answer), answer["ok"], answer["count"]) == ({"ok", "members", "count"}, True, 2)
    assert sorted(answer["members"], key=lambda member: str(member["role"])) == [
        {**guest.me["user"], "role": None, "sockets": 1},
        {**alice.me["user"], "role": "owner", "sockets": 2},
    ]
    assert guest.me["user"]["name"] == "Zoë"
    await tab.ask("leaveRoom", room)
    members = (await guest.ask("members", room))["members"]
    assert {**alice.me["user"], "role": "owner", "sockets": 1} in members


async def test_the_namespace_of_the_site_itself_echoes(visitors: Visitors) -> None:
    guest = await visitors.connect_silently("/")
    assert len(await guest.hear("welcome")) == 1
    who = await guest.hear_one("identity")
    assert who["namespace"]["path"] == "/"
    assert await guest.ask("echo", {"a": [1]}) == {"a": [1]}
    assert await guest.ask("echo", 1, "two") == [1, "two"]
    assert await guest.ask("echo") == []
    assert (await guest.ask("rooms"))["ok"]
