"""The official client's own builds, served beside the door that they connect to.

They come from the npm package ``socket.io-client`` and are never copied: ``CLIENT_FILES`` names
the folder, by default ``node_modules/socket.io-client/dist`` of the project.
"""

import asyncio
import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from realtime.conf import client_folder, options
from realtime.doors.http_answers import TEXT, Headers, respond
from realtime.namespaces.addresses import header_values
from realtime.transports.base import Scope, Send

_SCRIPT = "application/javascript; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_BUILDS = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
NAMES = dict.fromkeys(_BUILDS, _SCRIPT) | {f"{name}.map": _JSON for name in _BUILDS}


@dataclass(frozen=True, slots=True)
class ClientFile:
    """One file: ``etag`` stands for its content, whichever encoding that is sent in."""

    content_type: str
    body: bytes
    gzipped: bytes
    etag: str


async def serve_client_file(scope: Scope, send: Send, name: str) -> None:
    """Answer a request for one of the files, or say that there is none."""
    found = await find_client_file(name)
    if found is None:
        await respond(send, HTTPStatus.NOT_FOUND, TEXT, b"Not found")
        return
    if scope["method"] not in {"GET", "HEAD"}:
        allow = (b"allow", b"GET, HEAD")
        await respond(send, HTTPStatus.METHOD_NOT_ALLOWED, [*TEXT, allow], b"Method not allowed")
        return
    headers: Headers = [
        (b"etag", found.etag.encode()),
        (b"cache-control", b"public, max-age=0"),
        (b"vary", b"Accept-Encoding"),
        # The client is public: a page anywhere may load it.
        (b"access-control-allow-origin", b"*"),
        (b"x-content-type-options", b"nosniff"),
    ]
    known = header_values(scope, b"if-none-match")
    if found.etag in known or "*" in known:
        await respond(send, HTTPStatus.NOT_MODIFIED, headers)
        return
    headers.append((b"content-type", found.content_type.encode()))
    body = found.body
    if _takes_gzip(scope):
        headers.append((b"content-encoding", b"gzip"))
        body = found.gzipped
    await respond(send, HTTPStatus.OK, headers, body, is_head=scope["method"] == "HEAD")


async def find_client_file(name: str) -> ClientFile | None:
    """Return the file of that name, or None where there is none to serve."""
    if name not in NAMES or not options().serve_client:
        return None
    path = client_folder() / name
    return await asyncio.to_thread(_load, path, NAMES[name])


def _takes_gzip(scope: Scope) -> bool:
    for value in header_values(scope, b"accept-encoding"):
        name, _, parameter = value.partition(";")
        if name.strip().lower() == "gzip":
            # Without a weight it counts whole; one of 0 refuses it.
            return not parameter or bool(parameter.partition("=")[2].strip("0. "))
    return False


def _load(path: Path, content_type: str) -> ClientFile | None:
    try:
        changed_ns = path.stat().st_mtime_ns
        return _read(path, content_type, changed_ns)
    except OSError:
        return None


@lru_cache(maxsize=len(NAMES) * 2)
def _read(path: Path, content_type: str, changed_ns: int) -> ClientFile:
    del changed_ns  # a part of the key: a new package is read anew
    body = path.read_bytes()
    return ClientFile(
        content_type=content_type,
        body=body,
        gzipped=gzip.compress(body, mtime=0),
        etag=f'W/"{sha256(body).hexdigest()[:32]}"',
    )
