"""The list of live connections follows by itself, and leaves alone what a person has in hand."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.parts import enter
from tests.browser.site import Site

PAGE = "/admin/rooms/connection/"
GONE_MS = 60_000
SOON_MS = 15_000


def row(page: Page, words: str) -> Locator:
    return page.locator("#result_list tbody tr").filter(has_text=words)


def test_rows_come_and_go_and_what_is_ticked_or_focused_stays(
    staff: Page, page: Page, alice: Page
) -> None:
    enter(alice, "/place/hall/")
    staff.goto(f"{PAGE}?q=alice")
    mine = row(staff, "hall")
    mine.get_by_role("checkbox").check()
    link = mine.get_by_role("link", name="Ban…")
    link.focus()
    other = alice.context.new_page()
    enter(other, "/place/court/")
    expect(row(staff, "court")).to_have_count(1, timeout=SOON_MS)
    expect(row(staff, "hall").get_by_role("checkbox")).to_be_checked()
    expect(row(staff, "court").get_by_role("checkbox")).not_to_be_checked()
    staff.bring_to_front()
    expect(link).to_be_focused()
    assert (
        row(staff, "court").get_by_role("checkbox").input_value()
        != mine.get_by_role("checkbox").input_value()
    )
    other.close()
    expect(row(staff, "court")).to_have_count(0, timeout=SOON_MS)
    staff.bring_to_front()
    expect(link).to_be_focused()


def test_the_first_row_and_the_last_one_are_shown_too(staff: Page, page: Page) -> None:
    staff.goto(f"{PAGE}?q=tunnel")
    # Pages of the test before that polled are missed in 45 s.
    expect(staff.get_by_text("No connection is like that now")).to_be_visible(timeout=GONE_MS)
    enter(page, "/place/tunnel/")
    expect(row(staff, "tunnel")).to_have_count(1, timeout=SOON_MS)
    page.get_by_role("button", name="Leave").click()
    expect(staff.get_by_text("No connection is like that now")).to_be_visible(timeout=SOON_MS)


def test_a_new_row_can_be_acted_on(staff: Page, page: Page, alice: Page) -> None:
    enter(alice, "/place/hall/")
    staff.goto(f"{PAGE}?q=hall")
    expect(row(staff, "alice")).to_have_count(1)
    enter(page, "/place/hall/")
    guest = row(staff, "Guest")
    expect(guest).to_have_count(1, timeout=SOON_MS)
    guest.get_by_role("checkbox").check()
    staff.locator("select[name=action]").select_option("kick")
    staff.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="You were removed from hall")).to_be_visible()
    expect(alice.get_by_role("button", name="Leave")).to_be_visible()


def test_it_says_as_of_when_and_that_a_server_is_gone(staff: Page, site: Site) -> None:
    staff.goto(PAGE)
    expect(staff.get_by_text("updates itself every 2 s")).to_be_visible()
    seen_at = staff.locator("[data-as-of]").inner_text()
    expect(staff.locator("[data-as-of]")).not_to_have_text(seen_at, timeout=SOON_MS)
    staff.context.set_offline(True)
    expect(staff.get_by_text("the server does not answer")).to_be_visible(timeout=SOON_MS)
    staff.context.set_offline(False)
    expect(staff.get_by_text("updates itself every 2 s")).to_be_visible(timeout=SOON_MS)
