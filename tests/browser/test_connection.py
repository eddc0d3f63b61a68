"""The page knows how its connection is, says so, and puts right what was lost meanwhile."""

import json

from playwright.sync_api import Page, WebSocket, WebSocketRoute, expect

from tests.browser.parts import chip, chip_words, enter, field, log, message, say
from tests.browser.site import Site

SLEEP = """(nap_ms) => {
  const now = Date.now;
  Date.now = () => now.call(Date) + nap_ms;
}"""
# Shorter than what the protocol allows between two packets, and longer than any tick is late.
NAP_MS = 20_000


def test_a_network_without_web_sockets_is_shown_as_polling(page: Page, alice: Page) -> None:
    page.route_web_socket("**/socket.io/**", lambda socket: socket.close())
    enter(page, "/place/tunnel/")
    expect(chip(page)).to_contain_text("Live, by polling")
    enter(alice, "/place/tunnel/")
    expect(chip_words(alice)).to_have_text("Live")
    say(page, "by the long way round")
    expect(log(alice)).to_contain_text("by the long way round")
    say(alice, "and at once")
    expect(log(page)).to_contain_text("and at once")


def test_the_way_back_is_counted_down_and_can_be_hurried(site: Site, page: Page) -> None:
    enter(page, "/place/tunnel/")
    site.kill()
    expect(chip(page)).to_contain_text("Reconnecting in")
    # The waits grow; in the third there is time to look at it.
    for _ in range(2):
        page.get_by_role("button", name="Try now").click()
        expect(chip(page)).to_contain_text("Reconnecting in")
    expect(chip(page)).to_contain_text("in 2 s")
    expect(chip(page)).to_contain_text("in 1 s")
    site.start()
    expect(chip(page)).to_contain_text("Live", timeout=25_000)


def test_a_browser_that_goes_offline_says_so_and_keeps_what_is_typed(page: Page) -> None:
    enter(page, "/place/tunnel/")
    field(page).fill("not lost")
    page.context.set_offline(True)
    expect(chip(page)).to_contain_text("Offline")
    expect(field(page)).to_be_enabled()
    field(page).press_sequentially(" at all")
    page.context.set_offline(False)
    expect(chip(page)).to_contain_text("Live")
    expect(field(page)).to_have_value("not lost at all")


def test_a_laptop_that_wakes_up_does_not_trust_a_silent_connection(site: Site, page: Page) -> None:
    enter(page, "/place/tunnel/")
    field(page).fill("typed before the nap")
    site.freeze()
    try:
        page.evaluate(SLEEP, NAP_MS)
        expect(chip(page)).to_contain_text("Reconnecting")
    finally:
        site.thaw()
    expect(chip_words(page)).to_have_text("Live", timeout=25_000)
    expect(field(page)).to_have_value("typed before the nap")
    say(page, "awake again")
    expect(message(page, "awake again")).to_have_attribute("data-state", "sent")


def test_a_laptop_that_wakes_up_leaves_a_good_connection_alone(page: Page) -> None:
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 -- it marks it
    enter(page, "/place/tunnel/")
    page.evaluate(
        """() => {
          window.phases = [];
          const chip = document.querySelector("[data-part=chip]");
          new MutationObserver(() => window.phases.push(chip.dataset.phase))
            .observe(chip, { attributeFilter: ["data-phase"] });
        }"""
    )
    with sockets[-1].expect_event("framereceived", lambda frame: '"rooms":' in str(frame)):
        page.evaluate(SLEEP, NAP_MS)
    assert page.evaluate("window.phases") == []


def test_another_network_makes_the_page_ask_whether_the_server_is_there(
    site: Site, page: Page
) -> None:
    enter(page, "/place/tunnel/")
    site.freeze()
    try:
        page.evaluate("navigator.connection.dispatchEvent(new Event('change'))")
        expect(chip(page)).to_contain_text("Reconnecting")
    finally:
        site.thaw()
    expect(chip_words(page)).to_have_text("Live", timeout=25_000)


def test_a_slow_network_is_slow_and_nothing_else(page: Page) -> None:
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    conditions = {"offline": False, "latency": 300, "downloadThroughput": 50_000}
    network.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": 20_000})
    enter(page, "/place/tunnel/")
    say(page, "slowly, slowly")
    expect(message(page, "slowly, slowly")).to_have_attribute("data-state", "sent")


def test_what_is_not_kept_any_more_leaves_a_marked_gap(alice: Page, bob: Page) -> None:
    enter(alice, "/place/brief/")
    enter(bob, "/place/brief/")
    say(bob, "the last that alice hears")
    expect(log(alice)).to_contain_text("the last that alice hears")
    alice.context.set_offline(True)
    expect(chip(alice)).to_contain_text("Offline")
    for number in range(6):
        say(bob, f"while away {number}")
        expect(message(bob, f"while away {number}")).to_have_attribute("data-state", "sent")
    alice.context.set_offline(False)
    expect(log(alice)).to_contain_text("while away 5")
    expect(log(alice)).to_contain_text("3 messages are not kept any more.")
    expect(log(alice)).not_to_contain_text("while away 2")


def test_messages_that_the_server_missed_to_deliver_are_read(alice: Page, bob: Page) -> None:
    lost: list[str] = []
    sockets: list[WebSocketRoute] = []

    def carry(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        sockets.append(route)

        def down(packet: str | bytes) -> None:
            if isinstance(packet, str) and "lost on the way" in packet and packet.startswith("42"):
                lost.append(packet)
            else:
                route.send(packet)

        server.on_message(down)

    alice.route_web_socket("**/socket.io/**", carry)
    enter(alice, "/place/tunnel/")
    expect(chip_words(alice)).to_have_text("Live")
    enter(bob, "/place/tunnel/")
    say(bob, "lost on the way")
    expect(message(bob, "lost on the way")).to_have_attribute("data-state", "sent")
    expect(log(alice)).not_to_contain_text("lost on the way")
    assert lost
    news = json.dumps(["missed", {"room": "tunnel"}])
    sockets[-1].send(f"42/place,{news}")
    expect(log(alice)).to_contain_text("lost on the way")
