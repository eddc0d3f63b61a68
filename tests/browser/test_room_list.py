"""Finding rooms and going between them: the list, the keys, and several tabs in step."""

import re

from playwright.sync_api import Page, expect

from tests.browser.parts import enter, field, log, room_row, rooms, say
from tests.helpers.live_server import Clerk


def icons(page: Page, name: str) -> list[str]:
    """The pictures of a row, of those that are shown."""
    uses = room_row(page, name).locator("use").all()
    return [
        (use.get_attribute("href") or "").partition("#icon-")[2] for use in uses if use.is_visible()
    ]


def test_each_row_says_in_words_and_pictures_what_its_room_asks_for(
    alice: Page, clerk: Clerk
) -> None:
    alice.goto("/place/")
    for name, words, pictures in (
        ("hall", "Open", ["access-open", "people"]),
        ("vault", "Password Locked", ["access-password", "lock", "people"]),
        ("ticketed", "Invitation Locked", ["access-invitation", "lock", "people"]),
        ("crew", "Members Not for you", ["access-members", "stop", "people"]),
        ("shut", "Open Closed", ["access-open", "closed", "people"]),
    ):
        facts = room_row(alice, name).locator(".room-row__facts")
        expect(facts).to_contain_text(re.compile(words.replace(" ", r"\s+")))
        assert icons(alice, name) == pictures, name


def test_pictures_come_with_the_page_and_need_no_network_later(page: Page) -> None:
    page.goto("/place/hall/")
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    page.route("**/*", lambda route: route.abort())
    say(page, "a row with pictures")
    page.context.set_offline(True)
    say(page, "another one")
    expect(log(page)).to_contain_text("another one")
    undrawn = """() => [...document.querySelectorAll("use")].filter((use) =>
      use.checkVisibility() && use.getBoundingClientRect().width === 0).length"""
    assert page.locator("use:visible").count() > 0
    assert page.evaluate(undrawn) == 0
    assert page.locator("use:not([href^='#'])").count() == 0


def test_a_full_room_is_shown_full_to_those_outside(alice: Page, bob: Page) -> None:
    bob.goto("/place/")
    expect(room_row(bob, "cabin")).to_contain_text("0 of 1")
    enter(alice, "/place/cabin/")
    expect(room_row(bob, "cabin")).to_contain_text("Full")
    expect(room_row(bob, "cabin")).to_contain_text("1 of 1")
    assert icons(bob, "cabin") == ["access-open", "full", "people"]
    alice.get_by_role("button", name="Leave").click()
    expect(room_row(bob, "cabin")).not_to_contain_text("Full")


def test_counts_titles_and_new_rooms_are_live(page: Page, alice: Page, clerk: Clerk) -> None:
    page.goto("/place/")
    expect(room_row(page, "tunnel")).to_contain_text("0 people")
    enter(alice, "/place/tunnel/")
    expect(room_row(page, "tunnel")).to_contain_text("1 person")
    clerk.do("room", namespace="/place", name="brand new", title="Just made")
    expect(room_row(page, "brand new")).to_be_visible()
    clerk.do("change room", namespace="/place", name="brand new", is_open=False)
    expect(room_row(page, "brand new")).to_contain_text("Closed")


def test_what_is_new_elsewhere_is_counted_and_what_speaks_to_me_apart(
    alice: Page, bob: Page
) -> None:
    enter(alice, "/place/tunnel/")
    rooms(alice).get_by_role("link", name="hall").click()
    expect(alice.get_by_role("heading", name="hall", exact=True)).to_be_visible()
    enter(bob, "/place/tunnel/")
    for text in ("nobody in particular", "hey @Alice, look", "write to @alicette instead"):
        say(bob, text)
    row = room_row(alice, "tunnel")
    expect(row).to_contain_text("3 new")
    expect(row).to_contain_text("1 mention")
    expect(alice).to_have_title(re.compile(r"^\(3\) hall"))
    rooms(alice).get_by_role("link", name="tunnel").click()
    expect(log(alice)).to_contain_text("hey @Alice, look")
    expect(row).not_to_contain_text("new")
    expect(row).not_to_contain_text("mention")


def test_rooms_that_are_joined_stand_first_and_are_joined_again_after_a_reload(
    page: Page, alice: Page
) -> None:
    enter(page, "/place/hall/")
    rooms(page).get_by_role("link", name="tunnel").click()
    joined = page.get_by_role("region", name="Joined")
    expect(joined.get_by_role("listitem")).to_have_count(2)
    page.reload()
    expect(joined.get_by_role("listitem")).to_have_count(2)
    enter(alice, "/place/hall/")
    say(alice, "heard in the background")
    expect(room_row(page, "hall")).to_contain_text("1 new")


def test_a_namespace_without_rooms_does_not_ask_to_choose_one(page: Page, clerk: Clerk) -> None:
    clerk.do("namespace", path="/void", title="Void")
    page.goto("/void/")
    expect(page.get_by_role("heading", name="There is no room here yet.")).to_be_visible()
    clerk.do("room", namespace="/void", name="first")
    expect(page.get_by_role("heading", name="Choose a room")).to_be_visible()


def test_namespaces_are_a_menu(page: Page) -> None:
    page.goto("/place/")
    page.get_by_role("button", name="Change the namespace").click()
    menu = page.get_by_role("navigation", name="Namespaces")
    expect(menu.get_by_role("link", name="Place")).to_have_attribute("aria-current", "page")
    expect(menu.get_by_role("link", name="Annex")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Change the namespace").click()
    menu.get_by_role("link", name="Games").click()
    expect(page).to_have_url(re.compile("/games/$"))


def test_keys_find_switch_and_step_through_rooms(page: Page) -> None:
    enter(page, "/place/hall/")
    page.get_by_role("log").focus()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Find a room")
    expect(search).to_be_focused()
    page.keyboard.type("long")
    expect(room_row(page, "hall")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    expect(field(page)).to_be_focused()

    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Go to a room")
    expect(box).to_be_focused()
    page.keyboard.type("lost")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="tunnel", exact=True)).to_be_visible()
    expect(field(page)).to_be_focused()

    expect(page.get_by_role("region", name="Joined").get_by_role("listitem")).to_have_count(2)
    page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_role("heading", name="hall", exact=True)).to_be_visible()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_role("heading", name="tunnel", exact=True)).to_be_visible()


def test_the_switcher_goes_to_other_namespaces_too(page: Page) -> None:
    enter(page, "/place/hall/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to a room")).to_be_focused()
    page.keyboard.type("gam")
    option = page.get_by_role("option", name="Games")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/games/$"))


def test_single_keys_are_listed_and_can_be_turned_off(page: Page) -> None:
    enter(page, "/place/hall/")
    page.get_by_role("log").focus()
    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_dialog).to_be_visible()
    help_dialog.get_by_role("switch", name="Shortcuts of a single key").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("log").focus()
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find a room")).not_to_be_focused()
    expect(help_dialog).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to a room")).to_be_focused()


def test_keys_that_are_typed_are_text(page: Page) -> None:
    enter(page, "/place/hall/")
    field(page).press_sequentially("why/what?")
    expect(field(page)).to_have_value("why/what?")


def test_tabs_share_drafts_and_what_has_been_read(bob: Page, alice: Page) -> None:
    other = alice.context.new_page()
    enter(alice, "/place/hall/")
    enter(other, "/place/hall/")
    rooms(other).get_by_role("link", name="tunnel").click()
    expect(other.get_by_role("heading", name="tunnel", exact=True)).to_be_visible()
    field(alice).fill("begun in one tab")
    rooms(other).get_by_role("link", name="hall").click()
    expect(field(other)).to_have_value("begun in one tab")
    field(other).fill("begun in one tab, ended in the other")
    expect(field(alice)).to_have_value("begun in one tab, ended in the other")
    field(other).press("Enter")
    expect(field(alice)).to_have_value("")

    for tab in (alice, other):
        rooms(tab).get_by_role("link", name="tunnel").click()
        expect(tab.get_by_role("heading", name="tunnel", exact=True)).to_be_visible()
    enter(bob, "/place/hall/")
    say(bob, "who reads it first?")
    expect(room_row(alice, "hall")).to_contain_text("1 new")
    expect(room_row(other, "hall")).to_contain_text("1 new")
    rooms(alice).get_by_role("link", name="hall").click()
    expect(log(alice)).to_contain_text("who reads it first?")
    expect(room_row(other, "hall")).not_to_contain_text("new")
    other.close()


def test_a_new_tab_takes_over_drafts(alice: Page) -> None:
    enter(alice, "/place/hall/")
    field(alice).fill("still to be said")
    other = alice.context.new_page()
    enter(other, "/place/hall/")
    expect(field(other)).to_have_value("still to be said")
    field(other).fill("")
    other.close()


def test_a_deep_link_leads_to_a_room_that_was_never_joined(alice: Page) -> None:
    alice.goto("/place/a%2Fb/")
    expect(alice.get_by_role("heading", name="a/b", exact=True)).to_be_visible()
    expect(field(alice)).to_be_focused()
    expect(room_row(alice, "a/b").get_by_role("link")).to_have_attribute("aria-current", "page")
