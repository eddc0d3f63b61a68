"""The reference says what the code does."""

import re
from dataclasses import MISSING, fields
from typing import Any

import pytest

from realtime.conf import Options
from tests.helpers.environment import OWN_NAMES
from tests.helpers.services import ROOT

SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)`[ *]*\| (.*?) \|", SETTINGS, re.M))


def words(default: object) -> str:
    """Return a default as the reference writes it."""
    match default:
        case bool():
            return f"`{int(default)}`"
        case int() | float():
            return f"{default:,.0f}"
        case "" | ():
            return "none"
        case tuple():
            return f"`{','.join(default)}`"
        case _:
            return f"`{default}`"


@pytest.mark.parametrize("option", fields(Options), ids=lambda option: option.name)
def test_each_option_stands_there_with_its_default(option: Any) -> None:
    assert option.default is not MISSING
    if option.name == "authenticators":
        assert ROWS["AUTHENTICATORS"] == "ticket, Django session, guest"
        return
    assert ROWS[option.name.upper()] == words(option.default)


def test_each_variable_of_the_site_stands_there() -> None:
    read = set(
        re.findall(
            r'os\.environ(?:\.get\(|, )"(\w+)"',
            (ROOT / "project" / "settings.py").read_text(encoding="utf-8"),
        )
    )
    assert read
    assert read <= set(ROWS)
    assert read <= OWN_NAMES


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_no_link_leads_nowhere(page: Any) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_namespace_on_the_first_screen_is_one() -> None:
    block = re.search(r"```python\n(.*?)# project/routing", (ROOT / "README.md").read_text(), re.S)
    assert block
    names: dict[str, Any] = {"__name__": "lobby.consumers"}
    exec(compile(block[1], "README.md", "exec"), names)  # noqa: S102 - our own text
    assert names["Lobby"].as_asgi()
