"""The states of the pages, each as a person comes to it: for what must hold in all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser.parts import chip, enter, log, notice, say
from tests.helpers.live_server import Clerk

Reach = Callable[[Page, Clerk], None]


@dataclass(frozen=True)
class State:
    """``reader`` is who is signed in, by name; None is a guest."""

    name: str
    reach: Reach
    reader: str | None = None


def _go(url: str) -> Reach:
    return lambda page, _: (page.goto(url), None)[1]


def _joined(page: Page, _: Clerk) -> None:
    enter(page, "/place/hall/")
    say(page, "something was said @alice, see https://example.org/")
    expect(log(page).locator("[data-state=sent]").last).to_be_visible()


def _offline(page: Page, clerk: Clerk) -> None:
    _joined(page, clerk)
    page.context.set_offline(True)
    expect(chip(page)).to_contain_text("Offline")
    say(page, "this waits")
    expect(log(page)).to_contain_text("Waits for the connection")


def _reconnecting(page: Page, _: Clerk) -> None:
    page.route("**/socket.io/?*", lambda route: route.abort())
    page.goto("/place/hall/")
    expect(chip(page)).to_contain_text("Reconnecting in")


def _denied(room: str, words: str) -> Reach:
    def reach(page: Page, _: Clerk) -> None:
        page.goto(f"/place/{room}/")
        expect(page.get_by_role("dialog").or_(notice(page)).last).to_contain_text(words)

    return reach


def _dialog(room: str) -> Reach:
    def reach(page: Page, _: Clerk) -> None:
        page.goto(f"/place/{room}/")
        expect(page.get_by_role("dialog", name=f"Join {room}")).to_be_visible()

    return reach


def _wrong(room: str, label: str) -> Reach:
    def reach(page: Page, clerk: Clerk) -> None:
        _dialog(room)(page, clerk)
        page.get_by_role("dialog").get_by_label(label).fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()

    return reach


def _throttled(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="tried", access="password", password="sesame")
    page.goto("/place/tried/")
    password = page.get_by_role("dialog").get_by_label("The room's password")
    for _ in range(6):
        password.fill("wrong")
        password.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("button", name="Joining")).to_have_count(0)
    expect(page.get_by_role("dialog").get_by_role("button", name="Join in")).to_be_disabled()


def _evicted(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="trapdoor")
    clerk.do("member", namespace="/place", room="trapdoor", user="mod", role="moderator")
    enter(page, "/place/trapdoor/")
    clerk.do("change room", namespace="/place", name="trapdoor", is_open=False)
    expect(notice(page)).to_contain_text("trapdoor has closed")


def _toast(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="snooze", is_open=False)
    page.goto("/place/snooze/")
    notice(page).get_by_role("button", name="Watch for reopening").click()
    expect(notice(page).get_by_role("button", name="You will be told")).to_be_visible()
    clerk.do("change room", namespace="/place", name="snooze", is_open=True)
    expect(page.locator("[data-part=toasts]")).to_contain_text("snooze is open again")


def _pressed(key: str, role: str) -> Reach:
    def reach(page: Page, _: Clerk) -> None:
        enter(page, "/place/hall/")
        page.get_by_role("log").focus()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()

    return reach


def _menu(page: Page, _: Clerk) -> None:
    page.goto("/place/")
    page.get_by_role("button", name="Change the namespace").click()
    expect(page.get_by_role("navigation", name="Namespaces")).to_be_visible()


def _searched(page: Page, _: Clerk) -> None:
    page.goto("/place/")
    page.get_by_role("searchbox").fill("nothing has this in its name")
    expect(page.get_by_text("No room has that in its name.")).to_be_visible()


def _refused_sign_in(page: Page, _: Clerk) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("nothing")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def _refused_sign_up(page: Page, _: Clerk) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill("alice")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    expect(page.locator(".field__error").first).to_be_visible()


STATES = [
    State("the first page", _go("/")),
    State("the first page of a user", _go("/"), "alice"),
    State("a namespace", _go("/place/")),
    State("a namespace that asks for a sign-in", _go("/annex/")),
    State("the menu of namespaces", _menu),
    State("a search without a find", _searched),
    State("a room that is joined", _joined),
    State("a room that one moderates", lambda page, _: enter(page, "/place/court/"), "mod"),
    State("a room offline", _offline),
    State("a room that waits for the server", _reconnecting),
    State("a password that is asked for", _dialog("vault")),
    State("a wrong password", _wrong("vault", "The room's password")),
    State("too many passwords", _throttled),
    State("an invitation that is asked for", _dialog("ticketed")),
    State("an invitation that does not hold", _wrong("ticketed", "Your invitation")),
    State("a sign-in that is asked for", _dialog("club")),
    State("a room that is not there", _denied("nowhere", "There is no such room here")),
    State("a room for its members", _denied("crew", "You are not in crew"), "alice"),
    State("a closed room", _denied("shut", "shut is closed right now")),
    State("an eviction", _evicted),
    State("a toast", _toast),
    State("the switcher", _pressed("Control+k", "dialog")),
    State("the help", _pressed("?", "dialog")),
    State("the sign-in", _go("/accounts/login/")),
    State("a sign-in that is refused", _refused_sign_in),
    State("the sign-up", _go("/accounts/signup/")),
    State("a sign-up that is refused", _refused_sign_up),
    State("a page that is not there", _go("/nothing-here/")),
]
