"""The first page is live: counts, locks, rooms that come and go; nothing that is not for all."""

import re

from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, Locator, Page, WebSocket, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.parts import chip_words, enter
from tests.browser.site import Site
from tests.helpers.live_server import Clerk


def section(page: Page, path: str) -> Locator:
    """A namespace of the first page."""
    return page.locator(f"[data-namespace='{path}']")


def row(page: Page, path: str, name: str) -> Locator:
    """A room of the first page."""
    return section(page, path).locator(f"[data-key='{name}']")


def open_home(page: Page, path: str) -> None:
    """Open the first page and look at one namespace, until the page hears of changes."""
    page.goto("/")
    section(page, path).scroll_into_view_if_needed()
    expect(chip_words(page)).to_have_text("Live")


def hall(clerk: Clerk, path: str, *rooms: str) -> None:
    """Make a namespace with rooms of its own, so that no other test is seen in it."""
    clerk.do("namespace", path=path, title=path.strip("/").title())
    for name in rooms:
        clerk.do("room", namespace=path, name=name)


def test_counts_and_locks_are_live_for_a_visitor_who_is_not_signed_in(
    page: Page, alice: Page, clerk: Clerk
) -> None:
    hall(clerk, "/lively", "pond")
    open_home(page, "/lively")
    pond = row(page, "/lively", "pond")
    expect(pond).to_contain_text("0 people")
    before = pond.bounding_box()
    enter(alice, "/lively/pond/")
    expect(pond).to_contain_text("1 person")
    clerk.do("change room", namespace="/lively", name="pond", access="members")
    expect(pond).to_contain_text("Sign in to join")
    expect(pond).to_have_class(re.compile("room-row--locked"))
    expect(pond.locator("use").first).to_have_attribute("href", "#icon-access-members")
    clerk.do("change room", namespace="/lively", name="pond", is_open=False)
    expect(pond).to_contain_text("Closed")
    assert pond.bounding_box() == before


def test_rooms_come_and_go_where_the_list_has_them_and_links_lead_in(
    page: Page, clerk: Clerk
) -> None:
    hall(clerk, "/comings", "b")
    open_home(page, "/comings")
    clerk.do("room", namespace="/comings", name="a & b/c", title="<b>new</b>")
    names = section(page, "/comings").locator("[data-part=name]")
    expect(names).to_have_text(["a & b/c", "b"])
    expect(row(page, "/comings", "a & b/c")).to_contain_text("<b>new</b>")
    clerk.do("change room", namespace="/comings", name="b", is_listed=False)
    expect(names).to_have_text(["a & b/c"])
    names.first.click()
    expect(page.get_by_role("heading", name="a & b/c", exact=True)).to_be_visible()


def test_the_first_page_tells_each_visitor_of_their_rooms_only(
    page: Page, alice: Page, clerk: Clerk
) -> None:
    hall(clerk, "/private-party", "cellar", "stairs")
    clerk.do("change room", namespace="/private-party", name="cellar", is_listed=False)
    clerk.do("member", namespace="/private-party", room="cellar", user="alice", role="member")
    frames: list[str] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))),
    )
    open_home(page, "/private-party")
    open_home(alice, "/private-party")
    expect(row(alice, "/private-party", "cellar")).to_contain_text("0 people")
    guest = alice.context.new_page()
    enter(guest, "/private-party/cellar/")
    expect(row(alice, "/private-party", "cellar")).to_contain_text("1 person")
    # What comes later is here: so what came before would be.
    clerk.do("change room", namespace="/private-party", name="stairs", title="Later")
    expect(row(page, "/private-party", "stairs")).to_contain_text("Later")
    assert frames
    assert not any("cellar" in frame for frame in frames)
    guest.close()


def test_only_the_first_rooms_are_shown_and_others_move_up(page: Page, clerk: Clerk) -> None:
    hall(clerk, "/crowded", *(f"room {number:02}" for number in range(1, 14)))
    open_home(page, "/crowded")
    names = section(page, "/crowded").locator("[data-part=name]")
    expect(names).to_have_count(12)
    expect(section(page, "/crowded").get_by_role("link", name="All rooms")).to_be_visible()
    clerk.do("change room", namespace="/crowded", name="room 13", title="Behind")
    clerk.do("change room", namespace="/crowded", name="room 02", is_listed=False)
    expect(names).to_have_count(12)
    expect(row(page, "/crowded", "room 13")).to_contain_text("Behind")
    expect(section(page, "/crowded").get_by_role("link", name="All rooms")).to_be_hidden()


def test_under_the_pointer_no_room_moves(page: Page, clerk: Clerk) -> None:
    hall(clerk, "/pointed", "m")
    open_home(page, "/pointed")
    row(page, "/pointed", "m").hover()
    first = section(page, "/pointed").locator("li").first
    clerk.do("room", namespace="/pointed", name="a")
    clerk.do("change room", namespace="/pointed", name="m", title="Told meanwhile")
    expect(row(page, "/pointed", "m")).to_contain_text("Told meanwhile")
    expect(first).to_contain_text("m")
    expect(row(page, "/pointed", "a")).to_have_count(0)
    page.mouse.move(0, 0)
    expect(first).to_contain_text("a")


def test_a_namespace_that_closes_goes_and_comes_back(page: Page, clerk: Clerk) -> None:
    hall(clerk, "/tide", "rock")
    page.clock.install()
    open_home(page, "/tide")
    expect(row(page, "/tide", "rock")).to_contain_text("0 people")
    turn_key(clerk, is_open=False)
    expect(section(page, "/tide")).to_be_hidden()
    assert section(page, "/tide").locator("li").count() == 0
    turn_key(clerk, is_open=True)
    # It is asked again every 15 s; a server that is busy may hear of the key after the first time.
    for _ in range(4):
        page.clock.fast_forward(16_000)
        if appears(row(page, "/tide", "rock"), within_ms=3_000):
            break
    expect(row(page, "/tide", "rock")).to_be_visible()


def appears(locator: Locator, *, within_ms: float) -> bool:
    try:
        locator.wait_for(timeout=within_ms)
    except PlaywrightTimeout:
        return False
    return True


def turn_key(clerk: Clerk, *, is_open: bool) -> None:
    code = "row = Namespace.objects.get(path='/tide'); row.is_open = is_open; row.save()"
    clerk.do("shell", code=code, is_open=is_open)


def test_a_hidden_page_rests_and_reads_again_when_it_is_seen(page: Page, clerk: Clerk) -> None:
    hall(clerk, "/sleepy", "bed")
    page.clock.install()
    open_home(page, "/sleepy")
    expect(row(page, "/sleepy", "bed")).to_contain_text("0 people")
    ended: list[WebSocket] = []

    def watch(socket: WebSocket) -> None:
        socket.on("close", lambda one: ended.append(one))  # noqa: PLW0108 -- it is marked

    page.on("websocket", watch)
    page.reload()
    section(page, "/sleepy").scroll_into_view_if_needed()
    expect(chip_words(page)).to_have_text("Live")
    turn(page, "hidden")
    page.clock.fast_forward(9_000)
    turn(page, "visible")
    page.clock.fast_forward(9_000)
    assert ended == []
    turn(page, "hidden")
    page.clock.fast_forward(11_000)
    clerk.do("change room", namespace="/sleepy", name="bed", title="Changed meanwhile")
    turn(page, "visible")
    expect(row(page, "/sleepy", "bed")).to_contain_text("Changed meanwhile")
    assert len(ended) == 1


def turn(page: Page, state: str) -> None:
    """Let the page be seen or not, as another tab in front of it does."""
    page.evaluate(
        """(value) => {
          Object.defineProperty(document, "visibilityState", { value, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_a_page_whose_person_has_gone_is_made_anew(dora: Page, clerk: Clerk) -> None:
    hall(clerk, "/turns", "door")
    clerk.do("change room", namespace="/turns", name="door", access="members")
    open_home(dora, "/turns")
    other = dora.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    expect(dora.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    expect(row(dora, "/turns", "door")).to_contain_text("Sign in to join")
    other.close()


def test_a_page_whose_session_has_ended_says_so_and_asks_no_more(
    browser: Browser, site: Site, clerk: Clerk
) -> None:
    hall(clerk, "/ended", "end")
    context = browser.new_context(base_url=site.url, locale="en-GB")
    key = clerk.do("sign in", name="of an ended session")
    context.add_cookies([SetCookieParam(name="sessionid", value=key, url=site.url)])
    page = context.new_page()
    open_home(page, "/ended")
    clerk.do("shell", code="Session.objects.get(pk=key).delete()", key=key)
    expect(chip_words(page)).to_have_text("Signed out")
    page.get_by_role("link", name="Load the page again").click()
    expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    expect(chip_words(page)).to_have_text("Live")
    context.close()


def test_a_server_that_comes_back_is_heard_again(page: Page, site: Site, clerk: Clerk) -> None:
    hall(clerk, "/shaky", "bridge")
    open_home(page, "/shaky")
    site.kill()
    expect(chip_words(page)).to_have_text("Reconnecting")
    clerk.do("change room", namespace="/shaky", name="bridge", title="Mended meanwhile")
    site.start()
    expect(row(page, "/shaky", "bridge")).to_contain_text("Mended meanwhile", timeout=30_000)
    expect(chip_words(page)).to_have_text("Live")
