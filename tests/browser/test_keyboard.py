"""Whole visits by keyboard alone: what has the focus, and who takes it over when that goes."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser import parts
from tests.browser.parts import enter, field, log, message, notice, room_row, rooms, say
from tests.helpers.live_server import Clerk

MOST_STOPS = 60


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until ``target`` has the focus."""
    expect(target).to_be_visible()
    for _ in range(MOST_STOPS):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press(key)
    expect(target).to_be_focused()


def test_a_moderator_without_staff_rights_needs_no_mouse(
    mod: Page, bob: Page, clerk: Clerk
) -> None:
    # A room in which nobody is muted yet.
    clerk.do("room", namespace="/place", name="lawn")
    clerk.do("member", namespace="/place", room="lawn", user="mod", role="moderator")
    enter(bob, "/place/lawn/")
    say(bob, "off the topic")
    expect(message(bob, "off the topic")).to_have_attribute("data-state", "sent")
    mod.goto("/place/")
    expect(rooms(mod).get_by_role("link", name="lawn")).to_be_visible()
    # Join.
    mod.keyboard.press("/")
    mod.keyboard.type("lawn")
    mod.keyboard.press("Tab")
    mod.keyboard.press("Enter")
    expect(field(mod)).to_be_focused()
    expect(mod.get_by_text("You moderate this room")).to_be_visible()
    # Mute with a reason, from the menu of a member.
    more = parts.people(mod).get_by_role("button", name="Actions for bob")
    tab_to(mod, more)
    mod.keyboard.press("Enter")
    expect(mod.get_by_role("menuitem", name="Mention bob")).to_be_focused()
    mod.keyboard.press("m")
    expect(mod.get_by_role("menuitem", name="Mute…")).to_be_focused()
    mod.keyboard.press("Enter")
    expect(mod.get_by_role("dialog", name="Mute bob?")).to_be_visible()
    mod.keyboard.press("Tab")
    expect(mod.get_by_label("Reason, which they will read")).to_be_focused()
    mod.keyboard.type("stay on the topic")
    mod.keyboard.press("Enter")
    expect(mod.get_by_role("dialog")).to_be_hidden()
    expect(more).to_be_focused()
    expect(mod.get_by_role("status")).to_contain_text("bob is muted.")
    expect(bob.get_by_text("You can read but not write here until")).to_contain_text(
        "stay on the topic"
    )
    # Remove a message.
    row = message(mod, "off the topic").last
    tab_to(mod, row.get_by_role("button", name="Actions for a message of bob"), "Shift+Tab")
    mod.keyboard.press("Enter")
    mod.keyboard.press("r")
    expect(mod.get_by_role("menuitem", name="Remove message…")).to_be_focused()
    mod.keyboard.press("Enter")
    expect(mod.get_by_role("button", name="Cancel")).to_be_focused()
    mod.keyboard.press("Tab")
    mod.keyboard.press("Enter")
    expect(message(bob, "off the topic")).to_have_count(0)
    expect(message(mod, "off the topic")).to_have_count(0)
    expect(mod.locator("body")).not_to_be_focused()
    # Lift the mute.
    moderate = mod.get_by_role("button", name="Moderate")
    tab_to(mod, moderate, "Shift+Tab")
    mod.keyboard.press("Enter")
    mod.keyboard.press("ArrowDown")
    mod.keyboard.press("Enter")
    dialog = mod.get_by_role("dialog", name="Bans and mutes in lawn")
    expect(dialog.get_by_role("button", name="Lift the mute: bob")).to_be_focused()
    mod.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    # Nothing outside of the dialog is heard while it lies over the page.
    expect(dialog.get_by_role("status")).to_contain_text("bob can write again.")
    mod.keyboard.press("Escape")
    expect(moderate).to_be_focused()
    expect(bob.get_by_text("You can read but not write here")).to_be_hidden()
    # What is said next is heard where it was before.
    say(bob, "on the topic")
    expect(mod.get_by_role("status")).to_contain_text("bob: on the topic")
    # Leave.
    tab_to(mod, mod.get_by_role("button", name="Leave"))
    mod.keyboard.press("Enter")
    expect(mod.get_by_role("heading", name="You left lawn")).to_be_visible()
    expect(mod.get_by_role("button", name="Join again")).to_be_focused()


def test_on_a_telephone_the_focus_goes_with_what_is_shown(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/place/")
    link = room_row(page, "shut").get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    expect(notice(page).get_by_role("heading", name="shut is closed right now")).to_be_focused()
    tab_to(page, notice(page).get_by_role("link", name="All rooms"))
    page.keyboard.press("Enter")
    expect(link).to_be_focused()


def test_a_dialog_that_opened_with_the_page_leaves_the_focus_at_the_refusal(page: Page) -> None:
    page.goto("/place/vault/")
    expect(page.get_by_label("The room's password")).to_be_focused()
    page.keyboard.press("Escape")
    expect(notice(page).get_by_role("heading", name="You are not in vault")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Enter the password")).to_be_focused()


def test_buttons_that_go_with_what_they_did_hand_the_focus_on(
    people: Callable[[str | None], Page],
) -> None:
    page = people(None)
    enter(page, "/place/ages/")
    log(page).evaluate("log => log.scrollTo(0, 250)")
    latest = page.get_by_role("button", name="To the latest")
    latest.focus()
    page.keyboard.press("Enter")
    expect(latest).to_be_hidden()
    expect(log(page)).to_be_focused()
    enter(page, "/place/hall/")
    page.keyboard.type("by its button")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(message(page, "by its button")).to_have_attribute("data-state", "sent")
    expect(field(page)).to_be_focused()
    page.context.set_offline(True)
    page.keyboard.type("never mind")
    page.keyboard.press("Enter")
    discard = message(page, "never mind").get_by_role("button", name=re.compile("Discard"))
    tab_to(page, discard, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(message(page, "never mind")).to_have_count(0)
    expect(log(page)).to_be_focused()
