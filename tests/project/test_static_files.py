import gzip
import re
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from pytest_django import Settings

from project.static_files import CollectedStorage, StaticFilesMiddleware

SOURCE = "admin/css/base.css"


async def hand_on(_: HttpRequest) -> HttpResponse:
    return HttpResponse(b"a page", status=418)


@pytest.fixture
def middleware(settings: Settings) -> StaticFilesMiddleware:
    settings.WHITENOISE_USE_FINDERS = True
    return StaticFilesMiddleware(hand_on)


async def test_a_file_is_served_from_the_source_before_it_is_collected(
    middleware: StaticFilesMiddleware,
) -> None:
    request = AsyncRequestFactory().get(f"/static/{SOURCE}")
    response = await middleware(request)  # type: ignore[misc]
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
    assert b"--primary" in response.content


async def test_a_file_that_the_browser_has_is_not_sent_again(
    middleware: StaticFilesMiddleware,
) -> None:
    factory = AsyncRequestFactory()
    first = await middleware(factory.get(f"/static/{SOURCE}"))  # type: ignore[misc]
    since = {"if-modified-since": first["Last-Modified"]}
    second = await middleware(factory.get(f"/static/{SOURCE}", headers=since))  # type: ignore[misc]
    assert second.status_code == 304
    assert second.content == b""


async def test_a_part_of_a_file_can_be_asked_for(middleware: StaticFilesMiddleware) -> None:
    asked = AsyncRequestFactory().get(f"/static/{SOURCE}", headers={"range": "bytes=0-9"})
    response = await middleware(asked)  # type: ignore[misc]
    assert response.status_code == 206
    assert len(response.content) == 10


@pytest.mark.parametrize(
    ("encodings", "encoding", "decompress"),
    [
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip, deflate", "gzip", gzip.decompress),
        ("identity", None, bytes),
        ("", None, bytes),
    ],
)
async def test_a_file_that_was_not_collected_is_compressed_for_who_takes_it(
    middleware: StaticFilesMiddleware,
    encodings: str,
    encoding: str | None,
    decompress: Callable[[bytes], bytes],
) -> None:
    headers = {"accept-encoding": encodings}
    request = AsyncRequestFactory().get(f"/static/{SOURCE}", headers=headers)
    response = await middleware(request)  # type: ignore[misc]
    assert response["Vary"] == "Accept-Encoding"
    assert response.get("Content-Encoding") == encoding
    assert int(response["Content-Length"]) == len(response.content)
    assert b"--primary" in decompress(response.content)


async def test_a_part_of_a_file_is_not_compressed(middleware: StaticFilesMiddleware) -> None:
    headers = {"accept-encoding": "gzip", "range": "bytes=0-9"}
    request = AsyncRequestFactory().get(f"/static/{SOURCE}", headers=headers)
    response = await middleware(request)  # type: ignore[misc]
    assert response.status_code == 206
    assert "Content-Encoding" not in response
    assert len(response.content) == 10


async def test_any_other_path_is_handed_on(middleware: StaticFilesMiddleware) -> None:
    for path in ("/games/", "/static/none.css", "/static/../manage.py"):
        response = await middleware(AsyncRequestFactory().get(path))  # type: ignore[misc]
        assert response.status_code == 418


def test_it_serves_under_wsgi_too(settings: Settings) -> None:
    settings.WHITENOISE_USE_FINDERS = True
    middleware = StaticFilesMiddleware(lambda _: HttpResponse(status=418))
    response = middleware(RequestFactory().get(f"/static/{SOURCE}"))
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200


def test_pages_link_the_source_until_files_are_collected(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    assert CollectedStorage().url(SOURCE) == f"/static/{SOURCE}"


def test_collected_modules_import_each_other_by_hashed_names(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, verbosity=0)
    storage = CollectedStorage()
    url = storage.url("rooms/js/app.js")
    assert re.fullmatch(r"/static/rooms/js/app\.[0-9a-f]{12}\.js", url)
    module = (tmp_path / url.removeprefix("/static/")).read_text(encoding="utf-8")
    later = tmp_path / storage.url("rooms/js/furnish.js").removeprefix("/static/")
    imported = re.findall(r'from "(\./[^"]+)"', module)
    imported += re.findall(r'await import\("(\./[^"]+)"\)', later.read_text(encoding="utf-8"))
    assert any("talk_tools" in name for name in imported)
    for name in imported:
        assert re.fullmatch(r"\./\w+\.[0-9a-f]{12}\.js", name), name
        assert (tmp_path / "rooms" / "js" / name).is_file()
