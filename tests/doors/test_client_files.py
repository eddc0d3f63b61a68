"""The official client's builds, served from the package."""

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime.conf import client_folder
from realtime.doors.client_files import NAMES
from realtime.server import RealtimeApplication
from tests.helpers.asgi_http import HttpClient
from tests.helpers.serving import serving
from tests.namespaces.lab import ROUTES

SCRIPT = "socket.io.min.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_text(f"// {name}\n" * 50)
    (tmp_path / "secret.js").write_text("not for everybody")
    return tmp_path


@pytest.fixture
async def application(folder: Path) -> AsyncIterator[RealtimeApplication]:
    async with serving(ROUTES, client_files=str(folder)) as served:
        yield served


@pytest.fixture
async def client(application: RealtimeApplication) -> AsyncIterator[HttpClient]:
    async with HttpClient(application) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
async def test_each_build_and_its_map_are_served(client: HttpClient, name: str) -> None:
    answer = await client.request("GET", path=f"/socket.io/{name}")
    assert (answer.status, answer.body) == (200, f"// {name}\n".encode() * 50)
    kind = "application/json" if name.endswith(".map") else "application/javascript"
    assert answer.header("content-type") == f"{kind}; charset=utf-8"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "public, max-age=0"


@pytest.mark.node
@pytest.mark.parametrize("name", NAMES)
def test_the_npm_package_has_each_of_them(name: str) -> None:
    assert (client_folder() / name).is_file()


async def test_a_known_file_is_not_sent_again(client: HttpClient) -> None:
    path = f"/socket.io/{SCRIPT}"
    etag = (await client.request("GET", path=path)).header("etag")
    assert etag
    for known in (etag, f'"other", {etag}', "*"):
        answer = await client.request("GET", path=path, headers=(("if-none-match", known),))
        assert (answer.status, answer.body) == (304, b"")
        assert answer.header("etag") == etag
        assert answer.header("content-length") is None
    answer = await client.request("GET", path=path, headers=(("if-none-match", '"other"'),))
    assert answer.status == 200


async def test_a_new_package_is_read_anew(client: HttpClient, folder: Path) -> None:
    path = f"/socket.io/{SCRIPT}"
    old = await client.request("GET", path=path)
    (folder / SCRIPT).write_text("new")
    os.utime(folder / SCRIPT, ns=(1, 1))
    new = await client.request("GET", path=path)
    assert new.body == b"new"
    assert new.header("etag") != old.header("etag")


async def test_a_file_is_compressed_for_who_takes_that(client: HttpClient) -> None:
    path = f"/socket.io/{SCRIPT}"
    whole = await client.request("GET", path=path)
    answer = await client.request("GET", path=path, headers=(("accept-encoding", "br, gzip;q=1"),))
    assert answer.header("content-encoding") == "gzip"
    assert gzip.decompress(answer.body) == whole.body
    assert answer.header("vary") == "Accept-Encoding"
    for refused in ("br", "gzip;q=0", "identity"):
        answer = await client.request("GET", path=path, headers=(("accept-encoding", refused),))
        assert answer.body == whole.body
        assert answer.header("content-encoding") is None


async def test_head_sends_the_headers_alone(client: HttpClient) -> None:
    path = f"/socket.io/{SCRIPT}"
    whole = await client.request("GET", path=path)
    answer = await client.request("HEAD", path=path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers == whole.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_a_file_is_only_read(client: HttpClient, method: str) -> None:
    answer = await client.request(method, path=f"/socket.io/{SCRIPT}")
    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD"


@pytest.mark.parametrize(
    "name",
    [
        "secret.js",
        "../settings.py",
        "socket.io.js/",
        "..%2fsocket.io.js",
        "x",
        "%00",
        "SOCKET.IO.JS",
    ],
)
async def test_nothing_else_is_served(client: HttpClient, name: str) -> None:
    assert (await client.request("GET", path=f"/socket.io/{name}")).status == 404


async def test_files_can_be_off_or_missing(folder: Path, tmp_path: Path) -> None:
    for given in (
        {"client_files": str(folder), "serve_client": False},
        {"client_files": str(tmp_path / "nowhere")},
    ):
        async with serving(ROUTES, **given) as application, HttpClient(application) as client:
            assert (await client.request("GET", path=f"/socket.io/{SCRIPT}")).status == 404
