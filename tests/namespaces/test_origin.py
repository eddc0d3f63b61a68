import json
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from realtime.namespaces.guests import GUEST_COOKIE, new_guest_cookie
from realtime.namespaces.origin import Trust, judge_origin, parse_origin
from realtime.server import RealtimeApplication
from tests.helpers.asgi_socket import AsgiSocket, Headers
from tests.helpers.door_clients import connected, open_socket
from tests.helpers.serving import serving
from tests.namespaces.lab import ROUTES

OWN = Trust.OWN
FOREIGN = Trust.FOREIGN
REFUSED = Trust.REFUSED
HOST = ("host", "testserver")
TRUSTED = ["https://app.example.com", "https://*.wild.example", "http://*.port.example:8080"]

# Requests to http://testserver, with TRUSTED as CSRF_TRUSTED_ORIGINS.
MATRIX: list[tuple[str, Trust]] = [
    ("http://testserver", OWN),
    ("http://testserver:80", OWN),
    ("HTTP://TESTSERVER", OWN),
    ("https://app.example.com", OWN),
    ("https://app.example.com:443", OWN),
    ("https://a.wild.example", OWN),
    ("https://a.b.wild.example", OWN),
    ("https://wild.example", OWN),
    ("http://a.port.example:8080", OWN),
    ("https://testserver", REFUSED),
    ("http://testserver:8000", REFUSED),
    ("http://testserver:443", REFUSED),
    ("http://testserver.", REFUSED),
    ("http://testserver.evil.example", REFUSED),
    ("http://evil-testserver", REFUSED),
    ("http://sub.testserver", REFUSED),
    ("http://app.example.com", REFUSED),
    ("https://app.example.com:8443", REFUSED),
    ("https://example.com", REFUSED),
    ("https://a.wild.example:8443", REFUSED),
    ("http://a.wild.example", REFUSED),
    ("https://evilwild.example", REFUSED),
    ("https://a.wild.example.evil.example", REFUSED),
    ("http://a.port.example", REFUSED),
    ("http://localhost:3000", REFUSED),
    ("http://127.0.0.1:8000", REFUSED),
    ("ws://testserver", REFUSED),
    ("wss://testserver", REFUSED),
    ("ftp://testserver", REFUSED),
    ("file://", REFUSED),
    ("chrome-extension://testserver", REFUSED),
    ("javascript://testserver", REFUSED),
    ("null", REFUSED),
    ("", REFUSED),
    (" ", REFUSED),
    ("*", REFUSED),
    ("testserver", REFUSED),
    ("//testserver", REFUSED),
    ("http:testserver", REFUSED),
    ("http:///testserver", REFUSED),
    ("http://", REFUSED),
    ("http://[::1", REFUSED),
    ("http://[testserver]", REFUSED),
    ("http://testserver:99999", REFUSED),
    ("http://testserver:x", REFUSED),
    ("http://testserver:", REFUSED),
    ("http://testserver/", REFUSED),
    ("http://testserver/path", REFUSED),
    ("http://testserver?", REFUSED),
    ("http://testserver#", REFUSED),
    ("http://user@testserver", REFUSED),
    ("http://evil.example@testserver", REFUSED),
    ("http://testserver\\@evil.example", REFUSED),
    ("http://test server", REFUSED),
    ("http://testserver ", REFUSED),
    ("http://test\tserver", REFUSED),
    ("http://testserver\x00", REFUSED),
    ("http://testserver, http://testserver", REFUSED),
    ("http://testserver http://evil.example", REFUSED),
    ("http://t\xe9stserver", REFUSED),
]


def judge(*headers: tuple[str, str], **scope: Any) -> Trust:
    return judge_origin(
        {
            "type": "websocket",
            "scheme": "ws",
            "client": ("203.0.113.9", 1),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            **scope,
        }
    ).trust


def test_the_matrix_is_a_matrix() -> None:
    assert len({origin for origin, _ in MATRIX}) == len(MATRIX) >= 40


@pytest.mark.parametrize(("origin", "trust"), MATRIX, ids=ascii)
async def test_each_origin_is_let_in_or_refused_on_each_door(
    door: str, origin: str, trust: Trust, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(CSRF_TRUSTED_ORIGINS=TRUSTED):
        async with serving(ROUTES) as application:
            headers = (("origin", origin), ("cookie", "a=b"))
            async with open_socket(application, door, headers=headers) as socket:
                if trust is OWN:
                    await socket.accepted()
                    return
                status, body = await socket.refused()
    assert status == 403
    assert json.loads(body) == {"code": 4, "message": "Forbidden"}
    (line,) = [text for text in caplog.messages if "origin" in text]
    assert repr(origin) in line
    assert "ALLOWED_ORIGINS" in line
    assert "\n" not in line


async def test_servers_that_cannot_answer_by_http_close_instead(
    application: RealtimeApplication, door: str
) -> None:
    headers = (("origin", "http://evil.example"),)
    async with open_socket(application, door, headers=headers, extensions={}) as socket:
        assert await socket.closed() == 4403


def test_two_origins_are_refused_even_if_both_are_ours() -> None:
    assert judge(HOST, ("origin", "http://testserver")) is OWN
    assert judge(HOST, *[("origin", "http://testserver")] * 2) is REFUSED


@pytest.mark.parametrize(
    ("values", "trust"),
    [
        ([], OWN),
        (["same-origin"], OWN),
        (["none"], OWN),
        (["same-site"], REFUSED),
        (["cross-site"], REFUSED),
        ([""], REFUSED),
        (["None"], REFUSED),
        (["same-origin, cross-site"], REFUSED),
        (["same-origin", "cross-site"], REFUSED),
    ],
)
def test_without_an_origin_the_fetch_site_decides(values: list[str], trust: Trust) -> None:
    assert judge(HOST, *[("sec-fetch-site", value) for value in values]) is trust


def test_an_origin_counts_more_than_the_fetch_site() -> None:
    assert judge(HOST, ("origin", "http://testserver"), ("sec-fetch-site", "cross-site")) is OWN
    assert judge(HOST, ("origin", "http://evil.example"), ("sec-fetch-site", "none")) is REFUSED


@pytest.mark.parametrize(
    ("scheme", "origin", "trust"),
    [
        ("wss", "https://testserver", OWN),
        ("https", "https://testserver", OWN),
        ("wss", "http://testserver", REFUSED),
        ("http", "http://testserver", OWN),
    ],
)
def test_the_requests_own_scheme_counts(scheme: str, origin: str, trust: Trust) -> None:
    assert judge(HOST, ("origin", origin), scheme=scheme) is trust


@override_settings(ALLOWED_HOSTS=["*"])
@pytest.mark.parametrize(
    ("host", "origin", "trust"),
    [
        ("any.example:8000", "http://any.example:8000", OWN),
        ("[::1]:8000", "http://[::1]:8000", OWN),
        ("any.example:8000", "http://any.example", REFUSED),
        ("bad host", "http://bad host", REFUSED),
        ("", "http://", REFUSED),
    ],
)
def test_host_and_port_are_those_of_the_request(host: str, origin: str, trust: Trust) -> None:
    assert judge(("host", host), ("origin", origin)) is trust


def test_a_host_that_is_not_ours_makes_no_page_our_own() -> None:
    rebound = (("host", "evil.example"), ("origin", "http://evil.example"))
    assert judge(*rebound) is REFUSED
    with override_settings(ALLOWED_HOSTS=["evil.example"]):
        assert judge(*rebound) is OWN


@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"], ALLOWED_HOSTS=["site.example"])
@pytest.mark.parametrize(
    ("peer", "origin", "trust"),
    [
        ("10.1.2.3", "https://site.example", OWN),
        ("::ffff:10.1.2.3", "https://site.example", OWN),
        ("10.1.2.3", "http://inside", REFUSED),
        ("203.0.113.9", "https://site.example", REFUSED),
    ],
)
def test_forwarding_headers_count_from_trusted_proxies_alone(
    peer: str, origin: str, trust: Trust
) -> None:
    headers = [
        ("host", "inside"),
        ("origin", origin),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "site.example"),
    ]
    assert judge(*headers, client=(peer, 1)) is trust


@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
def test_of_several_forwarded_hosts_the_nearest_proxys_counts() -> None:
    headers = [
        ("host", "inside"),
        ("origin", "http://testserver"),
        ("x-forwarded-host", "evil.example, testserver"),
    ]
    assert judge(*headers, client=("10.1.2.3", 1)) is OWN


@override_settings(DEBUG=True)
@pytest.mark.parametrize(
    ("origin", "trust"),
    [
        ("http://localhost:3000", OWN),
        ("https://localhost", OWN),
        ("http://127.0.0.1:5173", OWN),
        ("http://localhost.evil.example", REFUSED),
        ("http://127.0.0.2:3000", REFUSED),
        ("app://localhost", REFUSED),
    ],
)
def test_any_port_of_this_machine_is_allowed_while_debug_is_on(origin: str, trust: Trust) -> None:
    assert judge(HOST, ("origin", origin)) is trust


@override_settings(REALTIME={"ALLOWED_ORIGINS": ["https://a.example", "capacitor://localhost"]})
@pytest.mark.parametrize(
    ("origin", "trust"),
    [
        ("https://a.example", OWN),
        ("capacitor://localhost", OWN),
        ("https://b.example", REFUSED),
        ("http://testserver", OWN),
        ("null", REFUSED),
    ],
)
def test_further_origins_are_allowed_by_an_option(origin: str, trust: Trust) -> None:
    assert judge(HOST, ("origin", origin)) is trust


@override_settings(REALTIME={"ALLOWED_ORIGINS": ["*"]})
@pytest.mark.parametrize(
    ("origin", "trust"),
    [
        ("http://testserver", OWN),
        ("https://evil.example", FOREIGN),
        ("chrome-extension://abcdef", FOREIGN),
        ("null", FOREIGN),
        ("http://[::1", REFUSED),
        ("", REFUSED),
    ],
)
def test_a_star_lets_every_origin_in_as_a_foreign_one(origin: str, trust: Trust) -> None:
    assert judge(HOST, ("origin", origin)) is trust


@pytest.mark.parametrize(
    ("origin", "counts"), [("https://evil.example", False), ("http://testserver", True)]
)
async def test_cookies_of_a_foreign_page_do_not_count(
    door: str,
    origin: str,
    counts: bool,
) -> None:

    cookie = new_guest_cookie()
    headers: Headers = (("origin", origin), ("cookie", f"{GUEST_COOKIE}={cookie}"))
    async with (
        serving(ROUTES, allowed_origins=["*"]) as application,
        connected(application, door, "/lab", headers=headers) as client,
    ):
        (me,) = await client.call("whoami")
        assert (me["guest"] == cookie) is counts


async def test_a_request_to_no_namespace_is_judged_by_its_origin_first(
    application: RealtimeApplication,
) -> None:
    headers = (("origin", "http://evil.example"),)
    async with AsgiSocket(application, "/ws/nowhere/", headers=headers) as socket:
        assert (await socket.refused())[0] == 403


@given(st.text(st.characters(max_codepoint=255)))
def test_any_text_as_an_origin_is_judged_and_only_listed_ones_pass(origin: str) -> None:
    trust = judge(HOST, ("origin", origin))
    assert trust is REFUSED or parse_origin(origin) == ("http", "testserver", 80)


@given(st.text("htps:/.tesrv@[]#?\\ \t%0"), st.sampled_from(["http://testserver", "null", ""]))
def test_texts_that_resemble_an_origin_do_not_pass_for_it(noise: str, start: str) -> None:
    origin = start + noise
    trust = judge(HOST, ("origin", origin))
    assert trust is REFUSED or parse_origin(origin) == ("http", "testserver", 80)
