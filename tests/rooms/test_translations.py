"""Everything that people read can be translated; codes never are."""

import ast
import re
import struct
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.test import Client
from django.utils import translation

from rooms.denials import SENTENCES, Code
from tests.rooms.people import denied, make_guest, make_room

BASE = Path(project_settings.BASE_DIR)
TEMPLATES = [
    path
    for folder in ("rooms/templates", "templates")
    for path in sorted((BASE / folder).rglob("*.html"))
]
GERMAN = {
    "Sign in": "Anmelden",
    "Sign up": "Konto anlegen",
    "%(place)s has a password.": "%(place)s hat ein Passwort.",
    "Check access": "Zugang prüfen",
}
# What reads the same in every language: signs, names, keys, commands, and classes in a block.
ALIKE = re.compile(
    r"^[\W\d_]*$|^(Roomkey|URL|CSV|Ctrl|Alt|Esc|Enter|Shift|K)$|^python manage|^[a-z]+__[a-z-]+$"
)
SPOKEN_ATTRIBUTES = {"alt", "aria-label", "placeholder", "title"}


class Texts(HTMLParser):
    """Notes the words between tags, and in attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"script", "style"}
        self.found += [value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(BASE)))
def test_no_template_says_anything_that_cannot_be_translated(path: Path) -> None:
    source = path.read_text()
    source = re.sub(r"{%\s*(comment)\b.*?{%\s*endcomment\s*%}", "", source, flags=re.DOTALL)
    source = re.sub(
        r"{%\s*blocktrans(late)?\b.*?{%\s*endblocktrans(late)?\s*%}", "", source, flags=re.DOTALL
    )
    source = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", source, flags=re.DOTALL)
    texts = Texts()
    texts.feed(source)
    words = [text.strip() for text in texts.found if text.strip()]
    assert [text for text in words if not ALIKE.match(text)] == []


def test_every_code_has_a_sentence_that_is_translated_when_it_is_said() -> None:
    assert set(SENTENCES) == set(Code)
    assert all(type(sentence).__name__ == "__proxy__" for sentence in SENTENCES.values())


@pytest.fixture
def german(tmp_path: Path, settings: Any) -> None:
    """The site in English and German, with some words of a catalogue."""
    folder = tmp_path / "de/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(catalogue(GERMAN))
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    settings.LOCALE_PATHS = [tmp_path]


@pytest.mark.usefixtures("german")
@pytest.mark.django_db
def test_a_page_comes_in_the_language_that_its_reader_asks_for(client: Client) -> None:
    shown = client.get("/", headers={"accept-language": "de"})
    assert '<html lang="de"' in shown.content.decode()
    assert "Anmelden" in shown.content.decode()
    assert shown["Content-Language"] == "de"
    shown = client.get("/", headers={"accept-language": "en"})
    assert "Anmelden" not in shown.content.decode()
    assert "Sign in" in shown.content.decode()


@pytest.mark.usefixtures("german")
@pytest.mark.django_db
def test_an_error_comes_translated_and_its_code_as_ever(settings: Any) -> None:
    make_room("vault", password="sesame", access="password")
    with translation.override("de"):
        told = denied(make_guest(), "vault").told
    assert (told.code, told.reason) == ("password_required", "vault hat ein Passwort.")
    told = denied(make_guest(), "vault").told
    assert (told.code, told.reason) == ("password_required", "vault has a password.")


def catalogue(texts: dict[str, str]) -> bytes:
    """Write a compiled catalogue: gettext's tools need not be installed."""
    texts = {"": "Content-Type: text/plain; charset=UTF-8\n", **texts}
    pairs = sorted((key.encode(), value.encode()) for key, value in texts.items())
    start = 28 + 16 * len(pairs)
    tables: list[bytes] = []
    body = b""
    for column in (0, 1):
        rows = b""
        for pair in pairs:
            rows += struct.pack("<2I", len(pair[column]), start + len(body))
            body += pair[column] + b"\0"
        tables.append(rows)
    header = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return header + tables[0] + tables[1] + body


APPS = ("realtime", "rooms")


def listed_texts(app: str) -> list[str]:
    """Give the texts of a template that people copy, as often as they stand there.

    One that has a meaning of its own in some place (``msgctxt``) has that place before it.
    """
    template = (BASE / app / "locale/en/LC_MESSAGES/django.po").read_text(encoding="utf-8")
    found = re.findall(r'^((?:msgctxt .*\n)?)msgid ((?:".*"\n)+)', template, re.MULTILINE)
    return [
        place + "".join(ast.literal_eval(line) for line in text.splitlines())
        for place, text in found
    ]


def marked_texts(app: str) -> Iterator[str]:
    """Give the texts that an app's code marks for translation."""
    for path in (BASE / app).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"_", "gettext", "gettext_lazy", "ngettext"}
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value)


@pytest.mark.parametrize("app", APPS)
def test_each_template_lists_every_text_once_as_compilemessages_asks(app: str) -> None:
    listed = Counter(listed_texts(app))
    assert [text for text, times in listed.items() if times > 1] == []
    assert sorted(set(marked_texts(app)) - set(listed)) == []
