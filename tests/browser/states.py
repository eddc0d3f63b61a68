"""The states of the pages, each as a person comes to it: for what must hold in all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.parts import chip, emit, enter, log, notice, say
from tests.helpers.live_server import Clerk

Reach = Callable[[Page, Clerk], None]


@dataclass(frozen=True)
class State:
    """``reader`` is who is signed in, by name; None is a guest.

    ``again`` comes back to what the page closes when it gets another size.
    """

    name: str
    reach: Reach
    reader: str | None = None
    again: Reach | None = None


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


def _moderated_hall(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="assembly room")
    clerk.do("member", namespace="/place", room="assembly room", user="mod", role="moderator")
    enter(page, "/place/assembly%20room/")
    expect(page.get_by_role("button", name="Moderate")).to_be_visible()


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


def _moderated(page: Page, _: Clerk) -> None:
    # Its messages are somebody else's.
    enter(page, "/place/archive/")
    expect(page.get_by_role("button", name="Moderate")).to_be_visible()


def _open_menu_of_message(page: Page, _: Clerk) -> None:
    row = log(page).get_by_role("listitem").last
    row.hover()
    row.get_by_role("button").last.click()
    expect(page.get_by_role("menu")).to_be_visible()


def _open_menu_of_room(page: Page, _: Clerk) -> None:
    page.get_by_role("button", name="Moderate").click()
    expect(page.get_by_role("menu")).to_be_visible()


def _chosen(item: str) -> Reach:
    def reach(page: Page, clerk: Clerk) -> None:
        _moderated(page, clerk)
        _open_menu_of_message(page, clerk)
        page.get_by_role("menuitem", name=item).click()
        expect(page.get_by_role("dialog")).to_be_visible()

    return reach


def _invited(page: Page, clerk: Clerk) -> None:
    _moderated(page, clerk)
    page.get_by_role("button", name="Moderate").click()
    page.get_by_role("menuitem", name="Invite people…").click()
    page.get_by_role("dialog").get_by_label("How many links").fill("20")
    page.get_by_role("dialog").get_by_role("button", name="Make links").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(20)


def _sanctions(page: Page, clerk: Clerk) -> None:
    _moderated(page, clerk)
    for act in ("ban", "mute"):
        whom = {"room": "archive", "user": f"guest:{act}", "reason": "They know why."}
        assert emit(page, "/place", act, whom) == {"ok": True}
    page.get_by_role("button", name="Moderate").click()
    page.get_by_role("menuitem", name="Bans and mutes…").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(2)


def _conversation(name: str, *, is_blocked: bool = False, is_open: bool = True) -> Reach:
    def reach(page: Page, clerk: Clerk) -> None:
        key = clerk.do("user", name=name)
        page.goto("/place/")
        emit(page, "/place", "private", {"to": key, "text": "Shall we write here?"})
        if is_blocked:
            emit(page, "/place", "block", {"user": key})
        enter(page, f"/place/hall/#private={key}" if is_open else "/place/hall/#private")
        expect(page.locator("[data-part=private]")).to_contain_text(name)

    return reach


def _private_guest(page: Page, _: Clerk) -> None:
    enter(page, "/place/hall/#private=1")
    expect(page.locator("[data-part=private]")).to_contain_text("Sign in to write to")


def _muted(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="library")
    why = "Somebody else is reading here, and has asked for silence."
    clerk.do("mute user", namespace="/place", room="library", user="alice", reason=why)
    enter(page, "/place/library/")
    expect(page.get_by_text("You can read but not write here until")).to_contain_text(why)


def _terms(page: Page, clerk: Clerk) -> None:
    closes_at = "2999-12-31T22:00:00Z"
    clerk.do("room", namespace="/place", name="salon", slow_mode_s=30, closes_at=closes_at)
    enter(page, "/place/salon/")
    say(page, "this takes a while to be answered")
    expect(page.get_by_text("you can write again in").first).to_be_visible()
    expect(page.get_by_text("Open until").first).to_be_visible()


def _live_home(page: Page, _: Clerk) -> None:
    page.goto("/")
    expect(chip(page)).to_contain_text("Live")


def _lost_home(page: Page, clerk: Clerk) -> None:
    _live_home(page, clerk)
    page.context.set_offline(True)
    expect(chip(page)).to_contain_text("Offline")


def _refused(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="pulpit")
    enter(page, "/place/pulpit/")
    say(page, "this arrives")
    expect(log(page).locator("[data-state=sent]")).to_be_visible()
    # Said before the page could hear that it may not be said.
    page.context.set_offline(True)
    expect(chip(page)).to_contain_text("Offline")
    say(page, "this does not")
    clerk.do("change room", namespace="/place", name="pulpit", is_read_only=True)
    page.context.set_offline(False)
    expect(log(page).locator("[data-state=failed]")).to_be_visible()
    expect(page.get_by_text("Only moderators can write here.")).to_be_visible()


def _dashboard(page: Page, _: Clerk) -> None:
    page.goto("/place/nowhere/")
    expect(notice(page)).to_contain_text("There is no such room here")
    page.goto("/admin/rooms/dashboard/")
    page.locator("[data-panel=joins] tbody tr").first.wait_for()
    for folded in page.locator("main details, #content details").all():
        folded.evaluate("(element) => { element.open = true; }")


def _verdict(page: Page, _: Clerk) -> None:
    page.goto("/admin/rooms/room/check-access/?user=alice&place=/place/crew")
    page.get_by_role("button", name="Check access").click()
    expect(page.get_by_role("heading", name="Denied: not_a_member")).to_be_visible()


def _room_in_admin(page: Page, name: str) -> None:
    page.goto(f"/admin/rooms/room/?q={name}")
    page.get_by_role("link", name=name, exact=True).click()


def _impact(page: Page, clerk: Clerk) -> None:
    clerk.do("room", namespace="/place", name="parlour")
    guest = page.context.new_page()
    enter(guest, "/place/parlour/")
    _room_in_admin(page, "parlour")
    page.locator("#id_is_open").uncheck()
    page.locator("[name=_save]").first.click()
    expect(page.get_by_role("heading", name="This puts people out")).to_be_visible()
    guest.close()


def _inviting(page: Page, _: Clerk) -> None:
    _room_in_admin(page, "ticketed")
    page.get_by_role("link", name="Invite", exact=True).click()
    expect(page.get_by_role("button", name="Invite", exact=True)).to_be_visible()


def _banning(page: Page, _: Clerk) -> None:
    page.goto("/admin/rooms/ban/person/?user=bob&place=/place/hall")
    page.get_by_role("button", name="Show who would go").click()
    expect(page.get_by_role("heading", name="Who would go")).to_be_visible()


def _connection(page: Page, _: Clerk) -> None:
    guest = page.context.new_page()
    enter(guest, "/place/hall/")
    page.goto("/admin/rooms/connection/?q=hall")
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator(".rk-live")).to_be_visible()
    expect(page.locator("#seats-group")).to_contain_text("hall")
    guest.close()


def _faulty_room(page: Page, _: Clerk) -> None:
    page.goto("/admin/rooms/room/add/")
    page.locator("form").evaluate_all(
        "(forms) => forms.forEach((each) => { each.noValidate = true; })"
    )
    page.get_by_text("Add another Membership").click()
    page.locator("[name=_save]").first.click()
    expect(page.locator(".errornote")).to_be_visible()


def _invitations_made(page: Page, clerk: Clerk) -> None:
    _inviting(page, clerk)
    page.get_by_label("How many:").fill("3")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_label("One link a line")).to_be_visible()


def _refused_invitations(page: Page, clerk: Clerk) -> None:
    _inviting(page, clerk)
    page.get_by_label("How many:").fill("0")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator(".errorlist").first).to_be_visible()


def _appointing(page: Page, _: Clerk) -> None:
    _room_in_admin(page, "ticketed")
    page.get_by_role("link", name="Appoint", exact=True).click()
    expect(page.get_by_role("button", name="Appoint")).to_be_visible()


def _banned(page: Page, clerk: Clerk) -> None:
    clerk.do("user", name="brawler")
    page.goto("/admin/rooms/ban/person/?user=brawler&place=/place/hall")
    page.get_by_role("button", name="Show who would go").click()
    page.get_by_role("button", name="Ban", exact=True).click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def _refused_ban(page: Page, _: Clerk) -> None:
    page.goto("/admin/rooms/ban/person/")
    page.get_by_role("button", name="Show who would go").click()
    expect(page.locator(".errorlist").first).to_be_visible()


def _acted_on(action: str) -> Reach:
    def reach(page: Page, _: Clerk) -> None:
        page.goto("/admin/rooms/room/?q=hall")
        page.locator("#result_list tbody input[type=checkbox]").first.check()
        page.locator("select[name=action]").first.select_option(action)
        page.locator(".actions button").first.click()
        expect(page.get_by_role("link", name="Back")).to_be_visible()

    return reach


def _console(page: Page, _: Clerk) -> None:
    page.goto("/console/?namespace=/place")
    page.get_by_role("button", name="Another connection").click()
    for place, door in enumerate(("socketio-both", "plain")):
        panel = page.locator("[data-part=panel]").nth(place)
        panel.get_by_label("Door").select_option(door)
        panel.get_by_role("button", name="Connect", exact=True).click()
        panel.get_by_label("Event", exact=True).select_option("joinRoom")
        panel.get_by_role("button", name="Emit").click()
        expect(panel.get_by_text("This is required.").first).to_be_visible()
        fields = panel.locator("[data-part=fields]")
        fields.get_by_label("room", exact=True).fill("hall" if door == "plain" else "nowhere")
        panel.get_by_role("button", name="Emit").click()
        expect(panel.locator("[data-part=answer]")).to_be_visible()
    for folded in page.locator(".panel__more").all():
        folded.evaluate("(element) => { element.open = true; }")


def _asked_in_console(page: Page, _: Clerk) -> None:
    def ask(socket: WebSocketRoute) -> None:
        socket.send('{"connect": {"sid": "s", "namespace": "/place"}}')
        socket.send('{"event": "ask", "args": ["how many?"], "id": 7}')

    page.route_web_socket("**/ws/place/*", ask)
    page.goto("/console/?namespace=/place")
    page.get_by_label("Door").select_option("plain")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("button", name="Answer")).to_be_visible()


STATES = [
    State("the first page", _live_home),
    State("the first page offline", _lost_home),
    State("the first page of a user", _go("/"), "alice"),
    State("a namespace", _go("/place/")),
    State("a namespace that asks for a sign-in", _go("/annex/")),
    State("the menu of namespaces", _menu),
    State("a search without a find", _searched),
    State("a room that is joined", _joined),
    State("a room that one moderates", lambda page, _: enter(page, "/place/court/"), "mod"),
    State("a room with a longer name that one moderates", _moderated_hall, "mod"),
    State("the menu of a message", _moderated, "mod", _open_menu_of_message),
    State("the menu of a room", _moderated, "mod", _open_menu_of_room),
    State("a ban that is asked about", _chosen("Ban…"), "mod"),
    State("a removal that is asked about", _chosen("Remove message…"), "mod"),
    State("invitations that are made", _invited, "mod"),
    State("bans and mutes", _sanctions, "mod"),
    State("a private conversation", _conversation("pen"), "alice"),
    State("a blocked user", _conversation("pest", is_blocked=True), "alice"),
    State("private conversations", _conversation("pal", is_open=False), "alice"),
    State("a private conversation of a guest", _private_guest),
    State("a mute", _muted, "alice"),
    State("a message that is refused", _refused),
    State("slow mode and a closing time", _terms),
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
    State("the admin", _go("/admin/"), "admin"),
    State("the admin of the rooms", _go("/admin/rooms/"), "admin"),
    State("the dashboard", _dashboard, "admin"),
    State("live connections", _go("/admin/rooms/connection/"), "admin"),
    State("live connections of nobody", _go("/admin/rooms/connection/?q=nobody"), "admin"),
    State("the check of access", _go("/admin/rooms/room/check-access/"), "admin"),
    State("a verdict", _verdict, "admin"),
    State("an impact", _impact, "admin"),
    State("an invitation that is made in the admin", _inviting, "admin"),
    State("invitations that were made in the admin", _invitations_made, "admin"),
    State("invitations that are refused", _refused_invitations, "admin"),
    State("an appointment", _appointing, "admin"),
    State("a ban in the admin", _banning, "admin"),
    State("a ban that is refused", _refused_ban, "admin"),
    State("a ban that can be undone", _banned, "admin"),
    State("the page of a connection", _connection, "admin"),
    State("a room that is made", _go("/admin/rooms/room/add/"), "admin"),
    State("a room that is refused", _faulty_room, "admin"),
    State("a namespace that is made", _go("/admin/rooms/namespace/add/"), "admin"),
    State("a rule that is made", _go("/admin/rooms/accessrule/add/"), "admin"),
    State("a mute that is made", _go("/admin/rooms/mute/add/"), "admin"),
    State("a membership that is made", _go("/admin/rooms/membership/add/"), "admin"),
    State("the rooms in the admin", _go("/admin/rooms/room/"), "admin"),
    State("decision records", _go("/admin/rooms/decisionrecord/"), "admin"),
    State("an eviction of all that is asked about", _acted_on("evict_all"), "admin"),
    State("an announcement", _acted_on("announce"), "admin"),
    State("the console", _go("/console/"), "admin"),
    State("the console over both doors", _console, "admin"),
    State("the console that is asked", _asked_in_console, "admin"),
    State("a page that is not there", _go("/nothing-here/")),
]
