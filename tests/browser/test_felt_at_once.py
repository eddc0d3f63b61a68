"""What staff change is felt on open pages at once, before anything is refused."""

import re

from playwright.sync_api import Page, expect

from tests.browser.parts import enter, field, log, people, say
from tests.helpers.live_server import Clerk


def test_an_appointed_moderator_is_one_in_everybodys_list_at_once(
    alice: Page, bob: Page, clerk: Clerk
) -> None:
    clerk.do("room", namespace="/place", name="council")
    enter(alice, "/place/council/")
    enter(bob, "/place/council/")
    moderators = people(alice).locator("[data-key=moderator]")
    expect(people(alice)).to_contain_text("bob")
    expect(moderators).to_have_count(0)
    clerk.do("member", namespace="/place", room="council", user="bob", role="moderator")
    expect(moderators).to_contain_text("bob")
    expect(people(bob).locator("[data-key=moderator]")).to_contain_text("bob")
    expect(bob.get_by_role("button", name="Moderate")).to_be_visible()
    clerk.do(
        "shell",
        code="Membership.objects.get(room__name='council', user__username='bob').delete()",
    )
    expect(moderators).to_have_count(0)
    expect(people(alice)).to_contain_text("bob")
    expect(bob.get_by_role("button", name="Moderate")).to_be_hidden()


def test_what_holds_for_writing_is_said_at_once(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="terms")
    enter(page, "/place/terms/")
    read_out = page.locator("[data-part=live-region]")
    field(page).fill("kept meanwhile")
    clerk.do("change room", namespace="/place", name="terms", slow_mode_s=30)
    expect(page.get_by_text("Slow mode: one message every 30 s.").first).to_be_visible()
    expect(read_out).to_contain_text("Slow mode: one message every 30 s.")
    clerk.do("change room", namespace="/place", name="terms", is_read_only=True)
    expect(page.get_by_text("Only moderators can write here.").first).to_be_visible()
    expect(field(page)).to_be_hidden()
    clerk.do("change room", namespace="/place", name="terms", is_read_only=False, slow_mode_s=0)
    expect(field(page)).to_have_value("kept meanwhile")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    expect(read_out).to_contain_text("You can write here again.")
    clerk.do("change room", namespace="/place", name="terms", closes_at="2999-12-31T22:00:00Z")
    terms = page.locator("[data-part=composer-terms]").first
    expect(terms).to_contain_text("Open until")
    expect(terms).to_contain_text("2999")
    expect(field(page)).to_have_accessible_description(re.compile("Open until"))


def test_slow_mode_that_ends_lets_one_write_before_its_time(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="pace", slow_mode_s=600)
    enter(page, "/place/pace/")
    say(page, "the first")
    held_back = page.locator("[data-part=composer-notice]").first
    expect(held_back).to_contain_text("you can write again in")
    clerk.do("change room", namespace="/place", name="pace", closes_at="2999-12-31T22:00:00Z")
    expect(page.locator("[data-part=composer-terms]").first).to_contain_text("Open until")
    expect(held_back).to_be_visible()
    clerk.do("change room", namespace="/place", name="pace", slow_mode_s=0)
    expect(held_back).to_be_hidden()
    say(page, "the second")
    expect(log(page)).to_contain_text("the second")
