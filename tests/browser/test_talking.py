"""What is written arrives once, says where it is, and is found again."""

import re
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.parts import chip, emit, enter, field, log, message, people, say
from tests.helpers.live_server import Clerk


class SlowNetwork:
    """What the server says to one page, held back until it is let through."""

    def __init__(self, page: Page) -> None:
        self._held: list[Callable[[], None]] | None = None
        self._lock = threading.Lock()
        page.route_web_socket(re.compile("/socket.io/"), self._route)

    def hold(self) -> None:
        """Hold back what comes from now on."""
        self._held = []

    def release(self) -> None:
        """Let through what was held back, and what comes."""
        held, self._held = self._held, None
        for send in held or ():
            send()

    def _route(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def heard(data: str | bytes) -> None:
            if self._held is None:
                socket.send(data)
            else:
                self._held.append(lambda: socket.send(data))

        server.on_message(heard)


@pytest.fixture
def slow(alice: Page) -> SlowNetwork:
    return SlowNetwork(alice)


def test_a_message_on_a_slow_network_is_shown_as_on_its_way_and_then_as_sent(
    slow: SlowNetwork, alice: Page, bob: Page
) -> None:
    enter(alice, "/place/tunnel/")
    enter(bob, "/place/tunnel/")
    slow.hold()
    say(alice, "slow but sure")
    row = message(alice, "slow but sure")
    expect(row).to_have_attribute("data-state", "sending")
    expect(row).to_contain_text("Sending")
    expect(field(alice)).to_have_value("")
    expect(message(bob, "slow but sure")).to_have_count(1)
    slow.release()
    expect(row).to_have_attribute("data-state", "sent")
    expect(row.get_by_text("Sent", exact=True)).to_be_attached()
    expect(message(alice, "slow but sure")).to_have_count(1)


def test_a_message_whose_answer_was_lost_is_sent_again_and_stays_one(
    slow: SlowNetwork, alice: Page, bob: Page
) -> None:
    enter(alice, "/place/tunnel/")
    enter(bob, "/place/tunnel/")
    slow.hold()
    say(alice, "said once")
    expect(message(bob, "said once")).to_have_count(1)
    alice.context.set_offline(True)
    expect(message(alice, "said once")).to_have_attribute("data-state", "waiting")
    slow._held = None
    alice.context.set_offline(False)
    expect(message(alice, "said once")).to_have_attribute("data-state", "sent")
    expect(message(alice, "said once")).to_have_count(1)
    say(bob, "and this after it")
    expect(message(alice, "and this after it")).to_have_count(1)
    expect(message(bob, "said once")).to_have_count(1)


def test_slow_mode_counts_down_and_then_lets_write(page: Page) -> None:
    enter(page, "/place/chess/")
    say(page, "e4")
    expect(message(page, "e4")).to_have_attribute("data-state", "sent")
    words = page.get_by_text("Slow mode: you can write again in")
    expect(words).to_be_visible()
    field(page).fill("e5")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(words).to_be_hidden()
    field(page).press("Enter")
    expect(message(page, "e5")).to_have_attribute("data-state", "sent")


def test_a_message_that_was_refused_says_why_and_can_be_sent_again_or_thrown_away(
    alice: Page, bob: Page, clerk: Clerk
) -> None:
    clerk.do("room", namespace="/place", name="lectern", access="open")
    enter(alice, "/place/lectern/")
    enter(bob, "/place/lectern/")
    row = say_too_late(alice, clerk, "lectern", "one")
    expect(row).to_contain_text("Not sent.")
    expect(alice.get_by_text("Only moderators can write here.")).to_be_visible()
    clerk.do("change room", namespace="/place", name="lectern", is_read_only=False)
    row.get_by_role("button", name="Try again").click()
    expect(row).to_have_attribute("data-state", "sent")
    expect(message(bob, "one")).to_have_count(1)
    expect(field(alice)).to_be_visible()
    say_too_late(alice, clerk, "lectern", "two").get_by_role("button", name="Discard").click()
    expect(message(alice, "two")).to_have_count(0)
    alice.reload()
    expect(message(alice, "one")).to_have_count(1)
    expect(message(alice, "two")).to_have_count(0)


def say_too_late(page: Page, clerk: Clerk, room: str, text: str) -> Locator:
    """Write in a room that nobody may write in since before the page could hear of it."""
    page.context.set_offline(True)
    expect(chip(page)).to_contain_text("Offline")
    say(page, text)
    clerk.do("change room", namespace="/place", name=room, is_read_only=True)
    page.context.set_offline(False)
    row = message(page, text)
    expect(row).to_have_attribute("data-state", "failed")
    return row


def test_a_mute_that_ends_lifts_itself(alice: Page, mod: Page) -> None:
    enter(alice, "/place/court/")
    enter(mod, "/place/court/")
    user = people(mod).locator("li", has_text="alice").get_attribute("data-key")
    assert emit(mod, "/place", "mute", {"room": "court", "user": user, "for_s": 3}) == {"ok": True}
    words = alice.get_by_text("You can read but not write here until")
    expect(words).to_be_visible()
    expect(words).to_be_hidden()
    say(alice, "quiet again")
    expect(message(alice, "quiet again")).to_have_attribute("data-state", "sent")


def test_a_room_in_which_only_moderators_write_says_so(page: Page) -> None:
    enter(page, "/place/podium/")
    expect(page.get_by_text("Only moderators can write here.")).to_be_visible()
    expect(field(page)).to_be_hidden()
    # Nobody is asked for a word that would be refused.
    expect(log(page)).to_contain_text("Nothing has been said in podium yet.")
    expect(log(page)).not_to_contain_text("Say the first word")


def test_who_is_named_sees_it_marked(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    say(bob, "@Alice and @nobody, but not mail@alice or @alicette")
    marks = message(alice, "and @nobody").locator("mark")
    expect(marks).to_have_text(["@Alice"])
    expect(message(bob, "and @nobody").locator("mark")).to_have_count(0)
    expect(message(bob, "and @nobody").locator(".mention")).to_have_count(3)


def test_enter_sends_shift_enter_breaks_and_an_enter_that_composes_does_neither(
    page: Page,
) -> None:
    enter(page, "/place/hall/")
    field(page).focus()
    page.keyboard.type("upper")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lower line")
    expect(field(page)).to_have_value("upper\nlower line")
    field(page).dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(field(page)).to_have_value("upper\nlower line")
    page.keyboard.press("Enter")
    expect(message(page, "lower line")).to_have_attribute("data-state", "sent")
    expect(field(page)).to_have_value("")


def test_a_text_that_is_too_long_is_kept_and_counted(page: Page) -> None:
    enter(page, "/place/hall/")
    field(page).fill("x" * 3_600)
    expect(page.get_by_text("400 characters left")).to_be_visible()
    field(page).fill("🎲" * 4_003)
    expect(page.get_by_text("3 characters too many")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    field(page).press("Enter")
    assert field(page).input_value() == "🎲" * 4_003
    field(page).fill("🎲" * 4_000)
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    field(page).press("Enter")
    expect(message(page, "🎲" * 4_000)).to_have_attribute("data-state", "sent")


def test_what_came_while_one_read_elsewhere_is_counted_and_lined_off(
    alice: Page, bob: Page
) -> None:
    enter(alice, "/place/long/")
    enter(bob, "/place/long/")
    log(alice).evaluate("log => log.scrollTo(0, log.scrollHeight / 2)")
    jump = alice.get_by_role("button", name="To the latest")
    expect(jump).to_be_visible()
    say(bob, "first news")
    say(bob, "second news")
    news = alice.get_by_role("button", name="2 new messages")
    expect(news).to_be_visible()
    news.click()
    expect(news).to_be_hidden()
    rows = log(alice).get_by_role("listitem").all_inner_texts()
    line = rows.index("New")
    assert "first news" in rows[line + 1]
    say(alice, "I have read it")
    expect(log(alice).get_by_role("listitem").filter(has_text=re.compile("^New$"))).to_have_count(0)


def test_what_came_while_one_looked_at_the_list_or_a_refusal_is_lined_off(
    alice: Page, bob: Page
) -> None:
    enter(bob, "/place/hall/")
    alice.goto("/place/")
    for elsewhere in (None, "shut"):
        alice.get_by_role("navigation", name="Rooms").get_by_role("link", name="hall").click()
        expect(field(alice)).to_be_focused()
        if elsewhere:
            alice.get_by_role("navigation", name="Rooms").get_by_role("link", name="shut").click()
            expect(alice.get_by_text("shut is closed right now").first).to_be_visible()
        else:
            alice.go_back()
            expect(alice.get_by_role("heading", name="Choose a room")).to_be_visible()
        say(bob, f"not seen by who is at {elsewhere}")
        alice.get_by_role("link", name="hall").get_by_text("1 new").click()
        expect(message(alice, f"not seen by who is at {elsewhere}")).to_be_visible()
        rows = log(alice).get_by_role("listitem").all_inner_texts()
        assert f"who is at {elsewhere}" in rows[rows.index("New") + 1]


def test_older_messages_come_in_above_without_moving_what_is_read(page: Page) -> None:
    enter(page, "/place/ages/")
    expect(message(page, "line 160.")).to_have_count(1)
    top = "row => row.getBoundingClientRect().top"
    log(page).evaluate("log => log.scrollTo(0, 250)")
    watched = message(page, "line 160.")
    before = watched.evaluate(top)
    log(page).evaluate("log => log.scrollTo(0, 190)")
    expect(message(page, "line 60.")).to_have_count(1)
    assert abs(watched.evaluate(top) - before - 60) < 2


def test_who_scrolls_to_the_very_top_reads_on_from_there(page: Page) -> None:
    enter(page, "/place/ages/")
    expect(message(page, "line 151.")).to_have_count(1)
    for first, older in ((151, 51), (51, 1)):
        log(page).evaluate("log => log.scrollTo(0, 0)")
        expect(message(page, f"line {older}.")).to_have_count(1)
        # What stood first is still in sight, and the next way up leads on.
        expect(message(page, f"line {first}.")).to_be_in_viewport()


def test_people_who_come_together_are_one_line(people_of_hall: Page) -> None:
    expect(log(people_of_hall)).to_contain_text(
        re.compile(r"\S.* and 2 others joined"), timeout=10_000
    )


@pytest.fixture
def people_of_hall(people: Callable[[str | None], Page]) -> Page:
    watcher = people("alice")
    enter(watcher, "/place/a%2Fb/")
    for _number in range(4):
        enter(people(None), "/place/a%2Fb/")
    return watcher


def test_who_types_is_seen_by_the_others(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    expect(people(bob)).to_contain_text("alice")
    field(bob).press_sequentially("hm")
    expect(alice.get_by_text("bob is typing")).to_be_visible()
    say(bob, "hmm")
    expect(alice.get_by_text("bob is typing")).to_be_hidden()


def test_the_menu_of_a_message_needs_no_mouse(alice: Page, bob: Page) -> None:
    enter(alice, "/place/hall/")
    enter(bob, "/place/hall/")
    say(bob, "by keyboard alone")
    row = message(alice, "by keyboard alone")
    expect(row).to_have_count(1)
    field(alice).focus()
    for _stop in range(6):
        alice.keyboard.press("Shift+Tab")
        if alice.evaluate("document.activeElement.dataset.part") == "more":
            break
    expect(row.get_by_role("button")).to_be_focused()
    alice.keyboard.press("Enter")
    menu = alice.get_by_role("menu")
    expect(menu.get_by_role("menuitem", name="Copy text")).to_be_focused()
    alice.keyboard.press("ArrowDown")
    expect(menu.get_by_role("menuitem", name="Mention bob")).to_be_focused()
    alice.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(row.get_by_role("button")).to_be_focused()
    alice.keyboard.press("Enter")
    alice.keyboard.press("m")
    alice.keyboard.press("Enter")
    expect(field(alice)).to_have_value("@bob ")
    expect(field(alice)).to_be_focused()
