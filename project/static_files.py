"""Static files by WhiteNoise: under ASGI, and collected or not; compressed in both cases."""

import gzip
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from http import HTTPStatus
from inspect import isawaitable
from pathlib import Path

import brotli
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.files.storage import FileSystemStorage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

Answer = HttpResponseBase | Awaitable[HttpResponseBase]

# `import … from "./name.js";`, over several lines too, and what takes its place.
MODULE_IMPORT = (
    r"""(?P<matched>import(?P<names>\s[^;"']*)from\s*["'](?P<url>\.\.?/[^"']+)["'];)""",
    'import%(names)sfrom "%(url)s";',
)
# `await import("./name.js")`: the only form for a module that is loaded later. A type comment's
# `import("…")` never awaits.
LATER_IMPORT = (
    r"""(?P<matched>await import\(["'](?P<url>\.\.?/[^"']+)["']\))""",
    'await import("%(url)s")',
)

# What shrinks by being compressed. `collectstatic` leaves compressed copies; these are for the
# rest, as under `runserver`.
COMPRESSED_TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml")
COMPRESSED_FROM_BYTES = 500
# By encoding, the smallest first.
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.compress,
    "gzip": partial(gzip.compress, mtime=0),
}


class CollectedStorage(CompressedManifestStaticFilesStorage):
    """Hashed names and compressed copies once ``collectstatic`` has run, plain names before.

    Modules import each other by hashed names too, so that a browser never mixes two releases.
    """

    # Django's own switch for this also takes the `import("…")` of a type comment for an import.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("*.js", (MODULE_IMPORT, LATER_IMPORT)),
    )

    def url(self, name: str | None, force: bool = False) -> str:
        """Return the URL of the file; without a manifest, that of the source file."""
        if not self.hashed_files and not force:
            return FileSystemStorage.url(self, name)
        url: str = super().url(name, force)
        return url


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise, without crossing to a thread and back on each request of the site."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def add_files(self, root: str, prefix: str | None = None) -> None:
        """Serve a folder; one that is not there, since nothing was collected, is no warning."""
        if Path(root).is_dir():
            super().add_files(root, prefix)

    def __call__(self, request: HttpRequest) -> Answer:
        """Answer with a static file, or hand the request on."""
        if iscoroutinefunction(self):
            return self._answer(request)
        answer: Answer = super().__call__(request)
        return answer

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        answer: Answer = super().__call__(request)
        return await answer if isawaitable(answer) else answer

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Return the file whole: Django warns of each file that is streamed under ASGI."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file as file:
                body = file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        if _shrinks(response):
            patch_vary_headers(response, ["Accept-Encoding"])
            if encoding := _encoding_for(request):
                response.content = _compress(body, encoding)
                response["Content-Encoding"] = encoding
                response["Content-Length"] = str(len(response.content))
        return response


def _shrinks(response: HttpResponse) -> bool:
    return (
        # A part of a file keeps its bytes.
        response.status_code == HTTPStatus.OK
        and len(response.content) >= COMPRESSED_FROM_BYTES
        and not response.has_header("Content-Encoding")
        and response["Content-Type"].startswith(COMPRESSED_TYPES)
    )


def _encoding_for(request: HttpRequest) -> str | None:
    accepted = request.headers.get("Accept-Encoding", "")
    # Read as WhiteNoise reads it for what `collectstatic` has compressed.
    return next((each for each in COMPRESSIONS if re.search(rf"\b{each}\b", accepted)), None)


@lru_cache(maxsize=256)
def _compress(body: bytes, encoding: str) -> bytes:
    return COMPRESSIONS[encoding](body)
