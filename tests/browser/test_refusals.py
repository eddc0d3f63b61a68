"""Who may not come in reads why, and what to do about it."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD
from tests.browser.parts import enter, field, log, rooms, say


def test_a_closed_door_says_why(alice: Page) -> None:
    alice.goto("/place/")
    rooms(alice).get_by_role("link", name="crew").click()
    expect(alice.get_by_role("heading", name="You are not in crew")).to_be_visible()
    expect(alice.get_by_role("main")).to_contain_text("crew is for its members.")
    expect(alice.get_by_role("main")).to_contain_text("Reference for staff:")
    expect(alice.get_by_role("button", name="Leave")).to_be_hidden()


def test_a_room_that_is_not_there_says_so(page: Page) -> None:
    page.goto("/place/nowhere/")
    expect(page.get_by_role("main")).to_contain_text("Invalid Room Name: nowhere")
    page.get_by_role("link", name="All rooms").click()
    expect(page.get_by_role("heading", name="Choose a room")).to_be_visible()


def test_a_password_is_asked_for_in_place_and_once(page: Page) -> None:
    page.goto("/place/")
    rooms(page).get_by_role("link", name="vault").click()
    dialog = page.get_by_role("dialog", name="Join vault")
    expect(dialog).to_contain_text("vault has a password.")
    password = dialog.get_by_label("The room's password")
    expect(password).to_be_focused()
    password.fill("open")
    password.press("Enter")
    expect(dialog).to_contain_text("That is not the password of vault. 4 tries left.")
    expect(password).to_have_value("open")
    password.fill("sesame")
    dialog.get_by_role("button", name="Join").click()
    expect(dialog).to_be_hidden()
    expect(field(page)).to_be_focused()
    say(page, "the treasure is here")
    expect(log(page)).to_contain_text("the treasure is here")
    page.reload()
    expect(log(page)).to_contain_text("the treasure is here")


def test_too_many_wrong_passwords_have_to_wait(page: Page) -> None:
    page.goto("/place/vault/")
    dialog = page.get_by_role("dialog", name="Join vault")
    password = dialog.get_by_label("The room's password")
    for left in ("4 tries left", "3 tries left", "2 tries left", "1 try left", "the last try"):
        password.fill("guessed")
        password.press("Enter")
        expect(dialog).to_contain_text(left)
    password.press("Enter")
    expect(dialog).to_contain_text("Too many tries. Wait a little, then try again.")
    expect(dialog.get_by_role("button", name=re.compile(r"Join in [89]:\d\d$"))).to_be_disabled()
    expect(password).to_have_value("guessed")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="You are not in vault")).to_be_visible()
    # Seconds that nobody counts would be wrong at once: it says until when.
    told = page.get_by_role("region", name="You are not in vault")
    expect(told).to_contain_text(re.compile(r"Until\s*\w+day, .*\d:\d\d"))
    expect(told).not_to_contain_text(re.compile(r"\d s\b"))


def test_signing_in_leads_back_to_the_room(page: Page) -> None:
    page.goto("/place/club/")
    dialog = page.get_by_role("dialog", name="Join club")
    expect(dialog).to_contain_text("Sign in to enter club.")
    dialog.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="club", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()


def test_a_page_whose_reader_has_signed_out_elsewhere_says_so(dora: Page) -> None:
    enter(dora, "/place/tunnel/")
    other = dora.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    expect(dora.get_by_text("Signed out", exact=True)).to_be_visible()
    expect(dora.get_by_role("button", name="Leave")).to_be_hidden()
    expect(dora.get_by_role("main")).to_contain_text("What you typed is kept in this tab")
    dora.get_by_role("button", name="Load the page again").click()
    expect(dora.get_by_role("button", name="Leave")).to_be_visible()
