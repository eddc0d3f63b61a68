"""How the pages are made: for the keyboard alone, in either direction, small, and of this site."""

import re
from typing import Any

from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.parts import emit, enter, field, log, message, room_row, rooms, say
from tests.browser.site import Site
from tests.helpers.live_server import Clerk

FIRST_VIEW_BYTES = 100_000


def test_the_keyboard_alone_joins_sends_switches_and_puts_a_refusal_right(page: Page) -> None:
    page.goto("/place/")
    expect(rooms(page).get_by_role("link", name="hall")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the room")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("hall")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field(page)).to_be_focused()
    page.keyboard.type("sent by keys")
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("sent by keys")
    page.keyboard.press("Control+k")
    page.keyboard.type("vault")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Join vault")
    expect(dialog.get_by_label("The room's password")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    again = page.get_by_role("button", name="Enter the password")
    for _ in range(40):
        page.keyboard.press("Tab")
        if again.evaluate("(button) => button === document.activeElement"):
            break
    expect(again).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("The room's password")).to_be_focused()
    page.keyboard.type("sesame")
    page.keyboard.press("Enter")
    expect(field(page)).to_be_focused()
    page.keyboard.type("and inside")
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("and inside")


def test_the_skip_link_leads_to_where_one_writes(page: Page) -> None:
    enter(page, "/place/hall/")
    page.get_by_role("link", name="Skip to the room").focus()
    page.keyboard.press("Enter")
    expect(field(page)).to_be_focused()


def test_there_is_one_polite_live_region(page: Page) -> None:
    enter(page, "/place/hall/")
    polite = page.locator("[aria-live=polite], [role=status], output").all()
    assert len(polite) == 1
    assert page.locator("[aria-live=assertive]").count() == 0


def test_reduced_motion_moves_nothing(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    enter(page, "/place/hall/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((each) => {
          const { animationName, transitionDuration } = getComputedStyle(each);
          return animationName !== "none" || transitionDuration.split(",").some(parseFloat);
        }).length"""
    )
    assert moving == 0


def test_a_long_list_scrolls_and_the_page_does_not(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 480})
    enter(page, "/place/ages/")
    expect(rooms(page).get_by_role("listitem").nth(12)).to_be_attached()
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")


def test_where_the_colours_are_the_readers_own_the_open_room_is_still_marked(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    enter(page, "/place/hall/")
    width = "(element) => getComputedStyle(element).borderInlineStartWidth"
    marked, other = (room_row(page, name).get_by_role("link") for name in ("hall", "square"))
    assert marked.evaluate(width) != other.evaluate(width)


def test_a_page_from_right_to_left_is_the_mirror_of_itself(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    enter(page, "/place/hall/")
    page.evaluate("document.documentElement.dir = 'rtl'")
    side = page.get_by_role("navigation", name="Rooms").bounding_box()
    people = page.get_by_role("complementary").bounding_box()
    send = page.get_by_role("button", name="Send").bounding_box()
    write = field(page).bounding_box()
    assert side
    assert people
    assert send
    assert write
    assert side["x"] + side["width"] == 1280
    assert people["x"] == 0
    assert send["x"] < write["x"]
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


STARTS = """(element) => {
  const range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode().data.trim() === "");
  range.setStart(walker.currentNode, 0);
  range.setEnd(walker.currentNode, 1);
  const letter = range.getBoundingClientRect();
  const box = element.getBoundingClientRect();
  return { left: letter.left - box.left, right: box.right - letter.right };
}"""


def test_names_of_the_other_direction_begin_in_sight_and_where_lines_begin(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 740})
    name = "a name that is much too long for a telephone"
    page.goto(f"/place/{name}/")
    expect(page.get_by_role("heading", name="There is no such room here")).to_be_visible()
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.locator("[data-part=room-heading]").evaluate(STARTS)["left"] >= 0
    page.goto("/place/")
    page.evaluate("document.documentElement.dir = 'rtl'")
    name_of_row = room_row(page, "crew").locator("[data-part=name]")
    ends = name_of_row.evaluate(STARTS)
    assert ends["right"] < ends["left"]
    page.set_viewport_size({"width": 1280, "height": 740})
    enter(page, "/place/ages/")
    page.evaluate("document.documentElement.dir = 'rtl'")
    ends = page.locator("[data-part=room-title]").evaluate(STARTS)
    assert ends["right"] < ends["left"]


def test_a_welcome_keeps_its_own_direction(page: Page) -> None:
    for url, part in (("/", ".section__welcome"), ("/place/", "[data-part=welcome-words]")):
        page.goto(url)
        # In one step: the server's own welcome comes as soon as the page is connected.
        direction = page.locator(part).first.evaluate(
            """(element) => {
              element.textContent = "שלום (1)!";
              return getComputedStyle(element).direction;
            }"""
        )
        assert direction == "rtl"


def test_long_names_are_cut_with_a_sign_or_broken(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 740})
    page.goto("/place/")
    mine = page.locator("[data-part=my-name]")
    expect(mine).to_be_visible()
    mine.evaluate("(element) => { element.textContent = 'w'.repeat(80); }")
    whole = page.locator("[data-part=me]").bounding_box()
    name = mine.bounding_box()
    assert whole
    assert name
    assert name["x"] + name["width"] <= whole["x"] + whole["width"]
    enter(page, "/place/hall/")
    say(page, "something")
    page.set_viewport_size({"width": 320, "height": 740})
    line = log(page).locator(".line").first
    line.locator("[data-part=text]").evaluate(
        "(element) => { element.textContent = 'w'.repeat(80); }"
    )
    width = "(element) => element.scrollWidth <= element.clientWidth"
    assert line.evaluate(width)
    beginning = page.locator("[data-part=log-start]").first
    beginning.locator("[data-part=text]").evaluate(
        "(element) => { element.textContent = 'w'.repeat(100); }"
    )
    assert beginning.evaluate(width)
    page.goto("/")
    title = page.locator(".section__head bdi").first
    title.evaluate("(element) => { element.textContent = 'w'.repeat(80); }")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_who_is_banned_and_why_is_read_at_ease_on_a_telephone(mod: Page) -> None:
    mod.set_viewport_size({"width": 320, "height": 740})
    enter(mod, "/place/court/")
    whom = {"room": "court", "user": "guest:wordy", "reason": "Of several words.", "for_s": 3600}
    assert emit(mod, "/place", "ban", whom) == {"ok": True}
    mod.get_by_role("button", name="Moderate").click()
    mod.get_by_role("menuitem", name="Bans and mutes…").click()
    row = mod.get_by_role("dialog").get_by_role("listitem").filter(has_text="wordy")
    whole = row.bounding_box()
    words = row.locator("[data-part=facts]").bounding_box()
    assert emit(mod, "/place", "unban", {"room": "court", "user": "guest:wordy"}) == {"ok": True}
    assert whole
    assert words
    assert words["width"] > whole["width"] / 2


def test_a_short_message_stands_in_the_middle_of_a_row_that_fingers_can_hit(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(
        base_url=site.url, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    enter(page, "/place/hall/")
    say(page, "the first of two")
    say(page, "the second of two")
    row = message(page, "the second of two")
    expect(row).to_have_class(re.compile("message--grouped"))
    # Until its ack is there it says so, in a line of its own.
    expect(row).to_have_attribute("data-state", "sent")
    whole = row.bounding_box()
    text = row.locator(".message__text").bounding_box()
    context.close()
    assert whole
    assert text
    above = text["y"] - whole["y"]
    below = whole["y"] + whole["height"] - text["y"] - text["height"]
    assert whole["height"] >= 44
    assert abs(above - below) <= 1


def test_the_first_view_is_small_and_of_this_site_alone(page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda response: answers.append(response))  # noqa: PLW0108 -- it is marked
    # Of the demo, which has as many rooms whichever test comes first.
    enter(page, "/games/csgo/")
    page.wait_for_load_state("networkidle")
    site = page.evaluate("location.origin")
    foreign = [answer.url for answer in answers if not answer.url.startswith((site, "data:"))]
    assert foreign == []
    bodies: dict[str, Any] = {
        answer.url: answer.request.sizes()["responseBodySize"]
        for answer in answers
        if "/socket.io/?" not in answer.url
    }
    assert any(url.endswith(".css") for url in bodies)
    assert any("socket.io.esm" in url for url in bodies)
    assert sum(bodies.values()) < FIRST_VIEW_BYTES, bodies


def test_the_links_of_invitations_stand_within_their_page(staff: Page) -> None:
    staff.goto("/admin/rooms/room/?q=ticketed")
    staff.get_by_role("link", name="ticketed").click()
    staff.get_by_role("link", name="Invite", exact=True).click()
    staff.get_by_role("button", name="Invite", exact=True).click()
    links = staff.get_by_label("One link a line")
    ends = "(element) => element.getBoundingClientRect().right"
    assert links.evaluate(ends) <= staff.locator("#content-main").evaluate(ends)


def test_a_long_name_leaves_the_other_columns_of_a_list_in_sight(staff: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="w" * 100)
    staff.set_viewport_size({"width": 1280, "height": 740})
    staff.goto(f"/admin/rooms/room/?q={'w' * 100}")
    expect(staff.locator("#result_list tbody tr")).to_have_count(1)
    ends = "(element) => element.getBoundingClientRect().right"
    whole = staff.locator("#result_list").locator("..").evaluate(ends)
    assert staff.locator("#result_list th.column-occupancy").evaluate(ends) <= whole
