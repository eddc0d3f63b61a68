"""Who is put out of a room reads why, until when, and what to do now."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.parts import emit, enter, field, notice, room_row, rooms, say
from tests.helpers.live_server import Clerk

BAN_BOB = """
annex = Namespace.objects.get(path="/annex")
bob = User.objects.get(username="bob")
Ban.objects.create(namespace=annex, user=bob, reason="Enough of it")
"""
PARDON = """Ban.objects.filter(namespace__path="/annex").delete()"""


def act(mod: Page, event: str, **fields: object) -> None:
    """Do something as the moderator of the stage."""
    if mod.url == "about:blank":
        mod.goto("/")
    answer = emit(mod, "/place", event, {"room": "stage", **fields})
    assert answer == {"ok": True}, answer


def test_a_kick_says_why_and_lets_come_back(bob: Page, mod: Page) -> None:
    enter(bob, "/place/stage/")
    me = bob.evaluate("JSON.parse(document.getElementById('page-data').textContent).user.id")
    field(bob).fill("in the middle of")
    act(mod, "kick", user=me, reason="Too loud <b>here</b>")
    expect(notice(bob)).to_contain_text("You were removed from stage")
    expect(notice(bob)).to_contain_text("Too loud <b>here</b>")
    expect(notice(bob).get_by_role("heading")).to_be_focused()
    expect(bob.get_by_role("button", name="Leave")).to_be_hidden()
    expect(room_row(bob, "stage").get_by_role("link")).to_be_visible()
    expect(bob.get_by_role("region", name="Joined")).to_be_hidden()
    notice(bob).get_by_role("button", name="Join again").click()
    expect(field(bob)).to_have_value("in the middle of")
    field(bob).fill("")


def test_a_ban_says_until_when_in_local_time_and_whom_to_ask(bob: Page, mod: Page) -> None:
    enter(bob, "/place/stage/")
    me = bob.evaluate("JSON.parse(document.getElementById('page-data').textContent).user.id")
    act(mod, "ban", user=me, reason="Spoilers", for_s=3_600)
    try:
        expect(notice(bob)).to_contain_text("You were banned from stage")
        facts = notice(bob).locator("[data-part=notice-facts]")
        expect(facts).to_contain_text("Spoilers")
        until = bob.evaluate(
            """() => {
              const style = { dateStyle: "full", timeStyle: "short" };
              const format = new Intl.DateTimeFormat("en-GB", style);
              return [0, 60_000].map((late) => format.format(Date.now() + 3_600_000 - late));
            }"""
        )
        expect(facts).to_contain_text(re.compile("|".join(map(re.escape, until))))
        expect(notice(bob)).to_contain_text("ask one of its moderators")
        expect(notice(bob).get_by_role("button")).to_have_count(0)
        expect(room_row(bob, "stage")).to_contain_text("You are banned")
        bob.reload()
        expect(notice(bob)).to_contain_text("You are banned from stage")
        expect(notice(bob)).to_contain_text("Reference for staff:")
    finally:
        act(mod, "unban", user=me)
    expect(notice(bob)).to_contain_text("You are not banned from stage any more")
    notice(bob).get_by_role("button", name="Join").click()
    expect(field(bob)).to_be_visible()


def test_a_ban_from_the_whole_namespace_is_named_and_its_end_found_on_asking(
    bob: Page, clerk: Clerk
) -> None:
    enter(bob, "/annex/attic/")
    clerk.do("shell", code=BAN_BOB)
    expect(notice(bob)).to_contain_text("You are banned from Annex")
    expect(notice(bob)).to_contain_text("Enough of it")
    expect(notice(bob)).not_to_contain_text("this room")
    clerk.do("shell", code=PARDON)
    bob.get_by_role("button", name="Try now").click()
    expect(bob.get_by_role("button", name="Leave")).to_be_visible()


def test_the_end_of_a_ban_from_the_whole_namespace_is_found_without_asking(
    bob: Page, clerk: Clerk
) -> None:
    enter(bob, "/annex/attic/")
    clerk.do("shell", code=BAN_BOB.replace("reason=", "expires_at=soon(6), reason="))
    expect(notice(bob)).to_contain_text("You are banned from Annex")
    expect(bob.get_by_role("button", name="Leave")).to_be_visible()


@pytest.mark.parametrize(
    ("access", "words"), [("members", "Not for you"), ("invitation", "Locked")]
)
def test_who_may_come_in_again_is_told_so_where_it_said_why_not(
    bob: Page, clerk: Clerk, access: str, words: str
) -> None:
    name = f"swing {access}"
    clerk.do("room", namespace="/place", name=name)
    enter(bob, f"/place/swing%20{access}/")
    clerk.do("change room", namespace="/place", name=name, access=access)
    expect(notice(bob)).to_contain_text(f"You were removed from {name}")
    expect(room_row(bob, name)).to_contain_text(words)
    clerk.do("change room", namespace="/place", name=name, access="open")
    expect(notice(bob)).to_contain_text(f"{name} lets you in now")
    notice(bob).get_by_role("button", name="Join").click()
    expect(bob.get_by_role("button", name="Leave")).to_be_visible()


def test_a_room_that_closes_and_opens_again_is_waited_for(
    alice: Page, bob: Page, clerk: Clerk
) -> None:
    enter(alice, "/place/stage/")
    clerk.do("change room", namespace="/place", name="stage", is_open=False)
    expect(notice(alice)).to_contain_text("stage has closed")
    expect(room_row(alice, "stage")).to_contain_text("Closed")
    notice(alice).get_by_role("button", name="Watch for reopening").click()
    clerk.do("change room", namespace="/place", name="stage", is_open=True)
    expect(notice(alice)).to_contain_text("stage is open again")
    notice(alice).get_by_role("button", name="Join").click()
    expect(alice.get_by_role("button", name="Leave")).to_be_visible()


def test_a_new_password_asks_for_it(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="safe", access="open")
    enter(page, "/place/safe/")
    say(page, "before the lock")
    clerk.do("change room", namespace="/place", name="safe", access="password", password="sesame")
    expect(notice(page)).to_contain_text("You were removed from safe")
    notice(page).get_by_role("button", name="Enter the password").click()
    dialog = page.get_by_role("dialog", name="Join safe")
    dialog.get_by_label("The room's password").fill("sesame")
    dialog.get_by_role("button", name="Join").click()
    expect(field(page)).to_be_focused()


def test_a_ban_from_a_room_that_is_not_open_is_told_in_local_time(bob: Page, mod: Page) -> None:
    enter(bob, "/place/stage/")
    me = bob.evaluate("JSON.parse(document.getElementById('page-data').textContent).user.id")
    rooms(bob).get_by_role("link", name="hall").click()
    expect(bob.get_by_role("heading", name="hall", exact=True)).to_be_visible()
    act(mod, "ban", user=me, reason="Spoilers", for_s=3_600)
    try:
        for told in (bob.locator("[data-part=toasts]"), bob.get_by_role("status")):
            expect(told).to_contain_text(re.compile("You are banned from stage · Until .+Spoilers"))
            expect(told).not_to_contain_text("UTC")
    finally:
        act(mod, "unban", user=me)


def test_being_put_out_of_a_room_that_is_not_open_is_told_beside(bob: Page, mod: Page) -> None:
    enter(bob, "/place/stage/")
    me = bob.evaluate("JSON.parse(document.getElementById('page-data').textContent).user.id")
    rooms(bob).get_by_role("link", name="hall").click()
    expect(bob.get_by_role("heading", name="hall", exact=True)).to_be_visible()
    act(mod, "kick", user=me, reason="Asleep")
    toast = bob.locator("[data-part=toasts]")
    expect(toast).to_contain_text("stage: ")
    expect(toast).to_contain_text("Asleep")
    expect(bob.get_by_role("region", name="Joined").get_by_role("listitem")).to_have_count(1)
    toast.get_by_role("button", name="See why").click()
    expect(notice(bob)).to_contain_text("You were removed from stage")
