"""Somebody of the staff who works in the admin, over HTTP, as far as the load programs need it."""

import secrets
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from bench.processes import RunError

TIMEOUT_S = 30.0
# What the page asks for once more where a save puts people out.
CONFIRMED = "impact_confirmed"


class Office:
    """A superuser of a site on this database, signed in to one of its servers."""

    def __init__(self, host: str, port: int) -> None:
        self._url = f"http://{host}:{port}"
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()), ProxyHandler({}))

    def open(self) -> None:
        """Make the account and sign in. Raises ``RunError``."""
        # Models can be imported only once Django is set up.
        from django.contrib.auth import get_user_model  # noqa: PLC0415

        name, password = f"staff-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
        get_user_model().objects.create_superuser(name, password=password)
        fields = self._form("/admin/login/")
        self._post("/admin/login/", {**fields, "username": [name], "password": [password]})

    def room_form(self, namespace: str, name: str, *, is_open: bool) -> Callable[[], None]:
        """Open a room's page and set its switch; what is given saves it, whoever that puts out."""
        from rooms.models import Room  # noqa: PLC0415

        room = Room.objects.get(namespace__path=namespace, name=name)
        path = f"/admin/rooms/room/{room.pk}/change/"
        fields = self._form(path)
        fields.pop("is_open", None)
        fields |= {CONFIRMED: ["1"], **({"is_open": ["on"]} if is_open else {})}
        return partial(self._post, path, fields)

    def _form(self, path: str) -> dict[str, list[str]]:
        reader = _FormReader()
        with self._opener.open(self._url + path, timeout=TIMEOUT_S) as page:
            reader.feed(page.read().decode())
        return reader.fields

    def _post(self, path: str, fields: dict[str, list[str]]) -> None:
        url = self._url + path
        body = urlencode(fields, doseq=True).encode()
        # The address is a server that the benchmark itself has started.
        request = Request(url, data=body, headers={"Referer": url})  # noqa: S310
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            if answer.geturl() == url:
                raise RunError(f"the admin did not take what was sent to {path}")


class _FormReader(HTMLParser):
    """What a page's forms would post unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._name = ""
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an input, or a selected option, or begin an area."""
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", "")
        if tag == "input" and name and found.get("type") not in {"submit", "button", "file"}:
            is_box = found.get("type") in {"checkbox", "radio"}
            if not is_box or "checked" in found:
                self._keep(name, found.get("value", "on" if is_box else ""))
        elif tag == "select":
            self._name = name
        elif tag == "option" and "selected" in found and self._name:
            self._keep(self._name, found.get("value", ""))
        elif tag == "textarea":
            self._name, self._text = name, []

    def handle_data(self, data: str) -> None:
        """Take the text of an area."""
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End an area."""
        if tag == "textarea" and self._text is not None:
            self._keep(self._name, "".join(self._text).lstrip("\r\n"))
            self._text = None

    def _keep(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)
