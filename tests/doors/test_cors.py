"""Who may read the door's answers from a page of another origin."""

import pytest
from django.test import override_settings

from realtime.server import RealtimeApplication
from tests.helpers.asgi_http import HttpAnswer, HttpClient
from tests.helpers.asgi_socket import Headers
from tests.helpers.engine_links import polling, websocket
from tests.helpers.serving import serving
from tests.namespaces.lab import ROUTES

OPEN = "EIO=4&transport=polling"
FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
FORBIDDEN = {"code": 4, "message": "Forbidden"}


def from_origin(origin: str) -> Headers:
    return (("origin", origin), ("host", "testserver"))


def cors_of(answer: HttpAnswer) -> tuple[str | None, str | None]:
    """The origin that may read it, and whether with credentials."""
    return (
        answer.header("access-control-allow-origin"),
        answer.header("access-control-allow-credentials"),
    )


@pytest.mark.parametrize("origin", [FRIEND, "http://testserver"])
async def test_an_allowed_origin_may_read_every_answer(origin: str) -> None:
    async with (
        serving(ROUTES, allowed_origins=[FRIEND]) as application,
        polling(application, headers=from_origin(origin)) as link,
    ):
        headers = from_origin(origin)
        answers = [
            await link.client.request("GET", OPEN, headers=headers),
            await link.client.request("GET", "EIO=4", headers=headers),
            await link.client.request("GET", OPEN + "&sid=x", headers=headers),
            await link.post("40/lab,"),
            await link.poll(),
            await link.client.request("PUT", link.query, headers=headers),
            await link.post("nonsense"),
            await link.poll(),
        ]
        assert [answer.status for answer in answers] == [200, 400, 400, 200, 200, 405, 400, 400]
        for answer in answers:
            assert cors_of(answer) == (origin, "true")
            assert answer.header("vary") == "Origin"


async def test_a_preflight_allows_what_it_asks_for() -> None:
    async with (
        serving(ROUTES, allowed_origins=[FRIEND]) as application,
        HttpClient(application) as client,
    ):
        headers = (
            *from_origin(FRIEND),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type, x-token"),
        )
        answer = await client.request("OPTIONS", OPEN + "&sid=x", headers=headers)
        assert (answer.status, answer.body) == (204, b"")
        assert cors_of(answer) == (FRIEND, "true")
        assert answer.header("access-control-allow-methods") == "GET, POST, OPTIONS"
        assert answer.header("access-control-allow-headers") == "content-type, x-token"


@pytest.mark.parametrize("origin", [STRANGER, "null", "nonsense", "http://testserver:81"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT"])
async def test_another_origin_is_refused_before_anything_else(
    application: RealtimeApplication, method: str, origin: str
) -> None:
    async with polling(application) as link:
        headers = from_origin(origin)
        for query in (OPEN, "", link.query):
            answer = await link.client.request(method, query, b"40", headers=headers)
            assert (answer.status, answer.json) == (403, FORBIDDEN)
            assert cors_of(answer) == (None, None)
        async with websocket(
            application, f"sid={link.handshake['sid']}", headers=headers
        ) as socket:
            assert await socket.refused() == (403, b'{"code":4,"message":"Forbidden"}')
        await link.send("40/lab,")


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)],
)
async def test_without_an_origin_the_browsers_word_counts(
    application: RealtimeApplication, site: str, status: int
) -> None:
    async with HttpClient(application) as client:
        answer = await client.request("GET", OPEN, headers=(("sec-fetch-site", site),))
        assert answer.status == status
        assert cors_of(answer) == (None, None)


async def test_where_all_are_allowed_a_foreign_page_reads_without_credentials() -> None:
    async with serving(ROUTES, allowed_origins=["*"]) as application:
        headers = (*from_origin(STRANGER), ("cookie", "sessionid=alice"))
        async with polling(application, headers=headers) as link:
            answer = await link.post("40/lab,")
            assert cors_of(answer) == (STRANGER, None)
            # The cookie did not count, so that the session is not bound to it.
            link.headers = from_origin(STRANGER)
            assert (await link.poll()).status == 200


@override_settings(CSRF_TRUSTED_ORIGINS=[FRIEND])
async def test_djangos_trusted_origins_are_ours_too(application: RealtimeApplication) -> None:
    async with HttpClient(application) as client:
        answer = await client.request("GET", OPEN, headers=from_origin(FRIEND))
        assert cors_of(answer) == (FRIEND, "true")
