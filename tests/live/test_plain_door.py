"""The plain door's frames and close codes (DESIGN section 4)."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.helpers.live_clients import (
    DEADLINE_S,
    Caller,
    ConnectRefusedError,
    PlainClient,
    open_plain,
)
from tests.live.conftest import Site, Visitors

BAD_FRAMES = [
    "",
    "{",
    "nonsense",
    "[]",
    "7",
    "null",
    '"text"',
    "{}",
    '{"other":1}',
    '{"event":7}',
    '{"event":""}',
    '{"event":null}',
    '{"event":"echo","args":{}}',
    '{"event":"echo","args":"x"}',
    '{"event":"echo","id":-1}',
    '{"event":"echo","id":1.5}',
    '{"event":"echo","id":"1"}',
    '{"event":"echo","id":true}',
    '{"event":"echo","id":null}',
    '{"ack":"1"}',
    '{"ack":-1}',
    '{"ack":1,"args":{}}',
    '{"event":"echo","ack":1}',
    '{"event":"echo","ping":1}',
    '{"event":"echo","args":[NaN]}',
    '{"event":"echo","args":[1e999]}',
    '{"event":"\\ud800"}',
    '{"ack":1,"args":["\\ud800"]}',
    '{"event":"echo","args":[' + "[" * 40 + "]" * 40 + "]}",
    '{"event":"echo"}{"event":"echo"}',
    "{'event':'echo'}",
]


def client_of(visitor: Any) -> PlainClient:
    assert isinstance(visitor, PlainClient)
    return visitor


async def test_the_first_frame_says_who_and_where(site: Site) -> None:
    for path, namespace in (("/ws/live/", "/live"), ("/ws/live", "/live"), ("/ws/", "/")):
        socket = await open_plain(Caller(site.url, path.removeprefix("/ws")))
        first = json.loads(await socket.recv())
        assert set(first) == {"connect"}
        assert set(first["connect"]) == {"sid", "namespace"}
        assert first["connect"]["namespace"] == namespace
        assert first["connect"]["sid"]
        assert json.loads(await socket.recv())["event"] == "welcome"
        await socket.close()


async def test_the_root_namespace_needs_no_slash(site: Site) -> None:
    socket = await open_plain(Caller(site.url, ""))
    assert json.loads(await socket.recv())["connect"]["namespace"] == "/"
    await socket.close()


@pytest.mark.parametrize(
    "namespace", ["/nowhere", "/live/deeper", "/LIVE", "/live//", "/admin", "/%2Flive", "/live%20"]
)
async def test_an_unknown_namespace_is_refused_with_4404(site: Site, namespace: str) -> None:
    with pytest.raises(ConnectRefusedError) as refused:
        await PlainClient.connect(Caller(site.url, namespace))
    assert refused.value.close_code == 4404
    assert refused.value.message
    assert refused.value.data == {"code": "unknown_namespace"}


async def test_a_refused_client_gets_one_frame_and_a_close(site: Site) -> None:
    socket = await open_plain(Caller(site.url, "/live", {"ticket": "no-such-ticket"}))
    (frame,) = await read_frames(socket, 1)
    assert set(frame) == {"connect_error"}
    assert set(frame["connect_error"]) == {"message", "data"}
    with pytest.raises(ConnectionClosed):
        await read_frames(socket, 1)
    assert socket.close_code == 4401


async def test_a_closed_namespace_is_refused_with_4403(site: Site) -> None:
    site.clerk.do("namespace", path="/shut", title="", welcome="", is_open=False)
    with pytest.raises(ConnectRefusedError) as refused:
        await PlainClient.connect(Caller(site.url, "/shut"))
    assert (refused.value.close_code, refused.value.data) == (4403, {"code": "namespace_closed"})


async def test_a_namespace_for_users_is_refused_to_guests_with_4401(
    site: Site, plain: Visitors
) -> None:
    site.clerk.do("namespace", path="/users", title="", welcome="Hi", access="login")
    with pytest.raises(ConnectRefusedError) as refused:
        await plain.connect("/users")
    assert refused.value.close_code == 4401
    assert refused.value.data == {"code": "login_required"}
    assert (await plain.connect("/users", user="alice")).me["user"]["name"] == "alice"


async def test_a_ping_is_answered_with_what_it_brought(plain: Visitors) -> None:
    guest = client_of(await plain.connect("/"))
    for value in (0, -1, 1.5, None, "x", {"any": ["value"]}):
        await guest.send_frame({"ping": value})
        assert await guest.next_other() == {"pong": value}


async def test_an_ack_carries_the_id_of_its_event(site: Site) -> None:
    socket = await open_plain(Caller(site.url, "/"))
    for ack_id in (0, 7, 7, 2**53 - 1):
        await socket.send(json.dumps({"event": "echo", "args": [ack_id], "id": ack_id}))
    await socket.send('{"event":"echo","id":9}')
    await socket.send('{"event":"echo","args":[1,2],"id":10,"more":"ignored"}')
    frames = [frame for frame in await read_frames(socket, 9) if "ack" in frame]
    assert frames == [
        {"ack": 0, "args": [0]},
        {"ack": 7, "args": [7]},
        {"ack": 7, "args": [7]},
        {"ack": 2**53 - 1, "args": [2**53 - 1]},
        {"ack": 9, "args": []},
        {"ack": 10, "args": [1, 2]},
    ]
    await socket.close()


async def read_frames(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(DEADLINE_S):
        return [json.loads(await socket.recv()) for _frame in range(count)]


@pytest.mark.parametrize("text", BAD_FRAMES)
async def test_a_frame_that_is_not_understood_is_answered_and_the_socket_goes_on(
    plain: Visitors, text: str
) -> None:
    guest = client_of(await plain.connect("/"))
    await guest.send_text(text)
    answer = await guest.next_other()
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"code", "message"}
    assert answer["error"]["code"] == "bad_frame"
    assert answer["error"]["message"]
    assert await guest.ask("echo", "still here") == "still here"
    await guest.hears_nothing()


async def test_an_ack_that_nobody_waits_for_is_ignored(plain: Visitors) -> None:
    guest = client_of(await plain.connect("/"))
    await guest.send_frame({"ack": 12_345, "args": [1]})
    assert await guest.ask("echo", 1) == 1
    await guest.hears_nothing()


async def test_a_binary_frame_closes_with_1003(plain: Visitors) -> None:
    guest = client_of(await plain.connect("/"))
    await guest.socket.send(b'{"event":"echo"}')
    assert (await guest.wait_for_end())[0] == 1003


async def test_a_frame_over_the_limit_closes_with_1009(plain: Visitors) -> None:
    guest = client_of(await plain.connect("/"))
    frame = '{"event":"nothing","args":["%s"]}'
    largest = frame % ("x" * (65_536 - len(frame) + 2))
    assert len(largest) == 65_536
    await guest.send_text(largest)
    _message, answer = await guest.hear("err")
    assert answer["code"] == "unknown_event"
    await guest.send_text(largest + " ")
    assert (await guest.wait_for_end())[0] == 1009


async def test_a_websocket_elsewhere_is_refused(site: Site) -> None:
    for path in ("/wsx/", "/games/", "/socket.io/elsewhere/"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(site.url.replace("http", "ws") + path, proxy=None)
        assert refused.value.response.status_code in {403, 404}


async def test_a_flood_is_rate_limited_and_then_closed(plain: Visitors) -> None:
    guest = client_of(await plain.connect("/"))
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionClosed):
            while not guest.ended.is_set():
                for _frame in range(50):
                    await guest.send_text('{"event":"echo"}')
                # One who reads what is answered: a deaf one is another matter.
                await (await guest.socket.ping())
    assert (await guest.wait_for_end())[0] == 4429
    refusals = [frame["args"][1] for frame in guest.frames if frame.get("event") == "err"]
    assert refusals[0]["code"] == "rate_limited"
    assert refusals[0]["retry_after"] > 0
    assert guest.frames[-1] == {"disconnect": {"reason": "rate_limited"}}


async def test_joins_have_a_rate_of_their_own(plain: Visitors, site: Site) -> None:
    guest = await plain.connect()
    # Not a missing one: that is answered so evenly that there is hardly a rate to pass.
    room = site.room(access="login")
    # All at once: one after the other, a slow machine would keep to the rate by itself.
    answers = await asyncio.gather(*(guest.ask("joinRoom", room) for _ in range(60)))
    codes = [answer["code"] for answer in answers]
    assert set(codes) == {"login_required", "rate_limited"}
    assert codes.count("login_required") >= 20
    limited = answers[codes.index("rate_limited")]
    assert 0 < limited["retry_after"] <= 1
