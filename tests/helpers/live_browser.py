"""What a browser does over HTTP, as far as tests of a running server need it: cookies and forms."""

import json
import re
from dataclasses import dataclass
from http.cookiejar import Cookie, CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    ProxyHandler,
    Request,
    build_opener,
)

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Page:
    """An answer: status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_request: Any) -> None:
        return None


class Browser:
    """Someone who looks at a site, with cookies of their own; redirects are not followed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._jar = CookieJar()
        # A proxy of the machine's is nothing for a server on it.
        self._opener = build_opener(HTTPCookieProcessor(self._jar), _Stay(), ProxyHandler({}))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the site has set."""
        return {cookie.name: cookie.value or "" for cookie in self._jar}

    @property
    def cookie_header(self) -> dict[str, str]:
        """The cookies as a request's header."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def adopt(self, name: str, value: str) -> "Browser":
        """Take a cookie that the site has not set itself, such as a session made by its code."""
        host = urlsplit(self._url).hostname or ""
        self._jar.set_cookie(
            Cookie(
                *(0, name, value, None, False, host, False, False, "/", True),
                *(False, None, False, None, None, {}, False),
            )
        )
        return self

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Page:
        """Ask for a page; header names are written with underscores."""
        return self._open(path, None, method, headers)

    def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> Page:
        """Post a form as it is."""
        return self._open(path, urlencode(fields or {}, doseq=True).encode(), "POST", headers)

    def submit(self, path: str, **fields: Any) -> Page:
        """Load a form's page and post it with its CSRF token."""
        page = self.get(path)
        assert page.status == 200, (path, page.status)
        return self.post(path, {"csrfmiddlewaretoken": csrf_token(page), **fields})

    def sign_in(self, name: str) -> "Browser":
        """Sign in with the name as the password."""
        answer = self.submit("/accounts/login/", username=name, password=name)
        assert answer.status == 302, answer.text
        return self

    def _open(self, path: str, body: bytes | None, method: str, headers: dict[str, str]) -> Page:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # The address is a server that the test itself has started.
        request = Request(self._url + path, data=body, headers=named, method=method)  # noqa: S310
        try:
            answer = self._opener.open(request, timeout=TIMEOUT_S)
        except HTTPError as error:
            answer = error
        with answer:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Page(answer.status, found, answer.read())


def csrf_token(page: Page) -> str:
    """Return the token in a page's form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def form_fields(page: Page) -> dict[str, list[str]]:
    """Return what a page's form would post unchanged: its inputs, areas and selections."""
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input\b[^>]*>", page.text):
        kind = _attribute(tag, "type") or "text"
        name = _attribute(tag, "name")
        if not name or kind in {"submit", "button", "file", "image", "reset"}:
            continue
        if kind in {"checkbox", "radio"} and not re.search(r"\schecked\b", tag):
            continue
        value = _attribute(tag, "value")
        default = "on" if kind == "checkbox" else ""
        fields.setdefault(name, []).append(default if value is None else value)
    for tag, text in re.findall(r"(<textarea\b[^>]*>)(.*?)</textarea>", page.text, re.DOTALL):
        fields.setdefault(_attribute(tag, "name") or "", []).append(text.lstrip("\r\n"))
    for tag, choices in re.findall(r"(<select\b[^>]*>)(.*?)</select>", page.text, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)"[^>]*\sselected', choices)
        if chosen:
            fields.setdefault(_attribute(tag, "name") or "", []).extend(chosen)
    return fields


def _attribute(tag: str, name: str) -> str | None:
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1] if found else None
