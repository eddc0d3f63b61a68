"""Two people meet in a room."""

import re

from playwright.sync_api import Page, expect

from tests.browser.parts import enter, field, log, message, people, rooms, say


def test_two_people_meet_talk_and_part(alice: Page, bob: Page) -> None:
    enter(alice, "/games/csgo/")
    enter(bob, "/games/csgo/")
    expect(log(alice)).to_contain_text("bob joined")
    expect(people(alice)).to_contain_text("bob")
    expect(people(alice)).to_contain_text("2 people")

    say(bob, "anyone for a round?")
    expect(log(alice)).to_contain_text("anyone for a round?")
    say(alice, "I am in\nand so is my cat")
    expect(message(bob, "and so is my cat")).to_contain_text("alice")

    bob.get_by_role("button", name="Leave").click()
    expect(bob.get_by_role("heading", name="You left csgo")).to_be_visible()
    expect(log(alice)).to_contain_text("bob left")
    expect(people(alice)).not_to_contain_text("bob")
    expect(bob.get_by_role("button", name="Join again")).to_be_focused()
    bob.keyboard.press("Enter")
    expect(log(bob)).to_contain_text("anyone for a round?")
    expect(people(alice)).to_contain_text("bob")


def test_what_one_says_is_shown_once(alice: Page, bob: Page) -> None:
    enter(alice, "/games/bt1/")
    enter(bob, "/games/bt1/")
    say(alice, "only once, please")
    expect(message(alice, "only once, please")).to_have_attribute("data-state", "sent")
    say(bob, "as you wish")
    expect(log(alice)).to_contain_text("as you wish")
    expect(message(alice, "only once, please")).to_have_count(1)
    expect(message(bob, "only once, please")).to_have_count(1)


def test_others_see_who_is_typing(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    field(bob).press_sequentially("hm")
    expect(alice.get_by_text("bob is typing")).to_be_visible()
    say(bob, "done thinking")
    expect(alice.get_by_text("bob is typing")).to_be_hidden()


def test_a_person_with_two_tabs_is_one_with_two_devices(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    second = bob.context.new_page()
    enter(second, "/place/hall/")
    expect(people(alice)).to_contain_text("2 devices")
    expect(people(alice)).to_contain_text("2 people")
    second.close()
    expect(people(alice)).not_to_contain_text("2 devices")
    expect(people(alice)).to_contain_text("bob")


def test_a_guest_is_marked_and_stays_the_same_guest(page: Page, alice: Page) -> None:
    enter(page, "/place/hall/")
    enter(alice, "/place/hall/")
    guest = people(alice).get_by_role("listitem").filter(has_text=re.compile("Guest [A-Z0-9]{4}"))
    expect(guest.get_by_text("guest", exact=True)).to_be_visible()
    name = guest.locator("[data-part=name]").inner_text()
    page.reload()
    myself = people(page).get_by_role("listitem").filter(has_text=name)
    expect(myself.get_by_text("you", exact=True)).to_be_visible()


def test_several_rooms_are_joined_at_once_and_tell_what_is_new(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    rooms(alice).get_by_role("link", name="a/b").click()
    expect(alice).to_have_url(re.compile("/place/a%2Fb/$"))
    expect(alice.get_by_role("heading", name="a/b", exact=True)).to_be_visible()
    expect(alice.get_by_role("button", name="Leave")).to_be_visible()
    say(bob, "are you still there?")
    hall = rooms(alice).get_by_role("listitem").filter(has_text="hall")
    expect(hall).to_contain_text("1 new")
    alice.go_back()
    expect(log(alice)).to_contain_text("are you still there?")
    expect(hall).not_to_contain_text("1 new")


def test_a_room_with_a_slash_in_its_name_has_an_address(page: Page) -> None:
    enter(page, "/place/a%2Fb/")
    say(page, "here as well")
    expect(log(page)).to_contain_text("here as well")


def test_the_keyboard_alone_suffices(page: Page) -> None:
    page.goto("/place/")
    page.get_by_role("searchbox", name="Find a room").focus()
    page.keyboard.type("everybody")
    expect(rooms(page).get_by_role("listitem").filter(has_text="hall")).to_be_visible()
    expect(rooms(page).get_by_role("listitem").filter(has_text="vault")).to_have_count(0)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field(page)).to_be_focused()
    page.keyboard.type("typed by hand")
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("typed by hand")


def test_what_is_kept_of_a_long_talk_is_read_back_page_by_page(page: Page) -> None:
    enter(page, "/place/ages/")
    expect(log(page)).to_contain_text("line 250")
    expect(log(page)).not_to_contain_text("line 150.")
    for first in ("line 51.", "line 1."):
        page.get_by_role("button", name="Earlier messages").click()
        expect(log(page)).to_contain_text(first)
    expect(page.get_by_role("button", name="Earlier messages")).to_be_hidden()
    lines = [
        row for row in log(page).locator("[data-part=text]").all_inner_texts() if "line" in row
    ]
    assert lines == [f"line {number}." for number in range(1, 251)]
