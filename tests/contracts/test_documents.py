"""The pages about typed events say what is."""

import re
from pathlib import Path
from typing import Any

import pytest

from realtime.contracts.description import ENGINE_CODES, Address, describe
from realtime.contracts.typescript import make_types
from rooms.consumers import RoomNamespace
from tests.contracts.written import compile_strictly
from tests.helpers.services import ROOT

HOW_TO = (ROOT / "docs" / "how-to" / "typed-events.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the how-to's one program in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", HOW_TO, re.DOTALL)
    return str(found)


@pytest.mark.node
def test_the_namespace_of_the_how_to_has_the_types_of_its_client(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "lobby.consumers"}
    exec(compile(block("python"), "typed-events.md", "exec"), names)  # noqa: S102 - our own text
    types = make_types(describe([(Address("/lobby", {}), names["Lobby"])]))
    (tmp_path / "events.ts").write_text(types, encoding="utf-8")
    assert compile_strictly(tmp_path, block("ts")) == []


def rows(heading: str) -> dict[str, set[str]]:
    """Return a table's rows: each name in the first column with those in the second."""
    table = REFERENCE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return {
        name: set(re.findall(r"`(\w+)`", second))
        for first, second in re.findall(r"^\| (.*?) \| (.*?) \|$", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", first)
    }


def test_the_reference_names_every_room_event_and_its_codes() -> None:
    codes = {
        name: set(map(str, handler.codes or ())) - set(ENGINE_CODES)
        for name, handler in RoomNamespace.handlers.items()
    }
    assert rows("clients send") == codes
    assert set(rows("clients hear")) == set(RoomNamespace.declared.types)
