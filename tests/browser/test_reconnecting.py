"""The connection is lost and comes back; nothing that was written is."""

from playwright.sync_api import Page, expect

from tests.browser.parts import chip, enter, field, log, message, say
from tests.browser.site import Site


def test_a_killed_server_is_found_again_and_the_draft_is_still_there(
    site: Site, alice: Page, bob: Page
) -> None:
    enter(alice, "/place/tunnel/")
    enter(bob, "/place/tunnel/")
    say(bob, "before the fall")
    expect(log(alice)).to_contain_text("before the fall")
    field(alice).fill("half a sentence")
    site.kill()
    expect(chip(alice)).to_contain_text("Reconnecting")
    expect(alice.get_by_role("button", name="Try now")).to_be_visible()
    say(bob, "said while it was down")
    expect(message(bob, "said while it was down")).to_contain_text("Waits for the connection")
    site.start()
    # The button is away while a try is under way, and for good once one has come through.
    bob.locator("[data-part=try-now]").dispatch_event("click")
    expect(chip(bob)).to_contain_text("Live", timeout=20_000)
    expect(message(bob, "said while it was down")).to_have_attribute("data-state", "sent")
    expect(chip(alice)).to_contain_text("Live", timeout=20_000)
    expect(message(alice, "said while it was down")).to_have_count(1)
    expect(message(bob, "said while it was down")).to_have_count(1)
    expect(field(alice)).to_have_value("half a sentence")
    say(alice, "back again")
    expect(log(bob)).to_contain_text("back again")


def test_what_was_missed_is_loaded_and_said(alice: Page, bob: Page) -> None:
    enter(alice, "/place/tunnel/")
    enter(bob, "/place/tunnel/")
    alice.context.set_offline(True)
    expect(chip(alice)).to_contain_text("Offline")
    say(bob, "one that alice misses")
    say(bob, "and another")
    expect(message(bob, "and another")).to_have_attribute("data-state", "sent")
    alice.context.set_offline(False)
    expect(chip(alice)).to_contain_text("2 missed messages loaded")
    expect(message(alice, "one that alice misses")).to_have_count(1)


def test_a_draft_survives_changing_rooms_and_reloading(page: Page) -> None:
    enter(page, "/place/tunnel/")
    field(page).fill("for the tunnel")
    page.get_by_role("link", name="a/b").click()
    expect(page.get_by_role("heading", name="a/b", exact=True)).to_be_visible()
    expect(field(page)).to_have_value("")
    field(page).fill("for the other room")
    page.reload()
    expect(field(page)).to_have_value("for the other room")
    page.get_by_role("link", name="tunnel").click()
    expect(field(page)).to_have_value("for the tunnel")


def test_what_could_not_be_sent_survives_reloading_and_is_sent_once(
    page: Page, alice: Page
) -> None:
    enter(alice, "/place/tunnel/")
    enter(page, "/place/tunnel/")
    page.context.set_offline(True)
    expect(chip(page)).to_contain_text("Offline")
    say(page, "written in a tunnel")
    expect(message(page, "written in a tunnel")).to_contain_text("Waits for the connection")
    page.context.set_offline(False)
    page.reload()
    expect(message(page, "written in a tunnel")).to_have_attribute("data-state", "sent")
    expect(message(alice, "written in a tunnel")).to_have_count(1)
