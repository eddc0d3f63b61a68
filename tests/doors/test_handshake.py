"""Opening a session: what is promised, what is refused and in which order."""

import logging
import re

import pytest

from realtime.server import RealtimeApplication
from tests.helpers.asgi_http import HttpClient
from tests.helpers.asgi_socket import AsgiSocket
from tests.helpers.engine_links import barrier, engine, join, polling, websocket
from tests.helpers.serving import serving
from tests.helpers.waiting import turns
from tests.namespaces.lab import ROUTES

MESSAGES = [
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
]


async def test_the_open_packet_has_five_keys(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        sid = link.handshake.pop("sid")
        assert re.fullmatch(r"[\w-]{35}", sid)
        assert link.handshake == {
            "upgrades": ["websocket"] if transport == "polling" else [],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 1_000_000,
        }


async def test_a_handshake_is_answered_as_text_that_nobody_stores(
    application: RealtimeApplication,
) -> None:
    async with HttpClient(application) as client:
        answer = await client.request("GET", "EIO=4&transport=polling&t=abc")
        assert answer.status == 200
        assert answer.header("content-type") == "text/plain; charset=UTF-8"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("content-length") == str(len(answer.body))


@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        ("GET", "", 0),
        ("GET", "EIO=4", 0),
        ("GET", "EIO=4&transport=", 0),
        ("GET", "EIO=4&transport=abc", 0),
        ("GET", "EIO=4&transport=webtransport", 0),
        ("GET", "EIO=4&transport=constructor", 0),
        ("POST", "EIO=3&transport=abc&sid=unknown", 0),
        ("GET", "EIO=4&transport=polling&sid=unknown", 1),
        ("POST", "EIO=4&transport=polling&sid=unknown", 1),
        ("PUT", "EIO=3&transport=websocket&sid=__proto__", 1),
        ("GET", "EIO=4&transport=polling&sid=%C3%A4%00", 1),
        ("POST", "EIO=4&transport=polling", 2),
        ("PUT", "EIO=3&transport=polling", 2),
        ("DELETE", "EIO=4&transport=websocket", 2),
        ("GET", "EIO=4&transport=websocket", 3),
        ("GET", "EIO=3&transport=websocket", 3),
        ("GET", "transport=polling", 5),
        ("GET", "EIO=abc&transport=polling", 5),
        ("GET", "EIO=3&transport=polling", 5),
        ("GET", "EIO=44&transport=polling", 5),
    ],
)
async def test_what_is_wrong_with_a_request_has_a_code(
    application: RealtimeApplication, method: str, query: str, code: int
) -> None:
    async with HttpClient(application) as client:
        answer = await client.request(method, query)
        assert answer.status == 400
        assert answer.json == {"code": code, "message": MESSAGES[code]}
        assert answer.header("content-type") == "application/json"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("EIO=4", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=websocket&sid=unknown", 1),
        ("EIO=4&transport=polling", 3),
        ("EIO=3&transport=websocket", 5),
        ("transport=websocket", 5),
    ],
)
async def test_a_websocket_is_refused_with_the_same_codes(
    application: RealtimeApplication, query: str, code: int
) -> None:
    async with AsgiSocket(application, "/socket.io/", query=query) as socket:
        status, body = await socket.refused()
        assert status == 400
        assert body == f'{{"code":{code},"message":"{MESSAGES[code]}"}}'.encode()


@pytest.mark.parametrize("path", ["/socket.io", "/socket.i", "/Socket.IO/"])
async def test_another_path_is_the_projects(application: RealtimeApplication, path: str) -> None:
    async with HttpClient(application, path=path) as client:
        answer = await client.request("GET", "EIO=4&transport=polling")
        assert (answer.status, answer.body) == (404, b"not ours")


async def test_an_empty_sid_opens_a_session(application: RealtimeApplication) -> None:
    async with HttpClient(application) as client:
        answer = await client.request("GET", "EIO=4&transport=polling&sid=")
        assert answer.packets[0][0] == "0"


@pytest.mark.parametrize("given", ["websocket", "polling"])
async def test_a_transport_that_is_off_is_unknown(given: str) -> None:
    async with (
        serving(ROUTES, transports=[given]) as application,
        HttpClient(application) as client,
        websocket(application) as socket,
    ):
        answer = await client.request("GET", "EIO=4&transport=polling")
        if given == "polling":
            assert answer.status == 200
            assert b'"upgrades":[]' in answer.body
            assert (await socket.refused())[1] == b'{"code":0,"message":"Transport unknown"}'
        else:
            assert answer.json["code"] == 0
            await socket.accepted()


async def test_an_address_with_too_many_sessions_is_forbidden(transport: str) -> None:
    async with (
        serving(ROUTES, max_sessions_per_address=1) as application,
        HttpClient(application) as client,
    ):
        async with engine(application, transport) as link:
            answer = await client.request("GET", "EIO=4&transport=polling")
            assert answer.status == 403
            assert answer.json == {"code": 4, "message": "Forbidden"}
            async with websocket(application) as socket:
                assert await socket.refused() == (403, b'{"code":4,"message":"Forbidden"}')
            await link.send("1")
            await link.rest()
        assert (await client.request("GET", "EIO=4&transport=polling")).status == 200


async def test_a_process_that_goes_away_opens_no_session(application: RealtimeApplication) -> None:
    await application.lifecycle.drain(0)
    async with HttpClient(application) as client:
        answer = await client.request("GET", "EIO=4&transport=polling")
        assert answer.status == 503
        assert answer.header("retry-after") == "1"


async def test_the_sid_is_in_no_log_and_in_no_public_id(
    application: RealtimeApplication, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with engine(application, transport) as link:
            sid = link.handshake["sid"]
            public = (await join(link, "/lab"))["sid"]
            await barrier(link, "/lab")
            await link.send('42/lab,["fail"]')
            await link.packet()
            await link.break_rules("4nonsense")
            await link.rest()
        await turns()
    assert sid not in caplog.text
    assert not any(sid in str(record.__dict__) for record in caplog.records)
    assert public not in sid
    assert sid not in public


async def test_a_session_is_only_continued_with_the_cookies_that_it_began_with(
    application: RealtimeApplication,
) -> None:
    own = (("cookie", "sessionid=alice; theme=dark"),)
    async with polling(application, headers=own) as link:
        for cookies in ("", "sessionid=mallory", "sessionid=", "theme=dark", "sessionid=alicea"):
            headers = (("cookie", cookies),) if cookies else ()
            for method in ("GET", "POST"):
                answer = await link.client.request(method, link.query, b"40", headers=headers)
                assert answer.json == {"code": 1, "message": "Session ID unknown"}
            query = f"sid={link.handshake['sid']}"
            async with websocket(application, query, headers=headers) as socket:
                assert (await socket.refused())[1] == b'{"code":1,"message":"Session ID unknown"}'
        link.headers = (("cookie", "theme=light; sessionid=alice; roomkey_guest=new"),)
        assert set(await join(link, "/lab")) == {"sid"}


async def test_a_session_without_cookies_has_only_its_sid(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        link.headers = (("cookie", "sessionid=later"),)
        assert set(await join(link, "/lab")) == {"sid"}
