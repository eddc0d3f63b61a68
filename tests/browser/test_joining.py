"""What a locked room asks for is asked in one dialog; what passes by itself can be waited for."""

import re

import pytest
from playwright.sync_api import Page, expect

from rooms.site_paths import room_url
from tests.browser.conftest import PASSWORD
from tests.browser.parts import enter, field, notice, people, room_row, rooms
from tests.browser.site import Site
from tests.helpers.live_server import Clerk


def invite(clerk: Clerk) -> str:
    """Issue an invitation to the room that takes them and return its token."""
    token: str = clerk.do("invitation", namespace="/place", room="ticketed")
    return token


def test_an_invitation_is_asked_for_and_what_is_wrong_with_it_said(
    page: Page, clerk: Clerk
) -> None:
    page.goto("/place/")
    rooms(page).get_by_role("link", name="ticketed").click()
    dialog = page.get_by_role("dialog", name="Join ticketed")
    expect(dialog).to_contain_text("ticketed is by invitation.")
    box = dialog.get_by_label("Your invitation")
    expect(box).to_be_focused()
    box.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Enter an invitation")
    box.fill("no-such-ticket")
    box.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("does not hold")
    expect(box).to_have_value("no-such-ticket")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator("[data-part=join-ref]")).to_contain_text("Reference for staff:")
    box.fill(f"https://example.org/place/ticketed/?invite={invite(clerk)}")
    dialog.get_by_role("button", name="Join").click()
    expect(dialog).to_be_hidden()
    expect(field(page)).to_be_focused()


def test_an_invitation_in_the_address_lets_in_and_leaves_the_address_at_once(
    page: Page, clerk: Clerk, site: Site
) -> None:
    token = invite(clerk)
    enter(page, f"/place/ticketed/?invite={token}")
    expect(page).to_have_url(re.compile("/place/ticketed/$"))
    assert token not in page.evaluate("Object.values(sessionStorage).join()")
    assert token not in site.log()
    page.reload()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()


def test_an_invitation_lets_in_whatever_the_address_leaves_as_it_is(
    page: Page, clerk: Clerk
) -> None:
    for name in ("rock & roll", "a/c", "c++;$,=@:!", "50% off?#"):
        clerk.do("room", namespace="/place", name=name, access="invitation")
        token = clerk.do("invitation", namespace="/place", room=name)
        enter(page, room_url("/place", name, invitation=token))
        assert token not in page.evaluate("Object.values(sessionStorage).join()")


@pytest.mark.parametrize("way", ["Sign in", "Sign up"])
def test_an_invitation_survives_a_sign_in_on_the_way(
    page: Page, clerk: Clerk, site: Site, way: str
) -> None:
    clerk.do("room", namespace="/annex", name=f"box {way}", access="invitation")
    token = clerk.do("invitation", namespace="/annex", room=f"box {way}")
    page.goto(f"/annex/box%20{way.replace(' ', '%20')}/?invite={token}")
    expect(page).to_have_url(re.compile("/$"))
    expect(notice(page)).to_contain_text("Sign in to enter")
    if way == "Sign in":
        notice(page).get_by_role("link", name="Sign in").click()
        page.get_by_label("Username").fill("alice")
        page.get_by_label("Password").fill(PASSWORD)
    else:
        page.get_by_role("banner").get_by_role("link", name="Sign up").click()
        page.get_by_label("Username").fill("fresh")
        page.get_by_label("Password", exact=True).fill("correct-horse-battery")
        page.get_by_label("Password confirmation").fill("correct-horse-battery")
    page.get_by_role("main").get_by_role("button", name=way).click()
    expect(page.get_by_role("heading", name=f"box {way}", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    assert token not in site.log()


def test_a_guest_who_came_by_invitation_and_signs_up_is_still_in_the_room(
    page: Page, clerk: Clerk
) -> None:
    enter(page, f"/place/ticketed/?invite={invite(clerk)}")
    page.get_by_role("banner").get_by_role("link", name="Sign up").click()
    page.get_by_label("Username").fill("late")
    page.get_by_label("Password", exact=True).fill("correct-horse-battery")
    page.get_by_label("Password confirmation").fill("correct-horse-battery")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    expect(people(page)).to_contain_text("late")
    expect(page.get_by_role("button", name="Leave")).to_be_visible()


def test_an_invitation_that_does_not_hold_is_asked_for_again(page: Page) -> None:
    page.goto("/place/ticketed/?invite=worn-out")
    dialog = page.get_by_role("dialog", name="Join ticketed")
    expect(dialog.get_by_role("alert")).to_contain_text("does not hold")
    page.keyboard.press("Escape")
    expect(notice(page).get_by_role("button", name="Enter an invitation")).to_be_visible()
    page.reload()
    expect(dialog).to_contain_text("ticketed is by invitation.")


def test_signing_in_and_up_are_offered_where_a_room_asks_who_one_is(page: Page) -> None:
    page.goto("/place/club/")
    dialog = page.get_by_role("dialog", name="Join club")
    expect(dialog.get_by_role("link", name="Sign in")).to_be_focused()
    expect(dialog.get_by_role("link", name="Sign up")).to_have_attribute(
        "href", "/accounts/signup/?next=%2Fplace%2Fclub%2F"
    )
    expect(dialog.get_by_role("textbox")).to_have_count(0)


def test_a_closed_room_can_be_watched_until_it_opens(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="early bird", is_open=False)
    page.goto("/place/early%20bird/")
    expect(notice(page)).to_contain_text("early bird is closed right now")
    watch = notice(page).get_by_role("button", name="Watch for reopening")
    watch.click()
    expect(notice(page).get_by_role("button", name="You will be told")).to_have_attribute(
        "aria-pressed", "true"
    )
    rooms(page).get_by_role("link", name="hall").click()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    clerk.do("change room", namespace="/place", name="early bird", is_open=True)
    toast = page.locator("[data-part=toasts]")
    expect(toast).to_contain_text("early bird is open again")
    toast.get_by_role("button", name="Join").click()
    expect(page.get_by_role("heading", name="early bird", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    expect(toast).not_to_contain_text("early bird")


def test_a_closed_namespace_promises_to_come_back_to_who_watches_alone(
    page: Page, clerk: Clerk
) -> None:
    clerk.do("namespace", path="/quay", title="Quay")
    clerk.do("room", namespace="/quay", name="pier")
    switch = "row = Namespace.objects.get(path='/quay'); row.is_open = {}; row.save()"
    enter(page, "/quay/pier/")
    clerk.do("shell", code="from rooms.models import Namespace\n" + switch.format(False))
    expect(notice(page)).to_contain_text("This namespace is closed right now")
    expect(notice(page)).not_to_contain_text("the page knows when it opens")
    notice(page).get_by_role("button", name="Watch for reopening").click()
    clerk.do("shell", code="from rooms.models import Namespace\n" + switch.format(True))
    expect(page.get_by_role("button", name="Leave")).to_be_visible()


def test_a_full_room_tells_when_there_is_a_place(alice: Page, bob: Page) -> None:
    enter(alice, "/place/cabin/")
    bob.goto("/place/cabin/")
    expect(notice(bob)).to_contain_text("cabin is full")
    notice(bob).get_by_role("button", name="Notify me when there is a place").click()
    expect(notice(bob).get_by_role("button", name="You will be told")).to_be_visible()
    expect(room_row(bob, "cabin")).to_contain_text("Full")
    alice.get_by_role("button", name="Leave").click()
    expect(notice(bob)).to_contain_text("There is a place in cabin")
    notice(bob).get_by_role("button", name="Join").click()
    expect(bob.get_by_role("button", name="Leave")).to_be_visible()
    bob.get_by_role("button", name="Leave").click()
