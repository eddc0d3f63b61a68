"""The admin's dashboard follows what people do, by itself, and says when it cannot."""

import re

from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.parts import enter, say
from tests.browser.site import Site

PAGE = "/admin/rooms/dashboard/"
# The page reads every 5 s, and processes write what they count every 5 s.
GONE_MS = 60_000
SOON_MS = 20_000


def card(page: Page, name: str) -> Locator:
    return page.locator(f"[data-cards] [data-key={name}] [data-slot=value]")


def panel(page: Page, name: str) -> Locator:
    return page.locator(f"[data-panel={name}]")


def row(page: Page, name: str, label: str) -> Locator:
    header = page.get_by_role("rowheader", name=label, exact=True)
    return panel(page, name).get_by_role("row").filter(has=header)


def test_the_dashboard_follows_what_people_do(staff: Page, page: Page) -> None:
    staff.goto(PAGE)
    expect(staff.get_by_text("updates itself every 5 s")).to_be_visible()
    # Those of the test before leave later than its pages do; one that polled is missed in 45 s.
    expect(card(staff, "connections")).to_have_text("0", timeout=GONE_MS)
    unknown = row(staff, "joins", "unknown_room")
    before = int(unknown.get_by_role("link").inner_text()) if unknown.count() else 0
    enter(page, "/place/hall/")
    say(page, "counted")
    expect(card(staff, "connections")).to_have_text("1", timeout=SOON_MS)
    expect(row(staff, "rooms", "/place/hall")).to_be_visible(timeout=SOON_MS)
    expect(row(staff, "namespaces", "/place")).to_be_visible()
    expect(row(staff, "joins", "let in")).to_be_visible(timeout=SOON_MS)
    page.goto("/place/nowhere/")
    expect(unknown.get_by_role("link")).to_have_text(str(before + 1), timeout=SOON_MS)
    expect(
        panel(staff, "joins").get_by_role("img", name="Joins and denials by code")
    ).to_be_visible()
    unknown.get_by_role("link").click()
    expect(staff.get_by_role("heading", name=re.compile("Select decision record"))).to_be_visible()
    expect(staff.locator("#result_list tbody tr").first).to_contain_text("nowhere")


def test_a_name_of_markup_is_drawn_as_text(staff: Page, page: Page) -> None:
    name = "<img src=x onerror=alert(1)>"
    enter(page, "/place/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/")
    staff.goto(PAGE)
    expect(row(staff, "rooms", f"/place/{name}")).to_be_visible(timeout=SOON_MS)
    seen_at = staff.locator("[data-as-of]").inner_text()
    staff.get_by_role("link", name="Refresh").click()
    expect(staff.locator("[data-as-of]")).not_to_have_text(seen_at)
    expect(panel(staff, "rooms").locator("svg text").filter(has_text="/place/<img")).to_be_visible()
    assert staff.locator("img[src=x]").count() == 0


def test_the_words_of_the_charts_are_in_sight_from_right_to_left(staff: Page, page: Page) -> None:
    page.goto("/place/nowhere/")
    expect(page.get_by_role("heading", name="There is no such room here")).to_be_visible()
    staff.goto(PAGE)
    words = panel(staff, "joins").locator("svg text")
    expect(words.first).to_be_visible(timeout=SOON_MS)
    staff.evaluate("document.documentElement.dir = 'rtl'")
    outside = words.evaluate_all(
        """(all) => all.filter((each) => {
          const chart = each.closest("svg").getBoundingClientRect();
          const { left, right } = each.getBoundingClientRect();
          return left < chart.left - 1 || right > chart.right + 1;
        }).length"""
    )
    assert outside == 0


def test_reading_on_keeps_the_focus_and_what_is_unfolded(staff: Page, page: Page) -> None:
    enter(page, "/place/hall/")
    say(page, "one")
    staff.goto(PAGE)
    expect(panel(staff, "messages").locator("details")).to_be_visible(timeout=SOON_MS)
    panel(staff, "messages").locator("summary").click()
    link = row(staff, "rooms", "/place/hall").get_by_role("link")
    link.focus()
    seen_at = staff.locator("[data-as-of]").inner_text()
    expect(staff.locator("[data-as-of]")).not_to_have_text(seen_at, timeout=SOON_MS)
    expect(link).to_be_focused()
    expect(panel(staff, "messages").get_by_role("table")).to_be_visible()


def test_a_pause_holds_and_a_server_that_is_gone_is_said(staff: Page, site: Site) -> None:
    staff.goto(PAGE)
    pause = staff.get_by_role("button", name="Pause")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    expect(staff.get_by_text("paused", exact=True)).to_be_visible()
    pause.click()
    staff.context.set_offline(True)
    expect(staff.get_by_text("the server does not answer")).to_be_visible(timeout=SOON_MS)
    staff.context.set_offline(False)
    expect(staff.get_by_text("updates itself every 5 s")).to_be_visible(timeout=SOON_MS)


def test_it_is_whole_without_scripts(browser: Browser, site: Site, page: Page) -> None:
    enter(page, "/place/hall/")
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    cookie = SetCookieParam(name="sessionid", value=site.sessions["admin"], url=site.url)
    context.add_cookies([cookie])
    bare = context.new_page()
    bare.goto(PAGE)
    expect(card(bare, "connections")).not_to_have_text("0")
    expect(panel(bare, "rooms").locator("svg")).to_be_visible()
    expect(row(bare, "rooms", "/place/hall")).to_be_visible()
    bare.get_by_role("link", name="Refresh").click()
    expect(bare.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()
    context.close()
