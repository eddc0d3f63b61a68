"""Two people write to each other where nobody else reads."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PAYLOAD
from tests.browser.parts import enter, field, people


def panel(page: Page) -> Locator:
    """Where private conversations are."""
    return page.locator("[data-part=private]")


def write(page: Page, text: str) -> None:
    """Write in the conversation that is open."""
    page.get_by_label("Private message", exact=True).fill(text)
    panel(page).get_by_role("button", name="Send").click()


def said(page: Page, text: str) -> Locator:
    """The rows of the conversation that say ``text``."""
    return panel(page).get_by_role("log").get_by_role("listitem").filter(has_text=text)


def turn_to(page: Page, name: str) -> None:
    """Open the conversation with somebody who is here."""
    people(page).get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=f"Write to {name} in private").click()
    expect(panel(page).get_by_role("heading", name=name)).to_be_visible()


def test_two_people_write_in_private_and_each_of_their_tabs_follows(
    alice: Page, bob: Page, people: Callable[[str | None], Page]
) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    also_bob = people("bob")
    enter(also_bob, "/place/tunnel/")
    turn_to(alice, "bob")
    write(alice, "for your eyes only")
    row = said(alice, "for your eyes only")
    expect(row).to_have_attribute("data-state", "sent")
    for tab in (bob, also_bob):
        expect(tab.get_by_role("button", name="Private, 1 new")).to_be_visible()
        expect(tab.get_by_role("log").first).not_to_contain_text("for your eyes only")
    bob.get_by_role("button", name="Private, 1 new").click()
    panel(bob).get_by_role("button", name="alice").click()
    expect(said(bob, "for your eyes only")).to_have_count(1)
    # What one tab has read is read in the other.
    expect(also_bob.get_by_role("button", name="Private", exact=True)).to_be_visible()
    write(bob, "seen")
    expect(said(alice, "seen")).to_have_count(1)
    expect(field(alice)).to_be_visible()


def test_what_was_written_to_somebody_who_was_away_waits_for_them(alice: Page, mod: Page) -> None:
    enter(mod, "/place/hall/")
    enter(alice, "/place/hall/")
    turn_to(alice, "mod")
    mod.goto("about:blank")
    write(alice, "call me when you are back")
    expect(said(alice, "call me")).to_have_attribute("data-state", "sent")
    enter(mod, "/place/hall/")
    mod.get_by_role("button", name="Private, 1 new").click()
    mod.keyboard.press("Enter")
    expect(said(mod, "call me when you are back")).to_have_count(1)
    # The address leads back to the conversation.
    mod.reload()
    expect(said(mod, "call me when you are back")).to_have_count(1)
    expect(panel(mod).get_by_role("heading", name="alice")).to_be_visible()


def test_a_blocked_sender_is_refused_until_they_are_unblocked(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    turn_to(bob, "alice")
    panel(bob).get_by_role("button", name="Block").click()
    expect(panel(bob)).to_contain_text("You block alice")
    expect(panel(bob).get_by_role("button", name="Unblock")).to_be_focused()
    turn_to(alice, "bob")
    write(alice, "can you hear me?")
    row = said(alice, "can you hear me?")
    expect(row).to_have_attribute("data-state", "failed")
    expect(row).to_contain_text("Not sent. You cannot write to bob in private here.")
    panel(bob).get_by_role("button", name="Unblock").click()
    expect(bob.get_by_text("You block alice")).to_be_hidden()
    row.get_by_role("button", name="Try again").click()
    expect(row).to_have_attribute("data-state", "sent")
    expect(said(bob, "can you hear me?")).to_have_count(1)
    panel(alice).get_by_role("button", name="Close").click()
    expect(panel(alice)).to_be_hidden()


def test_a_guest_reads_why_there_is_nothing_private_and_signs_in_from_there(
    page: Page, alice: Page
) -> None:
    enter(alice, "/place/hall/")
    enter(page, "/place/hall/")
    turn_to(page, "alice")
    expect(panel(page)).to_contain_text("Sign in to write to alice in private.")
    expect(panel(page).get_by_role("link", name="Sign in")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    guest = people(alice).get_by_role("button", name="Actions for").filter(visible=True).first
    guest.click()
    alice.get_by_role("menuitem", name="in private").click()
    expect(panel(alice)).to_contain_text("is a guest, and guests get no private messages.")


def test_on_a_small_screen_nothing_under_the_panel_is_reached(alice: Page) -> None:
    alice.set_viewport_size({"width": 360, "height": 740})
    enter(alice, "/place/hall/")
    alice.get_by_role("button", name="Private").click()
    expect(panel(alice)).to_be_visible()
    for _stop in range(6):
        alice.keyboard.press("Tab")
        assert alice.evaluate(
            "document.activeElement === document.body"
            " || document.activeElement.closest('[data-part=private]') !== null"
        )
    alice.get_by_role("button", name="Close").click()
    expect(alice.get_by_role("button", name="Private")).to_be_focused()


def test_a_panel_without_conversations_says_so_below_its_head(dora: Page) -> None:
    enter(dora, "/place/hall/#private")
    empty = dora.get_by_text("You have written to nobody in private yet.")
    for width in (320, 1280):
        dora.set_viewport_size({"width": width, "height": 740})
        expect(empty).to_be_visible()
        panel = dora.locator("[data-part=private]").bounding_box()
        head = dora.locator(".private__head").bounding_box()
        words = empty.bounding_box()
        assert panel
        assert head
        assert words
        assert abs(head["width"] - panel["width"]) <= 1
        assert words["y"] >= head["y"] + head["height"]


def test_an_address_leads_to_a_conversation_that_has_not_begun(alice: Page, eve: Page) -> None:
    enter(eve, "/place/hall/")
    enter(alice, "/place/hall/")
    row = people(alice).get_by_role("listitem").filter(has_text=PAYLOAD)
    key = row.get_attribute("data-key")
    alice.goto("about:blank")
    enter(alice, f"/place/hall/#private={key}")
    expect(alice.get_by_label("Private message", exact=True)).to_be_visible()
    write(alice, "the first word")
    expect(said(alice, "the first word")).to_have_attribute("data-state", "sent")
    # Their name is known once there is something between the two, and it is text.
    alice.reload()
    expect(panel(alice).get_by_role("heading", name=PAYLOAD)).to_be_visible()
    alice.goto("about:blank")
    enter(alice, "/place/hall/#private=999999")
    expect(alice.get_by_label("Private message", exact=True)).to_be_hidden()
    expect(panel(alice)).to_contain_text("999999")
