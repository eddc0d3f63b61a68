"""What clients hear, against what the class declares."""

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings

from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import of
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.declared import collect_emits
from realtime.server import RealtimeApplication
from tests.contracts.lab import Draw, QuietTable, SideTable, Square
from tests.helpers.door_clients import Heard, connected

MOVE = {"room": "csgo", "piece": {"name": "rook", "at": {"x": 1}}}
WAYS = ("emit", "volatile", "call", "room", "room call", "others")

DECLARED: list[tuple[str, list[Any]]] = [
    ("moved", [MOVE]),
    ("moved", [{**MOVE, "more": 1}]),
    ("clock", [{"white_s": 1}]),
    ("two", ["a", 1]),
    ("over", []),
    ("any thing", [{"a": [1]}]),
    ("maybe", [None]),
    ("welcome", ["Hello"]),
    ("err", ["No", {"ok": False, "code": "nope", "message": "No", "ref": "x"}]),
]

UNDECLARED: list[tuple[str, list[Any], str]] = [
    ("nope", [], "'nope' is not declared: add it to Table.emits"),
    ("moved", [], "'moved' has 0 argument(s), Table.emits declares 1"),
    ("moved", [MOVE, 1], "'moved' has 2 argument(s), Table.emits declares 1"),
    ("over", [1], "'over' has 1 argument(s), Table.emits declares 0"),
    ("moved", [{**MOVE, "piece": {"name": "rook", "at": {"x": "1"}}}], "piece.at.x: Expected"),
    ("clock", [{}], "white_s: Object missing"),
    ("two", ["a", "b"], "args[1]: Expected `int`, got `str`"),
    ("maybe", ["a"], "args[0]: Expected"),
    ("welcome", [1], "args[0]: Expected `str`"),
]


@pytest.fixture
def debug() -> Iterator[None]:
    """A developer's machine."""
    with override_settings(DEBUG=True):
        yield


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("how", WAYS)
async def test_what_is_declared_leaves(application: RealtimeApplication, how: str) -> None:
    async with connected(application, "plain", "/table") as client:
        for name, args in DECLARED:
            (answer,) = await client.call("tell", how, name, args)
            assert answer in {"told", "not answered"}
            if how != "others":
                heard = await client.heard()
                assert (heard.event, heard.args) == (name, args)


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("how", WAYS)
async def test_what_is_not_declared_never_leaves(
    application: RealtimeApplication, how: str
) -> None:
    async with connected(application, "plain", "/table") as client:
        for name, args, problem in UNDECLARED:
            (answer,) = await client.call("tell", how, name, args)
            assert problem in answer
        await client.call("tell", "emit", "over", [])
        assert await client.heard() == Heard("over", [])


async def test_without_debug_nothing_is_checked(application: RealtimeApplication) -> None:
    async with connected(application, "plain", "/table") as client:
        assert await client.call("tell", "emit", "nope", [1]) == ["told"]
        assert await client.heard() == Heard("nope", [1])


@pytest.mark.usefixtures("debug")
async def test_objects_are_judged_as_they_leave(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/table") as client:
        assert await client.call("tell objects") == []
        heard = [await client.heard() for _ in range(3)]
        assert [(each.event, each.args[-1]) for each in heard[:2]] == [
            (
                "moved",
                {
                    "room": "csgo",
                    "piece": {
                        "name": "rook",
                        "at": {"x": 1, "y": 0},
                        "marks": {},
                        "next": None,
                    },
                    "passedSquares": [],
                },
            ),
            ("two", 2),
        ]
        assert heard[2].args == ["AA==" if door == "plain" else b"\x00"]


@pytest.mark.usefixtures("debug")
async def test_declarations_are_inherited_and_a_subclass_wins(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "plain", "/side") as client:
        for name, args, expected in [
            ("shout", ["a"], "told"),
            ("two", [1, 2], "told"),
            ("over", [], "told"),
            ("two", ["a", 1], "'two' is not what SideTable.emits declares"),
            ("nope", [], "add it to SideTable.emits"),
        ]:
            (answer,) = await client.call("tell", "room", name, args)
            assert expected in answer
    async with connected(application, "plain", "/quiet") as client:
        (answer,) = await client.call("tell", "room", "nope", [])
        assert "add it to QuietTable.emits" in answer
    assert set(collect_emits(SideTable).types) - set(collect_emits(QuietTable).types) == {"shout"}


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("namespace", ["/open"])
@pytest.mark.parametrize("how", WAYS)
async def test_an_open_class_is_described_and_not_checked(
    application: RealtimeApplication, namespace: str, how: str
) -> None:
    async with connected(application, "plain", namespace) as client:
        for name, args in [("nope", [1]), ("note", [1])]:
            (answer,) = await client.call("tell", how, name, args)
            assert answer in {"told", "not answered"}


@pytest.mark.usefixtures("debug")
async def test_a_class_without_emits_is_not_checked(application: RealtimeApplication) -> None:
    async with connected(application, "plain", "/") as client:
        assert await client.call("tell", "emit", "err", [1]) == ["told"]
        assert await client.heard() == Heard("err", [1])


@pytest.mark.usefixtures("debug")
async def test_what_views_and_tasks_emit_is_checked_where_the_namespace_is_served(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "plain", "/table") as client:
        with pytest.raises(UsageError, match=r"'nope' is not declared: add it to Table\.emits"):
            await of("/table").aemit("nope")
        with pytest.raises(UsageError, match=r"args\[1\]: Expected `int`"):
            await sync_to_async(of("/table").emit, thread_sensitive=False)("two", "a", "b")
        (remote,) = await of("/table").afetch_sockets()
        with pytest.raises(UsageError, match="'nope' is not declared"):
            await remote.emit("nope")
        with pytest.raises(UsageError, match="'nope' is not declared"):
            await remote.call("nope", timeout_s=1)
        await of("/table").aemit("over")
        assert await client.heard() == Heard("over", [])
        # Nobody serves these, so that nobody knows.
        await of("/nowhere").aemit("nope")


@pytest.mark.usefixtures("debug")
async def test_an_undeclared_event_is_our_fault_and_logged_as_such(
    application: RealtimeApplication, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(application, door, "/side") as client:
        # Inherited, it emits `two` with a text, which the subclass declares otherwise.
        (answer,) = await client.call("tell objects")
        assert (answer["ok"], answer["code"]) == (False, "internal")
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "SideTable.emits declares: args[0]: Expected `int`" in str(record.exc_info)


WRONG_DECLARATIONS: list[tuple[dict[str, Any], str]] = [
    ({"connect": str}, "'connect' is a reserved event name"),
    ({"a": Square | Draw}, "'a' has a type that cannot be checked"),
    ({"a": (str, 7)}, "'a' has a type that cannot be checked"),
    ({"*": str}, '"\\*": Any'),
]


@pytest.mark.parametrize(("emits", "problem"), WRONG_DECLARATIONS)
def test_a_wrong_declaration_fails_when_the_class_is_made(
    emits: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        type("Faulty", (NamespaceConsumer,), {"emits": emits})


async def test_without_debug_an_emit_costs_no_check(
    application: RealtimeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("checked")

    for module in ("consumer", "declared"):
        monkeypatch.setattr(f"realtime.namespaces.{module}.check_emitted", fail)
    async with connected(application, "plain", "/table") as client:
        for how in WAYS:
            assert (await client.call("tell", how, "two", ["a", 1]))[0] in {"told", "not answered"}
