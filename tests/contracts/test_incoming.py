"""What clients send, against the annotations of handlers."""

from typing import Any

import pytest

from realtime.exceptions import UsageError
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from realtime.server import RealtimeApplication
from tests.contracts.lab import Draw, Square
from tests.helpers.door_clients import connected

MOVE = {"room": "csgo", "piece": {"name": "rook", "at": {"x": 1}}}


def move(**piece: Any) -> dict[str, Any]:
    """A move that differs in its piece."""
    return {"room": "csgo", "piece": {"name": "rook", "at": {"x": 1}, **piece}}


RIGHT: list[tuple[str, list[Any], list[Any]]] = [
    ("move", [MOVE], [{"ok": True, "number": 0}]),
    ("move", [{**MOVE, "unknown": [1], "passedSquares": [{"x": 1}]}], [{"ok": True, "number": 1}]),
    ("move", [move(next={"name": "king", "at": {"x": 0, "y": 9}})], [{"ok": True, "number": 0}]),
    ("name", ["a"], ["a", 1]),
    ("name", ["abcde", 2], ["abcde", 2]),
    ("name", ["a", 2, {"x": 3}, {"x": 4}], ["a", 9]),
    ("either", [], []),
    ("either", [None], []),
    ("either", ["a"], ["str"]),
    ("either", [{"x": 1}], ["Square"]),
    ("offer", [{"type": "draw"}], ["Draw"]),
    ("offer", [{"type": "resign", "text": 1}], ["Resign"]),
    ("clock", [{"white_s": 1}], [1.0]),
    ("untyped", [{"a": [None]}, 2, 3], [{"a": [None]}]),
    ("no such event", [1, 2], [2]),
]

WRONG: list[tuple[str, list[Any], str]] = [
    ("move", [], "args[0]"),
    ("move", ["csgo"], "args[0]"),
    ("move", [{"room": "csgo"}], "piece"),
    ("move", [{**MOVE, "room": None}], "room"),
    ("move", [{**MOVE, "passedSquares": [{"x": 1}, {"x": 1, "y": "2"}]}], "passedSquares[1].y"),
    ("move", [{**MOVE, "passedSquares": [{"x": 1}, {}]}], "passedSquares[1].x"),
    ("move", [move(name="pawn")], "piece.name"),
    ("move", [move(at={"x": True})], "piece.at.x"),
    ("move", [move(marks={"a": 1, "b": "2"})], "piece.marks[...]"),
    ("move", [move(next=move()["piece"] | {"at": 1})], "piece.next.at"),
    ("name", [""], "args[0]"),
    ("name", ["abcdef"], "args[0]"),
    ("name", ["a", "b"], "args[1]"),
    ("name", ["a", 1, {"x": 1}, {"x": "1"}], "args[3].x"),
    ("either", [1], "args[0]"),
    ("either", [{"x": "1"}], "x"),
    ("either", [{}], "x"),
    ("offer", [{"type": "draw", "text": 1}], "text"),
    ("offer", [{"type": "other"}], "type"),
    ("offer", [{}], "type"),
    ("clock", [{"black_s": 1}], "white_s"),
    ("clock", [{"white_s": 1, "black_s": None}], "black_s"),
]


@pytest.mark.parametrize(("name", "args", "answer"), RIGHT)
async def test_what_is_of_its_type_arrives(
    application: RealtimeApplication, door: str, name: str, args: list[Any], answer: list[Any]
) -> None:
    async with connected(application, door, "/table") as client:
        assert await client.call(name, *args) == answer


@pytest.mark.parametrize(("name", "args", "field"), WRONG)
async def test_what_is_not_is_a_bad_request_that_names_the_field(
    application: RealtimeApplication, door: str, name: str, args: list[Any], field: str
) -> None:
    async with connected(application, door, "/table") as client:
        (answer,) = await client.call(name, *args)
        assert (answer["ok"], answer["code"], answer["field"]) == (False, "bad_request", field)
        assert answer["message"]


async def test_without_an_ack_a_bad_request_is_heard(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/table") as client:
        client.emit("move", move(at={}))
        heard = await client.heard()
        assert (heard.event, heard.args[1]["field"]) == ("err", "piece.at.x")
        assert heard.args[0] == heard.args[1]["message"]


def test_a_type_that_cannot_be_checked_fails_when_the_class_is_made() -> None:
    with pytest.raises(UsageError, match=r"Faulty\.either: request has a type"):

        class Faulty(NamespaceConsumer):
            @event("either")
            async def either(self, request: Square | Draw) -> None: ...


def test_codes_that_are_one_text_fail_when_the_class_is_made() -> None:
    with pytest.raises(UsageError, match=r'codes=\("forbidden",\)'):
        event("move", codes="forbidden")
