"""The developer's console speaks to a namespace over both doors, and shows every packet."""

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

# A server that asks: whatever a namespace of somebody's own may do.
ASKS_PLAIN = [
    {"connect": {"sid": "s", "namespace": "/place"}},
    {"event": "ask", "args": ["how many?", {"most": 3}], "id": 7},
    {"event": "ask again", "id": 8},
]
ASKS_SOCKETIO = [
    '40/place,{"sid":"s"}',
    '42/place,7["ask","how many?",{"most":3}]',
    '42/place,8["ask again"]',
]
DOORS = ("socketio-both", "socketio-websocket", "socketio-polling", "plain")


def open_console(page: Page, namespace: str = "/place") -> Locator:
    page.goto(f"/console/?namespace={namespace}")
    return page.get_by_role("region", name="1.")


def connect(panel: Locator, door: str) -> None:
    panel.get_by_label("Door").select_option(door)
    panel.get_by_role("button", name="Connect", exact=True).click()
    expect(panel.get_by_text("Connected", exact=True)).to_be_visible()


def choose(panel: Locator, event: str) -> None:
    panel.get_by_label("Event", exact=True).select_option(event)


def fill(panel: Locator, **fields: str) -> None:
    for name, value in fields.items():
        panel.locator("[data-part=fields]").get_by_label(name, exact=True).fill(value)


def emit(panel: Locator) -> None:
    panel.get_by_role("button", name="Emit").click()


def answer(panel: Locator) -> Any:
    return json.loads(panel.locator("[data-part=answer-json]").inner_text())


def packet(panel: Locator, direction: str, kind: str, name: str = "") -> Locator:
    rows = panel.locator(f".packet[data-direction={direction}][data-kind={kind}]")
    return rows.filter(has_text=name)


@pytest.mark.parametrize("door", DOORS)
def test_an_event_is_emitted_and_its_ack_and_packets_are_seen(staff: Page, door: str) -> None:
    panel = open_console(staff)
    connect(panel, door)
    expect(panel.get_by_text("The server asks")).to_be_hidden()
    choose(panel, "joinRoom")
    expect(panel).to_contain_text("Join a room, or hear why not.")
    fill(panel, room="hall")
    emit(panel)
    expect(panel).to_contain_text("Answered after")
    assert answer(panel)["room"] == "hall"
    expect(packet(panel, "out", "event", "joinRoom")).to_have_count(1)
    expect(packet(panel, "in", "event", "newUser")).to_have_count(1)
    expect(packet(panel, "in", "ack")).to_have_count(1)
    packet(panel, "in", "event", "newUser").locator("summary").click()
    expect(packet(panel, "in", "event", "newUser").locator("pre")).to_contain_text('"members"')
    expect(panel).to_contain_text(" ms")
    carried = "polling" if door == "socketio-polling" else "websocket"
    expect(panel.get_by_text(f"by {carried}")).to_be_visible()
    panel.get_by_role("button", name="Disconnect").click()
    expect(panel.locator("[data-part=chip-text]")).to_have_text("Closed")


def test_a_denial_and_a_wrong_field_are_said_in_place(staff: Page) -> None:
    panel = open_console(staff)
    connect(panel, "plain")
    choose(panel, "message")
    emit(panel)
    room = panel.locator("[data-part=fields]").get_by_label("room", exact=True)
    expect(room).to_be_focused()
    expect(room).to_have_attribute("aria-invalid", "true")
    expect(panel.get_by_text("This is required.").first).to_be_visible()
    expect(packet(panel, "out", "event")).to_have_count(0)
    fill(panel, room="hall", text="hello")
    emit(panel)
    expect(panel).to_contain_text("not_joined")
    assert answer(panel)["code"] == "not_joined"


def test_raw_json_takes_any_event(staff: Page) -> None:
    panel = open_console(staff, "/")
    connect(panel, "socketio-websocket")
    choose(panel, "echo")
    panel.get_by_label("Raw JSON").check()
    raw = panel.get_by_label("Arguments, as a JSON array", exact=True)
    raw.fill('{"not": "an array"')
    emit(panel)
    expect(panel.get_by_text("This is no JSON array of arguments")).to_be_visible()
    expect(raw).to_be_focused()
    raw.fill('["<img src=x onerror=alert(1)>", {"deep": [1, null]}]')
    emit(panel)
    expect(panel).to_contain_text("Answered after")
    assert answer(panel) == ["<img src=x onerror=alert(1)>", {"deep": [1, None]}]
    assert staff.locator("img[src=x]").count() == 0
    panel.get_by_label("Event", exact=True).select_option("")
    panel.get_by_label("Its name").fill("no such event")
    panel.get_by_label("Arguments, as a JSON array", exact=True).fill("[]")
    emit(panel)
    expect(panel).to_contain_text("unknown_event")


def test_a_refused_connection_says_why(staff: Page) -> None:
    panel = open_console(staff, "/nowhere")
    for door in DOORS:
        panel.get_by_label("Door").select_option(door)
        panel.get_by_role("button", name="Connect", exact=True).click()
        expect(panel.get_by_role("alert")).to_contain_text("Invalid namespace")
        expect(panel.get_by_role("button", name="Emit")).to_be_disabled()
    panel.get_by_label("Namespace").fill("/place")
    panel.get_by_text("Credentials").click()
    panel.get_by_label("Ticket").fill("forged")
    for door in ("socketio-websocket", "plain"):
        panel.get_by_label("Door").select_option(door)
        panel.get_by_role("button", name="Connect", exact=True).click()
        expect(panel.get_by_role("alert")).to_contain_text("invalid_ticket")


def test_a_ticket_is_drawn_and_used_and_left_out_of_what_is_copied(staff: Page) -> None:
    panel = open_console(staff)
    panel.get_by_text("Credentials").click()
    panel.get_by_role("button", name="Draw one").click()
    ticket = panel.get_by_label("Ticket")
    expect(ticket).not_to_have_value("")
    drawn = ticket.input_value()
    connect(panel, "plain")
    choose(panel, "leaveRoom")
    panel.locator("[data-part=fields]").get_by_label("request").select_option(label="as a text")
    panel.locator("[data-part=fields]").get_by_role("textbox").fill("hall")
    emit(panel)
    panel.get_by_text("As JavaScript").click()
    snippet = panel.locator("[data-part=snippet]")
    expect(snippet).to_contain_text("new WebSocket(")
    expect(snippet).to_contain_text('"event":"leaveRoom","args":["hall"]')
    assert drawn not in snippet.inner_text()


def test_several_connections_stand_side_by_side(staff: Page) -> None:
    first = open_console(staff)
    staff.get_by_role("button", name="Another connection").click()
    second = staff.get_by_role("region", name="2.")
    expect(second.get_by_label("Namespace")).to_be_focused()
    connect(first, "socketio-both")
    connect(second, "plain")
    for panel in (first, second):
        choose(panel, "joinRoom")
        fill(panel, room="hall")
        emit(panel)
        expect(panel).to_contain_text("Answered after")
    choose(first, "message")
    fill(first, room="hall", text="over there")
    emit(first)
    expect(packet(second, "in", "event", "over there")).to_have_count(1)
    second.get_by_role("button", name="Remove this connection").click()
    expect(second).to_have_count(0)
    expect(staff.get_by_role("button", name="Another connection")).to_be_focused()


def test_packets_are_filtered_paused_and_cleared(staff: Page) -> None:
    panel = open_console(staff)
    connect(panel, "plain")
    expect(packet(panel, "in", "event", "identity")).to_be_visible()
    expect(packet(panel, "in", "pong")).to_be_hidden()
    panel.get_by_label("Which packets").select_option("all")
    expect(packet(panel, "in", "pong").first).to_be_visible()
    panel.get_by_label("Filter the packets by text").fill("identity")
    expect(packet(panel, "in", "event", "identity")).to_be_visible()
    expect(packet(panel, "in", "connect")).to_be_hidden()
    panel.get_by_label("Filter the packets by text").fill("")
    pause = panel.get_by_role("button", name="Pause")
    pause.click()
    panel.get_by_role("button", name="Clear").click()
    panel.get_by_role("button", name="Ping").click()
    expect(panel.get_by_text("2 while paused")).to_be_visible()
    expect(panel.locator(".packet")).to_have_count(0)
    pause.click()
    expect(panel.locator(".packet")).to_have_count(2)


def test_the_keyboard_alone_suffices(staff: Page) -> None:
    panel = open_console(staff, "/")
    panel.get_by_label("Namespace").focus()
    staff.keyboard.press("Enter")
    expect(panel.get_by_text("Connected", exact=True)).to_be_visible()
    choose(panel, "rooms")
    panel.get_by_label("Event", exact=True).focus()
    for _ in range(20):
        if staff.evaluate("document.activeElement?.dataset.part") == "send":
            break
        staff.keyboard.press("Tab")
    staff.keyboard.press("Enter")
    expect(panel).to_contain_text("Answered after")


def test_it_is_hidden_from_others(alice: Page, page: Page) -> None:
    response = alice.request.get("/console/")
    assert response.status == 404
    page.goto("/console/")
    expect(page.get_by_role("button", name="Sign in").first).to_be_visible()


@pytest.mark.parametrize("door", ["plain", "socketio-websocket"])
def test_what_the_server_asks_is_answered_by_hand(staff: Page, door: str) -> None:
    answers: list[str] = []

    def hear(socket: WebSocketRoute, words: str | bytes) -> None:
        words = str(words)
        if words.startswith("40/place,"):
            for packet_ in ASKS_SOCKETIO:
                socket.send(packet_)
        elif "ack" in words or words.startswith("43"):
            answers.append(words)

    def ask(socket: WebSocketRoute) -> None:
        socket.on_message(lambda words: hear(socket, words))
        if door == "plain":
            for frame in ASKS_PLAIN:
                socket.send(json.dumps(frame))
        else:
            socket.send('0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000}')

    staff.route_web_socket("**/ws/place/*" if door == "plain" else "**/socket.io/*", ask)
    panel = open_console(staff)
    connect(panel, door)
    asked = panel.locator("[data-part=questions] form")
    expect(asked).to_have_count(2)
    expect(asked.first).to_contain_text("ask waits for an answer")
    expect(asked.first).to_contain_text('"most": 3')
    field = asked.first.get_by_label("The answer, as a JSON array")
    field.fill("3")
    asked.first.get_by_role("button", name="Answer").click()
    expect(asked.first).to_contain_text("This is no JSON array of arguments")
    expect(field).to_be_focused()
    field.fill('[3, "of them"]')
    asked.first.get_by_role("button", name="Answer").click()
    expect(asked).to_have_count(1)
    expect(packet(panel, "out", "ack")).to_have_count(1)
    expect(asked.get_by_label("The answer, as a JSON array")).to_be_focused()
    told = {
        "plain": '{"ack":7,"args":[3,"of them"]}',
        "socketio-websocket": '43/place,7[3,"of them"]',
    }
    assert answers == [told[door]]
    panel.get_by_role("button", name="Disconnect").click()
    expect(asked).to_have_count(0)
