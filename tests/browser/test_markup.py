"""What people write is text, wherever it is shown; the pages keep to their own strict policy."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import PAYLOAD
from tests.browser.parts import enter, log, message, people, rooms, say

PAYLOADS = (
    PAYLOAD,
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "{{ 7 * 7 }} ${7 * 7} javascript:alert(1)",
)


def test_markup_in_names_rooms_and_messages_is_text(eve: Page, alice: Page) -> None:
    eve.goto("/place/")
    rooms(eve).get_by_role("listitem").get_by_role("link", name=PAYLOAD).click()
    expect(eve.get_by_role("heading", name=PAYLOAD, exact=True)).to_be_visible()
    expect(eve.get_by_role("button", name="Leave")).to_be_visible()
    enter(alice, eve.url)
    expect(people(alice)).to_contain_text(PAYLOAD)
    for payload in PAYLOADS:
        say(eve, payload)
        expect(log(alice)).to_contain_text(payload)
    eve.get_by_role("button", name="Leave").click()
    expect(log(alice)).to_contain_text(f"{PAYLOAD} left")
    assert alice.locator("img[src=x], svg[onload], main script").count() == 0


def test_addresses_become_links_that_give_nothing_away(page: Page) -> None:
    enter(page, "/place/hall/")
    rest = "d, or (http://example.com). not javascript:alert(1)"
    say(page, f"see https://example.org/a?b=c#{rest}")
    row = message(page, rest)
    links = row.get_by_role("link")
    expect(links).to_have_text(["https://example.org/a?b=c#d", "http://example.com"])
    for link in links.all():
        assert "noreferrer" in (link.get_attribute("rel") or "")


def test_a_refusal_that_names_markup_shows_it_as_text(page: Page) -> None:
    page.goto("/place/%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E/")
    expect(page.get_by_role("main")).to_contain_text(
        "Invalid Room Name: <img src=x onerror=alert(2)>"
    )


def test_the_pages_run_under_a_policy_without_exceptions(page: Page) -> None:
    response = page.goto("/place/hall/")
    assert response
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


def test_dark_stays_dark(page: Page) -> None:
    enter(page, "/place/hall/")
    before = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    page.reload()
    after = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert after != before
    say(page, "good night")
    expect(message(page, "good night")).to_be_visible()
