"""Every URL that the contract names (DESIGN section 3)."""

import re
from urllib.parse import quote

import pytest

from tests.helpers.live_browser import Browser
from tests.live.conftest import Site

# What differs from visit to visit, or says which room was asked for.
VARYING = [r'nonce="[^"]*"', r"nonce-[^']*", r'name="csrfmiddlewaretoken" value="[^"]*"']


@pytest.fixture
def visitor(site: Site) -> Browser:
    return site.browser()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/games/", 200),
        ("/news/", 200),
        ("/games/csgo/", 200),
        ("/games/rocket%20league/", 200),
        ("/games/no%20such%20room/", 200),
        ("/games/a%2Fb/", 200),
        ("/games/a/b/", 200),
        ("/games/%F0%9F%8E%AE/", 200),
        ("/nowhere/", 404),
        ("/nowhere/csgo/", 404),
        ("/GAMES/", 404),
        ("/accounts/login/", 200),
        ("/accounts/signup/", 200),
        ("/accounts/logout/", 405),
        ("/accounts/ticket/", 405),
        ("/admin/", 302),
        ("/admin/login/", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/socket.io/", 400),
        ("/socket.io/socket.io.js", 200),
        ("/socket.io/nothing.js", 404),
    ],
)
def test_a_path_answers(visitor: Browser, path: str, status: int) -> None:
    assert visitor.get(path).status == status


def test_a_missing_slash_leads_to_the_page(visitor: Browser) -> None:
    for path in ("/games", "/games/csgo", "/games/rocket%20league"):
        answer = visitor.get(path)
        assert answer.status == 301, path
        assert answer.headers["location"] == f"{path}/"


def test_the_first_page_names_what_there_is_and_how_to_sign_in(visitor: Browser) -> None:
    page = visitor.get("/").text
    for word in ("/games/", "/news/", "rocket league", "csgo", "bt1", "alice", "admin"):
        assert word in page, word


def test_a_page_of_a_hidden_room_is_that_of_a_missing_one(site: Site) -> None:
    hidden = site.room("a-page-hidden", access="members", is_listed=False)
    missing = "b-page-missing"
    pages = []
    visitor = site.browser()
    visitor.get("/live/")
    for name in (hidden, missing):
        page = visitor.get(f"/live/{quote(name)}/")
        assert page.status == 200
        text = page.text.replace(name, "the room")
        for pattern in VARYING:
            text = re.sub(pattern, "", text)
        pages.append((text, sorted(page.headers)))
    assert pages[0] == pages[1]


def test_health_is_said_as_json_and_never_kept(visitor: Browser) -> None:
    ready = visitor.get("/readyz")
    assert ready.headers["content-type"].startswith("application/json")
    assert isinstance(ready.json(), dict)
    assert ready.json().get("degraded", []) == []
    assert "no-store" in ready.headers["cache-control"]


def test_signing_up_in_and_out(site: Site) -> None:
    name = f"new-{site.room()[-3:]}"
    visitor = site.browser()
    word = "correct horse battery"
    answer = visitor.submit("/accounts/signup/", username=name, password1=word, password2=word)
    assert answer.status == 302, answer.text
    assert name in visitor.get("/").text
    token = visitor.cookies["csrftoken"]
    assert visitor.post("/accounts/logout/", {"csrfmiddlewaretoken": token}).status == 302
    assert f">{name}<" not in visitor.get("/").text
    wrong = visitor.submit("/accounts/login/", username=name, password="wrong")
    assert wrong.status == 200
    right = visitor.submit("/accounts/login/", username=name, password=word)
    assert right.status == 302


def test_signing_in_leads_back_but_never_elsewhere(site: Site) -> None:
    for target, place in (
        ("/games/csgo/", "/games/csgo/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
    ):
        visitor = site.browser()
        answer = visitor.submit(
            f"/accounts/login/?next={quote(target)}",
            username="alice",
            password="alice",
            next=target,
        )
        assert (answer.status, answer.headers["location"]) == (302, place)
