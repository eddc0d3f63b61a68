"""JSON Schema as TypeScript."""

import enum
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
import pytest

from realtime.contracts.description import SCHEMA_REF
from realtime.contracts.schema_types import TypeNames, comment, type_of


class Color(enum.Enum):
    RED = "r"


class Pair(NamedTuple):
    left: int
    right: str | None = None


class Row(msgspec.Struct, array_like=True):
    number: int
    text: str = ""


TYPES: list[tuple[Any, str]] = [
    (int, "number"),
    (float | None, "number | null"),
    (datetime, "string"),
    (bytes, "ArrayBuffer | Uint8Array"),
    (Any, "unknown"),
    (list, "unknown[]"),
    (list[int | None], "(number | null)[]"),
    (list[bytes], "(ArrayBuffer | Uint8Array)[]"),
    (tuple[int, ...], "number[]"),
    (tuple[int, str | None], "[number, (string | null)]"),
    (tuple[()], "[]"),
    (dict[str, list[bool]], "{ [key: string]: boolean[] }"),
    (dict, "{ [key: string]: unknown }"),
    (Literal["a", 1, None], 'null | 1 | "a"'),
    (list[Color], "Color[]"),
    (Color | None, "Color | null"),
    (Any | None, "unknown"),
]


@pytest.mark.parametrize(("kind", "written"), TYPES, ids=lambda value: str(value)[:40])
def test_each_type_has_its_expression(kind: Any, written: str) -> None:
    (schema,), named = msgspec.json.schema_components([kind], ref_template=SCHEMA_REF + "{name}")
    assert type_of(schema, TypeNames(named, ())) == written


def test_tuples_with_defaults_may_be_shorter_and_rows_may_be_longer() -> None:
    _schemas, named = msgspec.json.schema_components([Pair, Row], ref_template="{name}")
    names = TypeNames(named, ())
    assert type_of(named["Pair"], names) == "[number, (string | null)?]"
    assert type_of(named["Row"], names) == "[number, string?, ...unknown[]]"


def test_names_are_identifiers_and_nobody_elses() -> None:
    given = ["Page_int_", "a.b.Refused", "Refused", "7up", "a-b", "a_b"]
    names = TypeNames(given, ["Refused"])
    assert [names[each] for each in given] == [
        "Page_int_", "a_b_Refused", "Refused_", "_7up", "a_b", "a_b_",
    ]  # fmt: skip


def test_a_comment_cannot_be_left() -> None:
    assert comment("ends */ here", "") == ["/** ends *\\/ here */"]
    assert comment("of ``code``\nand more", "  ") == [
        "  /**",
        "   * of `code`",
        "   * and more",
        "   */",
    ]
    assert comment("", "") == []
