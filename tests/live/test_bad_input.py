"""Rubbish from one client costs nobody else anything (DESIGN section 4; STYLE section 7)."""

import asyncio
import contextlib
import itertools
import json
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
from tests.live.test_origins import FOREIGN
from tests.live.test_plain_door import BAD_FRAMES
from tests.live.test_socketio_door import MALFORMED_PACKETS

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e300,
    2**70,
    "",
    "x" * 5_000,
    "\x00",
    [],
    [[]],
    {},
    {"room": []},
    {"room": {"room": "x"}},
    {"room": "x" * 5_000},
    {"room": "nowhere", "text": ["x"]},
    {"room": "nowhere", "text": "x", "data": {"\x00": 1}},
    {"room": "nowhere", "since": 2**70},
    {"room": "nowhere", "password": "x" * 5_000},
    {"room": "nowhere", "password": "\x00"},
    {"room": "nowhere", "invitation": "\x00"},
    {"room": "nowhere", "limit": 2**70, "after": 2**70},
    {"search": "\x00", "after": "x" * 5_000, "limit": True},
    {"__proto__": {}, "constructor": 1},
]
EVENTS = [
    *("joinRoom", "leaveRoom", "message", "typing", "history", "rooms", "members"),
    *("connect", "disconnect", "connected", "dispatch", "__init__", "*", "x" * 500, "join", "emit"),
]
KNOWN_CODES = {
    *("bad_request", "unknown_event", "not_joined", "unknown_room", "rate_limited"),
    *("password_required", "wrong_password"),
}


async def test_rubbish_is_answered_and_nobody_else_notices(
    visitors: Visitors, plain: Visitors, site: Site
) -> None:
    room = site.room()
    resident = await visitors.join(room)
    author = await plain.join(room)
    await resident.hear("newUser")
    numbers = itertools.count(1)

    async def say_something() -> None:
        number = next(numbers)
        ack = await author.ask("message", {"room": room, "text": str(number)})
        assert ack["offset"] == number
        assert (await resident.hear_one("message"))["text"] == str(number)

    for frame in BAD_FRAMES:
        rude = await PlainClient.connect(Caller(site.url, "/live"))
        await rude.send_text(frame)
        await rude.next_other()
        await rude.close()
    await say_something()
    for packet in MALFORMED_PACKETS:
        await send_packet(site, packet)
    await say_something()
    for headers in FOREIGN:
        filled = [(name, value.format(port=site.server.port)) for name, value in headers]
        with contextlib.suppress(InvalidStatus):
            await connect(
                site.url.replace("http", "ws") + "/ws/live/",
                additional_headers=filled,
                proxy=None,
            )
    await say_something()
    for namespace in ("/nowhere", "/" + "x" * 2_000, "/%00", "/..%2f", "/live/../other"):
        with contextlib.suppress(ConnectRefusedError):
            await PlainClient.connect(Caller(site.url, namespace))
    await say_something()
    await resident.hears_nothing()


async def test_every_event_with_every_kind_of_value_is_refused_in_words(
    plain: Visitors, site: Site
) -> None:
    del site
    for event in EVENTS:
        guest = await plain.connect()
        for value in VALUES:
            answer = await guest.ask(event, value)
            if event == "rooms" and answer["ok"]:
                continue
            assert answer["ok"] is False, (event, value)
            assert answer["code"] in KNOWN_CODES, (event, value, answer)
            assert answer["message"], (event, value)
        assert not guest.ended.is_set()
        await guest.close()


HALVES = {
    "text": r'["message",{"room":"csgo","text":"half \ud83d"}]',
    "nonce": r'["message",{"room":"csgo","text":"x","nonce":"\udc00"}]',
    "data": r'["message",{"room":"csgo","text":"x","data":{"a":["\ud800"]}}]',
    "room": r'["joinRoom",{"room":"\ud800"}]',
    "args[0]": r'["joinRoom","\ud800"]',
    "search": r'["rooms",{"search":"\ud800"}]',
}


@pytest.mark.parametrize("field", HALVES)
async def test_half_a_surrogate_pair_is_refused_at_its_field_and_the_socket_goes_on(
    site: Site, field: str
) -> None:
    name, payload = json.loads(HALVES[field])
    sent = json.dumps({"event": name, "args": [payload], "id": 1})
    plain = await open_plain(Caller(site.url, "/live"))
    socket = await connect_socketio(site, "/live")
    for once_more in range(2):
        await plain.send(sent)
        answer = await next_with(plain, '"ack":1')
        assert_refused(json.loads(answer)["args"][0], field, once_more)
        await socket.send(f"42/live,1{HALVES[field]}")
        answer = await next_with(socket, "43/live,1")
        assert_refused(json.loads(answer.removeprefix("43/live,1"))[0], field, once_more)
    await plain.close()
    await socket.close()


async def test_half_a_surrogate_pair_comes_back_as_the_character_for_what_cannot_be_said(
    site: Site,
) -> None:
    socket = await connect_socketio(site, "/")
    await socket.send(r'421["echo","a\ud800",{"\udc00":1}]')
    assert json.loads((await next_with(socket, "431")).removeprefix("431")) == ["a\ufffd", "\ufffd"]
    await socket.close()


def assert_refused(answer: dict[str, Any], field: str, once_more: int) -> None:
    assert (answer["ok"], answer["code"]) == (False, "bad_request"), (answer, once_more)
    assert answer["field"] == field
    assert answer["message"]


async def connect_socketio(site: Site, namespace: str) -> ClientConnection:
    url = site.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    socket = await connect(url, proxy=None)
    await socket.recv()
    connect_packet = "40" if namespace == "/" else f"40{namespace},"
    await socket.send(connect_packet)
    await next_with(socket, connect_packet)
    return socket


async def next_with(socket: ClientConnection, start: str) -> str:
    """Return the next message that holds this near its start."""
    async with asyncio.timeout(DEADLINE_S):
        while start not in (message := str(await socket.recv()))[:20]:
            pass
    return message


async def send_packet(site: Site, packet: str) -> None:
    url = site.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    async with connect(url, proxy=None) as socket:
        await socket.recv()
        await socket.send("40")
        await socket.recv()
        with contextlib.suppress(ConnectionClosed):
            await socket.send(packet)
            async for answer in socket:
                assert json.dumps(answer)
