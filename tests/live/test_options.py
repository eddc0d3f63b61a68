"""What options change on a running server (DESIGN sections 4, 6 and 8)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import DEADLINE_S, Caller, ConnectRefusedError, PlainClient
from tests.helpers.live_server import Clerk, LiveServer

OPTIONS = {
    "REALTIME_ALLOWED_ORIGINS": "*",
    "REALTIME_ANNOUNCE_MAX": "2",
    "REALTIME_HISTORY_PAGE": "3",
    "REALTIME_JOINS_BURST": "1000",
    "REALTIME_MAX_FRAME_BYTES": "2000",
    "REALTIME_MAX_ROOMS": "2",
    "REALTIME_MAX_SESSIONS_PER_ADDRESS": "8",
    "REALTIME_MAX_SESSIONS_PER_USER": "2",
    "REALTIME_PING_INTERVAL_S": "0.5",
    "REALTIME_SOCKETIO_PATH": "/rt/engine/",
}


class Tight:
    """A server with unusual options, its clerk, and those who came in."""

    def __init__(self, server: LiveServer, clerk: Clerk) -> None:
        self.server = server
        self.clerk = clerk
        self.clients: list[PlainClient] = []

    async def connect(self, browser: Browser | None = None) -> PlainClient:
        headers = browser.cookie_header if browser else {}
        client = await PlainClient.connect(Caller(self.server.url, "/live", {}, headers))
        self.clients.append(client)
        await client.hear("welcome")
        client.me = await client.hear_one("identity")
        return client

    def room(self, name: str) -> str:
        self.clerk.do("room", namespace="/live", name=name)
        return name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("options"), environment=OPTIONS)
    server.manage("migrate", "--verbosity", "0")
    server.start()
    yield server
    server.stop()
    assert server.trouble() == []


@pytest.fixture(scope="module")
def clerk(server: LiveServer) -> Iterator[Clerk]:
    clerk = Clerk(server.environment)
    clerk.do("namespace", path="/live", title="Live", welcome="Hi")
    clerk.do("user", name="alice")
    yield clerk
    clerk.stop()


@pytest.fixture
async def tight(server: LiveServer, clerk: Clerk) -> AsyncIterator[Tight]:
    tight = Tight(server, clerk)
    yield tight
    for client in tight.clients:
        await client.close()


async def test_a_large_room_announces_counts_in_place_of_names(tight: Tight) -> None:
    room = tight.room("large")
    first, second, third = [await tight.connect() for _client in range(3)]
    for client in (first, second):
        await client.ask("joinRoom", room)
        await client.hear("success")
        await client.hear("newUser")
    await first.hear("newUser")
    answer = await third.ask("joinRoom", room)
    assert answer["members"] == 3
    await third.hear("success")
    for client in (first, second):
        assert await client.hear("membersChanged") == [{"room": room, "members": 3}]


async def test_a_socket_asks_for_so_many_rooms_and_no_more(tight: Tight) -> None:
    rooms = [tight.room(f"one of {n}") for n in range(3)]
    guest = await tight.connect()
    for room in rooms[:2]:
        assert (await guest.ask("joinRoom", room))["ok"]
    answer = await guest.ask("joinRoom", rooms[2])
    assert answer["code"] == "rate_limited"
    assert "retry_after" not in answer
    assert answer["room"] == rooms[2]
    await guest.ask("leaveRoom", rooms[0])
    assert (await guest.ask("joinRoom", rooms[2]))["ok"]


async def test_a_user_has_so_many_sessions_and_no_more(tight: Tight) -> None:
    alice = Browser(tight.server.url).sign_in("alice")
    for _session in range(2):
        await tight.connect(alice)
    with pytest.raises(ConnectRefusedError) as refused:
        await tight.connect(alice)
    assert refused.value.close_code == 4429
    assert refused.value.data["code"] == "rate_limited"
    await tight.clients.pop().close()
    async with asyncio.timeout(DEADLINE_S):
        while not await comes_in(tight, alice):
            pass


async def comes_in(tight: Tight, browser: Browser) -> bool:
    try:
        await tight.connect(browser)
    except ConnectRefusedError:
        return False
    return True


async def test_an_address_has_so_many_sessions_and_no_more(tight: Tight) -> None:
    for _session in range(8):
        await tight.connect()
    with pytest.raises(ConnectRefusedError) as refused:
        await tight.connect()
    assert refused.value.close_code == 4429
    assert refused.value.data == {"code": "rate_limited"}


async def test_a_page_of_history_is_as_long_as_the_option_says(tight: Tight) -> None:
    room = tight.room("paged")
    tight.clerk.do("fill", namespace="/live", name=room, count=9)
    guest = await tight.connect()
    answer = await guest.ask("joinRoom", room)
    assert [message["offset"] for message in answer["messages"]] == [7, 8, 9]
    answer = await guest.ask("history", {"room": room, "limit": 100})
    assert len(answer["messages"]) == 3


async def test_a_frame_over_the_options_limit_closes_with_1009(tight: Tight) -> None:
    guest = await tight.connect()
    await guest.send_text('{"ping":"%s"}' % ("x" * 1_989))
    assert len((await guest.next_other())["pong"]) == 1_989
    await guest.send_text('{"ping":"%s"}' % ("x" * 1_990))
    assert (await guest.wait_for_end())[0] == 1009


async def test_with_every_origin_allowed_foreign_cookies_do_not_count(tight: Tight) -> None:
    alice = Browser(tight.server.url).sign_in("alice")
    headers = {**alice.cookie_header, "Origin": "https://anywhere.example"}
    url = tight.server.url.replace("http", "ws") + "/ws/live/"
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        frames: list[dict[str, Any]] = [json.loads(await socket.recv()) for _frame in range(3)]
    assert frames[2]["args"][0]["user"]["id"].startswith("guest:")
    answer = alice.get("/rt/engine/?EIO=3&transport=polling", Origin="https://anywhere.example")
    assert answer.headers["access-control-allow-origin"] == "https://anywhere.example"
    assert "access-control-allow-credentials" not in answer.headers


async def test_the_engines_door_is_where_the_option_says(tight: Tight) -> None:
    url = tight.server.url.replace("http", "ws")
    query = "?EIO=4&transport=websocket"
    async with connect(f"{url}/rt/engine/{query}", proxy=None) as socket:
        handshake = json.loads(str(await socket.recv())[1:])
        assert handshake["pingInterval"] == 500
        async with asyncio.timeout(DEADLINE_S):
            assert await socket.recv() == "2"
    browser = Browser(tight.server.url)
    assert browser.get("/rt/engine/socket.io.js").status == 200
    assert browser.get("/socket.io/socket.io.js").status == 404
    assert "/rt/engine/" in browser.get("/live/").text
