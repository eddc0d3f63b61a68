"""A moderator keeps order from the room's page, without staff rights."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.parts import enter, field, log, message, people, say
from tests.helpers.live_server import Clerk

COURT = "/place/court/"
NO_ROLE = """
from rooms.models import Membership

Membership.objects.get(room__name="court", user__username="bob").delete()
"""


@pytest.fixture
def court(mod: Page) -> Page:
    """The moderator, in their room."""
    enter(mod, COURT)
    expect(mod.get_by_role("button", name="Moderate")).to_be_visible()
    return mod


@pytest.fixture
def troll(bob: Page) -> Page:
    """Somebody who is acted on."""
    enter(bob, COURT)
    return bob


def act(court: Page, name: str, what: str) -> Locator:
    """Choose from a person's menu, and give the dialog that asks for more."""
    people(court).get_by_role("button", name=f"Actions for {name}").click()
    court.get_by_role("menuitem", name=what).click()
    return court.locator("[data-part=act-dialog]")


def lift(court: Page, kind: str, name: str) -> None:
    """Lift a ban or a mute from their list."""
    court.get_by_role("button", name="Moderate").click()
    court.get_by_role("menuitem", name="Bans and mutes…").click()
    dialog = court.locator("[data-part=sanctions-dialog]")
    dialog.get_by_role("button", name=f"Lift the {kind}: {name}").click()
    expect(dialog.get_by_role("button", name=f"Lift the {kind}: {name}")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()


def announced(page: Page) -> Locator:
    """The page's one live region."""
    return page.get_by_role("status")


def test_nobody_else_is_offered_what_moderators_do(alice: Page, troll: Page) -> None:
    enter(alice, COURT)
    say(troll, "harmless")
    expect(message(alice, "harmless")).to_have_count(1)
    expect(alice.get_by_role("button", name="Moderate")).to_be_hidden()
    people(alice).get_by_role("button", name="Actions for bob").click()
    items = alice.get_by_role("menuitem")
    expect(items).to_have_text(["Mention bob", "Write to bob in private", "Block bob"])
    alice.keyboard.press("Escape")
    message(alice, "harmless").hover()
    message(alice, "harmless").get_by_role("button").click()
    expect(alice.get_by_role("menuitem", name="Remove message…")).to_have_count(0)


def test_a_mute_is_explained_to_the_one_it_silences_and_can_be_lifted(
    court: Page, troll: Page
) -> None:
    dialog = act(court, "bob", "Mute…")
    dialog.get_by_label("1 hour").check()
    dialog.get_by_label("Reason").fill("too loud")
    dialog.get_by_role("button", name="Mute").click()
    expect(announced(court)).to_contain_text("bob is muted.")
    expect(people(court)).to_contain_text("muted until")
    expect(troll.get_by_text("You can read but not write here until")).to_contain_text("too loud")
    expect(announced(troll)).to_contain_text("too loud")
    # The time that is heard is the visitor's own, as is the one that is read.
    expect(announced(troll)).to_contain_text("You can read but not write in court until")
    field(troll).fill("but I")
    expect(troll.get_by_role("button", name="Send")).to_be_disabled()
    people(court).get_by_role("button", name="Actions for bob").click()
    court.get_by_role("menuitem", name="Let them write again").click()
    expect(announced(court)).to_contain_text("bob can write again.")
    expect(troll.get_by_role("button", name="Send")).to_be_enabled()
    expect(field(troll)).to_have_value("but I")
    field(troll).press("Enter")
    expect(message(court, "but I")).to_have_count(1)


def test_a_kick_says_why_and_lets_come_back(court: Page, troll: Page) -> None:
    dialog = act(court, "bob", "Remove from room…")
    dialog.get_by_label("Reason").fill("cool down")
    dialog.get_by_role("button", name="Remove").click()
    expect(announced(court)).to_contain_text("bob was removed from the room.")
    expect(people(court)).not_to_contain_text("bob")
    expect(troll.get_by_role("heading", name="You were removed from court")).to_be_visible()
    expect(troll.get_by_role("main")).to_contain_text("cool down")
    # What had the focus is gone: it is where one writes.
    expect(field(court)).to_be_focused()
    troll.get_by_role("button", name="Join again").click()
    expect(field(troll)).to_be_visible()


def test_a_ban_takes_what_was_written_with_it_and_can_be_lifted(court: Page, troll: Page) -> None:
    say(troll, "rubbish, and more of it")
    expect(message(court, "rubbish")).to_have_count(1)
    dialog = act(court, "bob", "Ban…")
    dialog.get_by_label("1 day").check()
    dialog.get_by_label("The last hour").check()
    dialog.get_by_role("button", name="Ban").click()
    expect(announced(court)).to_contain_text("bob is banned.")
    expect(message(court, "rubbish")).to_have_count(0)
    expect(log(court)).to_contain_text("This message was removed.")
    expect(troll.get_by_role("heading", name="You were banned from court")).to_be_visible()
    lift(court, "ban", "bob")
    expect(announced(court)).to_contain_text("bob is not banned any more.")
    troll.reload()
    expect(field(troll)).to_be_visible()


def test_a_message_is_removed_for_everybody(court: Page, troll: Page) -> None:
    say(troll, "regrettable")
    row = message(court, "regrettable")
    row.hover()
    row.get_by_role("button", name="Actions for a message of bob").click()
    court.get_by_role("menuitem", name="Remove message…").click()
    dialog = court.locator("[data-part=act-dialog]")
    expect(dialog).to_contain_text("regrettable")
    dialog.get_by_role("button", name="Remove").click()
    expect(announced(court)).to_contain_text("The message was removed.")
    for page in (court, troll):
        expect(message(page, "regrettable")).to_have_count(0)
        expect(log(page)).to_contain_text("This message was removed.")


def test_a_role_is_given_within_ones_own_rank_and_felt_at_once(
    court: Page, troll: Page, clerk: Clerk
) -> None:
    dialog = act(court, "bob", "Change role…")
    expect(dialog.get_by_role("radio")).to_have_count(3)
    expect(dialog.get_by_label("Owner")).to_have_count(0)
    dialog.get_by_label("Moderator").check()
    dialog.get_by_role("button", name="Change role").click()
    expect(announced(court)).to_contain_text("The role of bob was changed.")
    expect(troll.get_by_role("button", name="Moderate")).to_be_visible()
    expect(troll.get_by_text("You moderate this room")).to_be_visible()
    # Nobody acts on one who ranks as high.
    people(court).get_by_role("button", name="Actions for bob").click()
    expect(court.get_by_role("menuitem", name="Ban…")).to_have_count(0)
    # The other tests find bob as they know him.
    clerk.do("shell", code=NO_ROLE)
    expect(troll.get_by_role("button", name="Moderate")).to_be_hidden()


def test_invitations_are_made_shown_once_and_copied(
    court: Page, people: Callable[[str | None], Page]
) -> None:
    court.context.grant_permissions(["clipboard-read", "clipboard-write"])
    court.get_by_role("button", name="Moderate").click()
    expect(court.get_by_role("menuitem", name="Invite people…")).to_be_focused()
    court.keyboard.press("Enter")
    dialog = court.locator("[data-part=invite-dialog]")
    dialog.get_by_label("How many links").fill("3")
    dialog.get_by_label("Good for").select_option(label="1 day")
    expect(dialog.get_by_label("They become").get_by_role("option")).to_have_text(
        ["Member", "Moderator"]
    )
    dialog.get_by_role("button", name="Make links").click()
    links = dialog.get_by_role("listitem")
    expect(links).to_have_count(3)
    expect(links.first).to_contain_text(re.compile(r"^http://127.*/place/court/\?invite=\S{20,}$"))
    shown = links.all_inner_texts()
    dialog.get_by_role("button", name="Copy all").click()
    expect(dialog).to_contain_text("3 links copied.")
    assert court.evaluate("navigator.clipboard.readText()").split() == shown
    dialog.get_by_role("button", name="Done").click()
    expect(court.get_by_role("button", name="Moderate")).to_be_focused()
    court.get_by_role("button", name="Moderate").click()
    expect(court.get_by_role("menuitem", name="Invite people…")).to_be_focused()
    court.keyboard.press("Enter")
    expect(dialog.get_by_role("listitem")).to_have_count(0)


def test_the_keyboard_alone_bans(court: Page, alice: Page) -> None:
    enter(alice, COURT)
    more = people(court).get_by_role("button", name="Actions for alice")
    more.focus()
    court.keyboard.press("Enter")
    expect(court.get_by_role("menuitem", name="Mention alice")).to_be_focused()
    court.keyboard.press("b")
    court.keyboard.press("b")
    expect(court.get_by_role("menuitem", name="Ban…")).to_be_focused()
    court.keyboard.press("Enter")
    expect(court.get_by_role("dialog", name="Ban alice from court?")).to_be_visible()
    court.keyboard.press("Escape")
    expect(more).to_be_focused()
    court.keyboard.press("Enter")
    court.keyboard.press("End")
    court.keyboard.press("Enter")
    court.keyboard.press("Tab")
    court.keyboard.type("by keyboard")
    court.keyboard.press("Enter")
    expect(alice.get_by_role("heading", name="You were banned from court")).to_be_visible()
    expect(alice.get_by_role("main")).to_contain_text("by keyboard")
    lift(court, "ban", "alice")
