"""The admin as a new moderator uses it: an evening's room, a troll, a reference, invitations."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.parts import enter, message, say
from tests.browser.site import Site
from tests.helpers.live_server import Clerk

ROOMS = "/admin/rooms/room/"
LIVE = "/admin/rooms/connection/"


def open_room(staff: Page, name: str) -> None:
    """Open the admin's page of a room of /place."""
    staff.goto(f"{ROOMS}?q={name}")
    staff.get_by_role("link", name=name, exact=True).click()
    expect(staff.get_by_role("heading", name="Change room")).to_be_visible()


def save(staff: Page) -> None:
    staff.get_by_role("button", name="Save", exact=True).first.click()


def test_a_room_is_opened_for_one_evening(staff: Page, page: Page) -> None:
    staff.goto(f"{ROOMS}add/")
    staff.get_by_role("combobox").first.click()
    staff.locator(".select2-search__field").fill("place")
    staff.get_by_role("option", name="/place").click()
    staff.get_by_label("Name:").fill("gala")
    staff.locator("#id_opens_at_0").fill("2999-05-01")
    staff.locator("#id_opens_at_1").fill("19:00")
    staff.locator("#id_closes_at_0").fill("2999-05-01")
    staff.locator("#id_closes_at_1").fill("18:00")
    save(staff)
    closes = staff.locator(".field-closes_at")
    expect(closes).to_contain_text("A room has to open before it closes.")
    staff.locator("#id_closes_at_1").fill("23:00")
    save(staff)
    row = staff.get_by_role("row").filter(has_text="gala")
    expect(row).to_contain_text("Opens")
    page.goto("/place/gala/")
    expect(page.get_by_text("gala is closed right now").first).to_be_visible()
    opens = page.get_by_role("term").filter(has_text="Opens")
    expect(opens.locator("xpath=following-sibling::*[1]")).to_contain_text("1 May 2999")


def test_back_from_impact_keeps_what_was_typed_and_confirming_evicts(
    staff: Page, page: Page
) -> None:
    enter(page, "/place/stage/")
    open_room(staff, "stage")
    staff.get_by_label("Title:").fill("Typed before")
    staff.get_by_label("Access:").select_option("password")
    staff.get_by_label("Password:").fill("open sesame")
    save(staff)
    expect(staff.get_by_text("1 person who is connected now")).to_be_visible()
    staff.get_by_role("button", name="Back").click()
    expect(staff.get_by_label("Title:")).to_have_value("Typed before")
    expect(staff.get_by_label("Access:")).to_have_value("password")
    expect(staff.get_by_text("The new password is kept.")).to_be_visible()
    save(staff)
    staff.get_by_role("button", name="Save and evict").click()
    expect(staff.get_by_text(re.compile("1 socket was put out, on .+, within"))).to_be_visible()
    expect(page.get_by_text("You were removed from stage")).to_be_visible()
    open_room(staff, "stage")
    staff.get_by_label("Access:").select_option("open")
    save(staff)
    expect(staff.get_by_text("was changed successfully")).to_be_visible()


def test_a_troll_is_banned_with_an_address_from_the_live_list_and_it_is_undone(
    staff: Page, bob: Page, alice: Page
) -> None:
    enter(bob, "/place/square/")
    enter(alice, "/place/square/")
    say(bob, "what a bore you are")
    expect(message(alice, "what a bore you are")).to_be_visible()
    staff.goto(f"{LIVE}?q=bob")
    row = staff.get_by_role("row").filter(has_text="square")
    row.get_by_role("link", name="Ban…").click()
    expect(staff.get_by_label("Account:")).to_have_value("bob")
    expect(staff.get_by_label("Where:")).to_have_value("/place/square")
    staff.get_by_label("Address:").fill("192.0.2.66")
    staff.get_by_label("Reason:").fill("Be kind")
    staff.get_by_label("Remove their messages:").select_option("hour")
    staff.get_by_role("button", name="Show who would go").click()
    expect(staff.get_by_role("row").filter(has_text="named")).to_contain_text("bob")
    staff.get_by_role("button", name="Ban", exact=True).click()
    expect(staff.get_by_text("1 message was removed")).to_be_visible()
    expect(bob.get_by_text("You were banned from square")).to_be_visible()
    expect(bob.get_by_text("Be kind", exact=True)).to_be_visible()
    expect(message(alice, "what a bore you are")).to_have_count(0)
    expect(message(alice, "This message was removed.")).to_be_visible()
    staff.get_by_role("button", name="Undo").click()
    expect(staff.get_by_text("Undone. 1 message is back.")).to_be_visible()
    enter(bob, "/place/square/")


def test_a_reference_says_why_somebody_cannot_join(staff: Page, page: Page) -> None:
    page.goto("/place/crew/")
    told = page.get_by_text("Reference for staff").first
    expect(told).to_be_visible()
    ref = told.inner_text().rsplit(" ", 1)[-1]
    staff.goto(f"{ROOMS}check-access/")
    staff.get_by_label("Reference of a denial").fill(ref)
    staff.get_by_role("button", name="Look up").click()
    expect(staff.get_by_label("Where:")).to_have_value("/place/crew")
    staff.get_by_role("button", name="Check access").click()
    expect(staff.get_by_role("heading", name="Denied: login_required")).to_be_visible()
    decided = staff.get_by_role("row").filter(has_text="Does the room's access let them in?")
    decided.get_by_role("link").click()
    expect(staff.get_by_role("heading", name="Change room")).to_be_visible()


def test_thirty_invitations_are_shown_once_and_the_list_says_who_came(
    staff: Page, alice: Page, clerk: Clerk
) -> None:
    clerk.do("room", namespace="/place", name="wedding", access="invitation")
    open_room(staff, "wedding")
    staff.get_by_role("link", name="Invite").click()
    staff.get_by_label("How many:").fill("30")
    staff.get_by_label("Label:").fill("Gala")
    staff.get_by_role("button", name="Invite", exact=True).click()
    links = staff.get_by_label("One link a line").input_value().split()
    assert len(set(links)) == 30
    # A clipboard that never answers, as one behind a question of the browser's: the old way helps.
    staff.evaluate("() => { navigator.clipboard.writeText = () => new Promise(() => {}); }")
    staff.get_by_role("button", name="Copy all").click()
    expect(staff.get_by_role("status")).to_have_text("Copied.")
    with staff.expect_download() as download:
        staff.get_by_role("button", name="CSV", exact=True).click()
    assert download.value.path().read_text().split() == ["url", *links]
    alice.goto(links[0])
    expect(alice.get_by_role("textbox", name=re.compile("Message"))).to_be_enabled()
    staff.get_by_role("link", name="The room's invitations").click()
    expect(staff.get_by_role("row").filter(has_text="alice")).to_contain_text("1 / 1")


def test_no_button_stands_there_before_the_script_that_serves_it(staff: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="opera", access="invitation")
    staff.route("**/rooms/admin/copy*.js", lambda route: route.abort())
    open_room(staff, "opera")
    staff.get_by_role("link", name="Invite").click()
    staff.get_by_role("button", name="Invite", exact=True).click()
    expect(staff.get_by_label("One link a line")).to_be_visible()
    expect(staff.get_by_role("button", name="Copy all")).to_be_hidden()
    expect(staff.get_by_role("button", name="CSV", exact=True)).to_be_hidden()


def test_an_appointed_moderator_sees_one_room(staff: Page, browser: Browser, site: Site) -> None:
    open_room(staff, "tunnel")
    staff.get_by_role("link", name="Appoint").click()
    staff.get_by_label("Account:").fill("eve")
    staff.get_by_role("button", name="Appoint").click()
    expect(staff.get_by_text("is Moderator of")).to_be_visible()
    context = browser.new_context(base_url=site.url)
    mod = context.new_page()
    mod.goto("/admin/")
    mod.get_by_label("Username:").fill("eve")
    mod.get_by_label("Password:").fill("eve")
    mod.get_by_role("button", name="Log in").click()
    mod.goto(ROOMS)
    expect(mod.locator("#result_list tbody tr")).to_have_count(1)
    expect(mod.locator("#result_list")).to_contain_text("tunnel")
    context.close()


def test_the_live_list_and_the_page_of_a_connection_follow_by_themselves(
    staff: Page, page: Page
) -> None:
    staff.goto(f"{LIVE}?q=cabin")
    expect(staff.locator("#result_list tbody tr")).to_have_count(0)
    enter(page, "/place/cabin/")
    rows = staff.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    rows.locator("th a").click()
    live = staff.locator(".rk-live")
    expect(live).to_contain_text("websocket")
    expect(live).to_contain_text("wait for the client")
    page.close()
    expect(staff.get_by_role("status").first).to_contain_text("This connection has ended.")
