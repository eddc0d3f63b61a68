"""What operators see of a process, on each server: metrics, and logs without secrets."""

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import (
    Caller,
    Client,
    ConnectRefusedError,
    PlainClient,
    PythonClient,
)
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.waiting import until

SERVERS = ("daphne", "uvicorn", "granian")
NAMESPACE = "/live"
ROOM = "a quiet room"
TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module", params=SERVERS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    name = request.param
    server = LiveServer(
        tmp_path_factory.mktemp(name),
        command=["serve", "--server", name, "--host", "127.0.0.1", "--port", "{port}"],
        environment={
            "SECRET_KEY": "a-key-of-the-tests",
            "ALLOWED_HOSTS": "127.0.0.1",
            "REALTIME_METRICS_TOKEN": TOKEN,
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "debug",
        },
    )
    server.manage("migrate", "--verbosity", "0")
    server.start()
    yield server
    server.stop()
    assert server.trouble() == []


async def test_the_metrics_tell_of_each_door(served: LiveServer) -> None:
    clients = [
        await PlainClient.connect(Caller(served.url, "/")),
        await PythonClient.connect(Caller(served.url, "/", transports=["polling"])),
    ]
    for client in clients:
        assert await client.ask("echo", "x") == "x"
    browser = Browser(served.url)
    assert browser.get("/metrics").status == 403
    answer = browser.get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    found = {
        (sample.name, sample.labels.get("door"), sample.labels.get("transport")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["roomkey_sockets", "plain", "websocket"] == 1
    assert found["roomkey_sockets", "socket.io", "polling"] == 1
    assert found["roomkey_process_resident_memory_bytes", None, None] > 1_000_000
    for client in clients:
        await client.close()


class Secrets:
    """What nobody may find in a log: each has a word of its own, easily found."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def new(self, what: str) -> str:
        """Make one up."""
        return self.keep(what, f"canary{secrets.token_hex(8)}")

    def keep(self, what: str, value: str) -> str:
        """Keep one that the site made up."""
        assert len(value) > 12, (what, value)
        self.known[f"{what} {len(self.known)}"] = value
        return value

    def found_in(self, log: str) -> list[str]:
        """Return which of them a log holds."""
        return [what for what, value in self.known.items() if value in log]


async def _talk(client: Client, kept: Secrets, password: str, invitation: str) -> None:
    """Do much that could be logged: right and wrong, with secrets in every place."""
    await client.hear("welcome")
    identity = await client.hear_one("identity")
    if "guest" in identity:
        kept.keep("guest token", identity["guest"])
    wrong = {"room": ROOM, "password": kept.new("wrong password")}
    assert (await client.ask("joinRoom", wrong))["code"] == "wrong_password"
    bad = {"room": "club", "invitation": kept.new("made up invitation")}
    assert (await client.ask("joinRoom", bad))["code"] == "invalid_invitation"
    pasted = f"https://rooms.example/live/club/?invite={kept.new('pasted invitation')}"
    assert (await client.ask("joinRoom", pasted))["code"] == "unknown_room"
    assert (await client.ask("joinRoom", {"room": "club", "invitation": invitation}))["ok"]
    assert (await client.ask("joinRoom", {"room": ROOM, "password": password}))["ok"]
    message = {"room": ROOM, "text": kept.new("text"), "data": {"key": kept.new("data")}}
    assert (await client.ask("message", message))["ok"]
    assert (await client.ask("message", {**message, "nonce": kept.new("nonce")}))["ok"]
    assert not (await client.ask("message", {"room": kept.new("room"), "text": "x"}))["ok"]
    assert (await client.ask("message", kept.new("text in a wrong place")))["code"] == "bad_request"
    assert (await client.ask("made up event", kept.new("argument")))["code"] == "unknown_event"
    assert (await client.ask("leaveRoom", ROOM))["ok"]
    await client.close()


async def _sign_in(url: str, kept: Secrets, name: str, password: str) -> Browser:
    browser = Browser(url)
    answer = browser.submit("/accounts/login/", username=name, password=password)
    assert answer.status == 302
    for cookie, value in browser.cookies.items():
        kept.keep(f"cookie {cookie}", value)
    return browser


def _draw_ticket(browser: Browser, kept: Secrets) -> str:
    answer = browser.post("/accounts/ticket/", {}, X_CSRFToken=browser.cookies["csrftoken"])
    return kept.keep("ticket", answer.json()["ticket"])


def _set_up(server: LiveServer, kept: Secrets) -> tuple[str, str, list[str]]:
    """Make a user, and rooms that ask for a password and for an invitation."""
    user_password, password = kept.new("user's password"), kept.new("room's password")
    email = kept.new("e-mail") + "@example.com"
    clerk = Clerk(server.environment)
    clerk.do("namespace", path=NAMESPACE, title="Live", welcome="Hi")
    for name in ("ann", "ben"):
        clerk.do("user", name=name, email=f"{name}{email}")
        clerk.do("change password", name=name, password=user_password)
    clerk.do("room", namespace=NAMESPACE, name=ROOM, access="password", password=password)
    clerk.do("room", namespace=NAMESPACE, name="club", access="invitation")
    invitations = [
        kept.keep("invitation", clerk.do("invitation", namespace=NAMESPACE, room="club"))
        for _ in range(4)
    ]
    clerk.stop()
    return user_password, password, invitations


async def test_no_log_line_holds_a_secret_and_each_has_its_ids(served: LiveServer) -> None:
    kept = Secrets()
    user_password, password, invitations = _set_up(served, kept)
    browser = await _sign_in(served.url, kept, "ann", user_password)
    failing = Browser(served.url)
    failing.submit("/accounts/login/", username="ann", password=kept.new("mistyped password"))
    by_cookie = Caller(served.url, NAMESPACE, {}, browser.cookie_header)
    other = await _sign_in(served.url, kept, "ben", user_password)
    by_ticket = Caller(served.url, NAMESPACE, {"ticket": _draw_ticket(other, kept)})
    as_guest = Caller(served.url, NAMESPACE, {"name": "Somebody"})
    polling = Caller(served.url, NAMESPACE, {}, transports=["polling"])
    await _talk(await PlainClient.connect(by_cookie), kept, password, invitations[0])
    # The query of a plain WebSocket holds the ticket, that of polling the session's sid.
    await _talk(await PlainClient.connect(by_ticket), kept, password, invitations[1])
    await _talk(await PythonClient.connect(as_guest), kept, password, invitations[2])
    polled = await PythonClient.connect(polling)
    kept.keep("sid", polled.engine_sid)
    await _talk(polled, kept, password, invitations[3])
    await _break_rules(served.url, kept)
    failing.get(f"/nowhere/?token={kept.new('query')}")
    failing.get("/metrics", Authorization=f"Bearer {kept.new('metrics token')}")
    log = await _log_with(served, "socket disconnected", 4)
    assert kept.found_in(log) == []
    assert TOKEN not in log
    records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    _check_ids(records)


async def _break_rules(url: str, kept: Secrets) -> None:
    """Send what cannot be read, from somewhere that may not come in, and with a wrong ticket."""
    plain = await PlainClient.connect(Caller(url, NAMESPACE))
    await plain.send_text('{"event": "' + kept.new("half a frame"))
    assert (await plain.next_other())["error"]["code"] == "bad_frame"
    await plain.close()
    for kind in (PlainClient, PythonClient):
        wrong = Caller(url, NAMESPACE, {"ticket": kept.new("wrong ticket")})
        with pytest.raises(ConnectRefusedError):
            await kind.connect(wrong)


async def _log_with(server: LiveServer, message: str, times: int) -> str:
    """Return the log once it says something so often."""
    await until(lambda: server.log().count(message) >= times)
    return server.log()


def _check_ids(records: list[dict[str, Any]]) -> None:
    by_message: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        assert re.fullmatch(r"[\d-]+T[\d:.]+Z", record["at"])
        by_message.setdefault(record["message"], []).append(record)
    (started,) = by_message["process started"]
    assert by_message["process ready"][0]["process"] == started["process"]
    connected = {each["socket_id"]: each for each in by_message["socket connected"]}
    ended = {each["socket_id"]: each for each in by_message["socket disconnected"]}
    # Once each, also over what other tests have left in this log.
    assert len(connected) == len(by_message["socket connected"])
    assert len(ended) == len(by_message["socket disconnected"])
    for socket_id, record in ended.items():
        assert record["namespace"] == connected[socket_id]["namespace"]
        assert record["process"] == started["process"]
        assert record["user"] == connected[socket_id]["user"]
        assert record["reason"]
        assert record["seconds"] >= 0
    assert {each["door"] for each in connected.values()} == {"plain", "socket.io"}
    denied = by_message["join denied"]
    codes = {each["code"] for each in denied}
    assert codes == {"wrong_password", "invalid_invitation", "unknown_room"}
    assert all(each["ref"] and each["room"] and each["socket_id"] in connected for each in denied)
    assert {each["room"] for each in by_message["room joined"]} == {ROOM, "club"}
    assert by_message["session opened"]
    assert by_message["session closed"]
    codes = {each["code"] for each in by_message["socket refused"]}
    assert codes == {"invalid_ticket"}
