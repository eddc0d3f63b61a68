"""Who is it? Sessions, tickets, guests and names (DESIGN section 4)."""

import pytest

from tests.helpers.live_browser import Browser, csrf_token
from tests.helpers.live_clients import Caller, ConnectRefusedError, PlainClient
from tests.live.conftest import Site, Visitors

WRONG_NAMES = [
    "",
    "  ",
    "x" * 41,
    "a\x00b",
    "a\nb",
    "a\u202eb",
    ".",
    "..",
    "alice",
    "ALICE",
    " Bob ",
]
GOOD_NAMES = ["Zoë", "x" * 40, "👩\u200d💻", "bobby", " trimmed "]


def draw_ticket(browser: Browser) -> str:
    token = csrf_token(browser.get("/accounts/signup/"))
    answer = browser.post("/accounts/ticket/", {}, X_CSRFToken=token)
    assert answer.status == 200, answer.text
    drawn = answer.json()
    assert set(drawn) == {"ticket", "expires_in"}
    assert drawn["expires_in"] == 60
    return str(drawn["ticket"])


async def test_a_ticket_lets_in_its_user_once(visitors: Visitors, site: Site) -> None:
    ticket = draw_ticket(site.browser().sign_in("alice"))
    alice = await visitors.connect(ticket=ticket)
    assert alice.me["user"]["name"] == "alice"
    assert "guest" not in alice.me
    with pytest.raises(ConnectRefusedError) as refused:
        await visitors.connect(ticket=ticket)
    assert refused.value.data == {"code": "invalid_ticket"}
    assert refused.value.close_code in {4401, None}


async def test_a_bad_ticket_is_no_silent_guest(visitors: Visitors, site: Site) -> None:
    del site
    for ticket in ("forged", "", "x" * 500):
        with pytest.raises(ConnectRefusedError) as refused:
            await visitors.connect(ticket=ticket)
        assert refused.value.data == {"code": "invalid_ticket"}
    # Nor is it where a cookie would do.
    with pytest.raises(ConnectRefusedError):
        await visitors.connect(user="alice", ticket="forged")


async def test_a_ticket_counts_before_the_cookie(visitors: Visitors, site: Site) -> None:
    ticket = draw_ticket(site.browser().sign_in("bob"))
    bob = await visitors.connect(user="alice", ticket=ticket)
    assert bob.me["user"]["name"] == "bob"


def test_tickets_are_for_who_is_signed_in_and_has_the_token(site: Site) -> None:
    nobody = site.browser()
    answer = nobody.post("/accounts/ticket/")
    assert answer.status == 401
    assert answer.headers["content-type"].startswith("application/json")
    denial = answer.json()
    assert (set(denial), denial["code"]) == ({"code", "message"}, "login_required")
    assert denial["message"]
    alice = site.browser().sign_in("alice")
    assert alice.post("/accounts/ticket/").status == 403
    assert alice.get("/accounts/ticket/").status == 405
    assert alice.post("/accounts/ticket/", {}, X_CSRFToken="x" * 32).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "nonsense"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_foreign_page_draws_a_ticket(site: Site, headers: dict[str, str]) -> None:
    alice = site.browser().sign_in("alice")
    token = csrf_token(alice.get("/accounts/signup/"))
    answer = alice.post("/accounts/ticket/", {}, X_CSRFToken=token, **headers)
    assert answer.status == 403
    assert "ticket" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def test_an_own_page_draws_a_ticket(site: Site) -> None:
    for headers in (
        {"Origin": site.url},
        {"Origin": "http://localhost:5173"},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        alice = site.browser().sign_in("alice")
        token = csrf_token(alice.get("/accounts/signup/"))
        answer = alice.post("/accounts/ticket/", {}, X_CSRFToken=token, **headers)
        assert answer.status == 200, headers
        if "Origin" in headers:
            assert answer.headers["access-control-allow-origin"] == headers["Origin"]
            assert answer.headers["access-control-allow-credentials"] == "true"


async def test_the_pages_cookie_makes_the_guest(visitors: Visitors, site: Site) -> None:
    browser = site.browser()
    browser.get("/")
    assert "roomkey_guest" in browser.cookies
    cookie = browser.cookie_header
    one, other = [
        await visitors.connector(Caller(site.url, "/live", {}, cookie)) for _tab in range(2)
    ]
    visitors.clients += [one, other]
    await one.hear("welcome")
    await other.hear("welcome")
    first, second = await one.hear_one("identity"), await other.hear_one("identity")
    assert first["user"] == second["user"]
    # A token counts before the cookie.
    stranger = await visitors.connect()
    same = await visitors.connector(
        Caller(site.url, "/live", {"guest": stranger.me["guest"]}, cookie)
    )
    visitors.clients.append(same)
    await same.hear("welcome")
    assert (await same.hear_one("identity"))["user"] == stranger.me["user"]


async def test_a_guest_cookie_is_signed_and_kept_from_scripts(site: Site) -> None:
    page = site.browser().get("/")
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_a_token_makes_the_same_guest_and_a_forged_one_a_new_guest(
    visitors: Visitors,
) -> None:
    guest = await visitors.connect()
    again = await visitors.connect("/other", guest=guest.me["guest"])
    assert again.me["user"] == guest.me["user"]
    assert again.me["guest"]
    forged = guest.me["guest"][:-3] + "xxx"
    seen = {guest.me["user"]["id"]}
    for token in (forged, "", "malformed", guest.me["user"]["id"], "x" * 1_000):
        stranger = await visitors.connect(guest=token)
        assert stranger.me["user"]["id"].startswith("guest:")
        seen.add(stranger.me["user"]["id"])
    assert len(seen) == 6


async def test_a_guest_may_choose_a_name_that_is_no_users(visitors: Visitors) -> None:
    for name in GOOD_NAMES:
        guest = await visitors.connect(name=name)
        assert guest.me["user"]["name"] == name.strip()
    for name in WRONG_NAMES:
        with pytest.raises(ConnectRefusedError) as refused:
            await visitors.connect(name=name)
        assert refused.value.data["code"] == "bad_request", name
        assert refused.value.close_code in {4400, None}
    nameless = await visitors.connect()
    assert nameless.me["user"]["name"]


async def test_a_users_name_is_never_an_email_address(visitors: Visitors, site: Site) -> None:
    if "checked" not in site.notes:
        site.notes.add("checked")
        site.clerk.do("user", name="carol@example.com", first_name="")
        site.clerk.do("user", name="dave", first_name="David", last_name="Example")
    carol = await visitors.connect(user="carol@example.com")
    assert "@" not in carol.me["user"]["name"]
    dave = await visitors.connect(user="dave")
    assert dave.me["user"]["name"] == "David"


async def test_a_forged_session_is_a_guest(site: Site) -> None:
    caller = Caller(site.url, "/live", {}, {"Cookie": "sessionid=forged; roomkey_guest=forged"})
    client = await PlainClient.connect(caller)
    await client.hear("welcome")
    assert (await client.hear_one("identity"))["user"]["id"].startswith("guest:")
    await client.close()
