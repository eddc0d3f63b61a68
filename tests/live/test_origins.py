"""Whose pages may come in, on both doors (DESIGN section 4)."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.helpers.live_clients import DEADLINE_S
from tests.live.conftest import Site

DOORS = ["/ws/live/", "/socket.io/?EIO=4&transport=websocket"]
FOREIGN: list[list[tuple[str, str]]] = [
    [("Origin", "https://evil.example")],
    [("Origin", "http://evil.example:{port}")],
    [("Origin", "http://127.0.0.1.evil.example")],
    [("Origin", "http://127.0.0.1:{port}.evil.example")],
    [("Origin", "http://127.0.0.1:{port}/path")],
    [("Origin", "http://user@127.0.0.1:{port}")],
    [("Origin", "127.0.0.1:{port}")],
    [("Origin", "https://[::1")],
    [("Origin", "http://127.0.0.1:99999")],
    [("Origin", "null")],
    [("Origin", "")],
    [("Origin", "http://127.0.0.1:{port}"), ("Origin", "https://evil.example")],
    [("Origin", "http://127.0.0.1:{port}"), ("Origin", "http://127.0.0.1:{port}")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
]
OWN: list[list[tuple[str, str]]] = [
    [],
    [("Origin", "http://127.0.0.1:{port}")],
    [("Origin", "http://localhost:3000")],
    [("Origin", "http://127.0.0.1:5173")],
    [("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "none")],
    [("Origin", "http://127.0.0.1:{port}"), ("Sec-Fetch-Site", "cross-site")],
]


async def first_answer(site: Site, path: str, headers: list[tuple[str, str]]) -> Any:
    """Return the first frame of a WebSocket, or the response that it got in its place."""
    filled = [(name, value.format(port=site.server.port)) for name, value in headers]
    try:
        async with asyncio.timeout(DEADLINE_S):
            url = site.url.replace("http", "ws") + path
            async with connect(url, additional_headers=filled, proxy=None) as socket:
                return await socket.recv()
    except InvalidStatus as refused:
        return refused.response


@pytest.mark.parametrize("door", DOORS)
async def test_a_foreign_origin_is_forbidden_cookie_or_not(site: Site, door: str) -> None:
    cookie = ("Cookie", site.signed_in("alice").cookie_header["Cookie"])
    for headers in FOREIGN:
        for with_cookie in ([], [cookie]):
            response = await first_answer(site, door, [*headers, *with_cookie])
            assert getattr(response, "status_code", None) == 403, (headers, response)
            assert json.loads(response.body) == {"code": 4, "message": "Forbidden"}
            assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("door", DOORS)
async def test_an_own_origin_or_none_comes_in(site: Site, door: str) -> None:
    for headers in OWN:
        frame = await first_answer(site, door, headers)
        assert isinstance(frame, str), (headers, frame)
        assert '"sid"' in frame


async def test_a_refusal_is_logged_with_the_origin_and_the_setting(site: Site) -> None:
    await first_answer(site, DOORS[0], [("Origin", "https://logged-plain.example")])
    await first_answer(site, DOORS[1], [("Origin", "https://logged-engine.example")])
    for origin in ("https://logged-plain.example", "https://logged-engine.example"):
        lines = [line for line in site.server.log().splitlines() if origin in line]
        assert len(lines) == 1, origin
        assert "ALLOWED_ORIGINS" in lines[0]


async def test_an_own_pages_cookie_counts(site: Site) -> None:
    cookie = ("Cookie", site.signed_in("alice").cookie_header["Cookie"])
    for headers in OWN:
        filled = [(name, value.format(port=site.server.port)) for name, value in headers]
        url = site.url.replace("http", "ws") + "/ws/live/"
        async with connect(url, additional_headers=[*filled, cookie], proxy=None) as socket:
            frames = [json.loads(await socket.recv()) for _frame in range(3)]
        assert frames[2]["args"][0]["user"]["name"] == "alice", headers
