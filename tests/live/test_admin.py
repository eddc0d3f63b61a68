"""The admin over HTTP, felt by sockets at once (DESIGN sections 1 and 7)."""

import re

import pytest

from tests.helpers.live_browser import Browser, form_fields
from tests.live.conftest import Site, Visitors


@pytest.fixture
def admin(site: Site) -> Browser:
    return site.signed_in("admin")


def save(admin: Browser, path: str, /, **changes: str) -> None:
    """Post an admin form with the given fields changed; an empty text clears a checkbox."""
    page = admin.get(path)
    assert page.status == 200, (path, page.status)
    fields: dict[str, list[str]] = form_fields(page)
    for name, value in changes.items():
        fields[name] = [value] if value else []
    answer = admin.post(path, fields)
    errors = re.findall(r'class="errorlist[^"]*"[^>]*>(.*?)</ul>', answer.text, re.DOTALL)
    assert answer.status == 302, (answer.status, errors)


def path_of(admin: Browser, kind: str, query: str) -> str:
    """Return the admin page of the one row that a search finds."""
    page = admin.get(f"/admin/rooms/{kind}/?q={query}")
    assert page.status == 200
    found = set(re.findall(rf"/admin/rooms/{kind}/\d+/change/", page.text))
    assert len(found) == 1, found
    (path,) = found
    return str(path)


async def test_a_room_added_and_closed_there_counts_for_the_next_join(
    plain: Visitors, site: Site, admin: Browser
) -> None:
    name = f"admin made {site.room()[-3:]}"
    guest = await plain.connect("/games")
    assert (await guest.ask("joinRoom", name))["code"] == "unknown_room"
    games = re.search(
        r'<option value="(\d+)"[^>]*>/games', admin.get("/admin/rooms/room/add/").text
    )
    namespace = games[1] if games else path_of(admin, "namespace", "games").split("/")[-3]
    save(admin, "/admin/rooms/room/add/", namespace=namespace, name=name, access="open")
    await guest.take_all()
    assert (await guest.ask("joinRoom", name))["ok"]
    await guest.ask("leaveRoom", name)
    room = path_of(admin, "room", name.replace(" ", "+"))
    save(admin, room, is_open="")
    assert (await guest.ask("joinRoom", name))["code"] == "room_closed"
    save(admin, room, is_open="on", access="login")
    assert (await guest.ask("joinRoom", name))["code"] == "login_required"


async def test_a_namespace_added_there_answers_at_once(
    plain: Visitors, site: Site, admin: Browser
) -> None:
    path = f"/added-{site.room()[-3:]}"
    assert site.browser().get(f"{path}/").status == 404
    save(
        admin,
        "/admin/rooms/namespace/add/",
        path=path,
        title="Added",
        welcome="Hello from the admin",
        access="open",
    )
    assert site.browser().get(f"{path}/").status == 200
    guest = await plain.connect_silently(path)
    assert await guest.hear("welcome") == ["Hello from the admin"]


def test_a_path_of_the_sites_own_is_refused(admin: Browser) -> None:
    for path in ("/admin", "/ws", "/socket.io", "/static", "games", "/Games", "/a/b"):
        page = admin.get("/admin/rooms/namespace/add/")
        fields = form_fields(page) | {"path": [path], "title": ["x"], "access": ["open"]}
        answer = admin.post("/admin/rooms/namespace/add/", fields)
        assert answer.status == 200, path
        assert "errorlist" in answer.text


@pytest.mark.parametrize(
    "model",
    ["namespace", "room", "membership", "grant", "message", "connection", "decisionrecord"],
)
def test_each_model_is_in_the_admin(admin: Browser, model: str) -> None:
    assert admin.get(f"/admin/rooms/{model}/").status == 200


def test_the_admin_is_for_staff(site: Site) -> None:
    assert site.signed_in("alice").get("/admin/rooms/room/").status == 302
    assert site.browser().get("/admin/rooms/room/").status == 302


async def test_a_denial_is_found_by_its_reference(
    plain: Visitors, site: Site, admin: Browser
) -> None:
    room = site.room(access="members")
    guest = await plain.connect()
    ref = (await guest.ask("joinRoom", room))["ref"]
    page = admin.get(f"/admin/rooms/decisionrecord/?q={ref}").text
    assert ref in page
    assert "1 decision record" in page
