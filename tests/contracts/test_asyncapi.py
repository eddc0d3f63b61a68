"""The AsyncAPI document: valid, whole, and true of what is on the wire."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from realtime.contracts.description import Address, describe
from realtime.exceptions import UsageError
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from realtime.server import RealtimeApplication
from tests.contracts.lab import Piece
from tests.contracts.written import LAB, SITE, judge, write_document
from tests.helpers.door_clients import connected

MOVE = {"room": "csgo", "piece": {"name": "rook", "at": {"x": 1}}}


@pytest.mark.node
@pytest.mark.parametrize("application", [SITE, LAB])
def test_the_document_is_one_by_the_official_schema(tmp_path: Path, application: str) -> None:
    document = write_document(tmp_path, application)
    assert judge(document)["document"] == []
    assert judge({**document, "channels": {"a": {"adress": 1}}})["document"] != []


def test_each_route_is_a_channel_with_its_parameters(tmp_path: Path) -> None:
    channels = write_document(tmp_path, LAB)["channels"]
    assert {name: channel["address"] for name, channel in channels.items()} == {
        "Undeclared": "/",
        "Table": "/table",
        "SideTable": "/side",
        "QuietTable": "/quiet",
        "OpenTable": "/open",
        "Table-2": "/tables/{number}/{name}",
        "Table-3": "/late/{name}",
    }
    assert list(channels["Table-2"]["parameters"]) == ["number", "name"]
    assert "parameters" not in channels["Table"]
    assert channels["Table"]["description"] == "A table to play at."


def test_each_event_is_an_operation_with_its_replies(tmp_path: Path) -> None:
    document = write_document(tmp_path, LAB)
    operations = document["operations"]
    received = operations["Table.client.move"]
    assert received["action"] == "receive"
    assert received["summary"] == "Move a piece."
    refs = [*received["messages"], *received["reply"]["messages"]]
    assert [ref["$ref"].rpartition("/")[2] for ref in refs] == [
        "client.move",
        "client.move.ack",
        "client.move.refused",
    ]
    assert operations["Table.server.moved"]["action"] == "send"
    # Names that JSON pointers or AsyncAPI's keys could not hold are written otherwise.
    assert operations["Table.server.any_20_thing"]["action"] == "send"
    assert "Table.client._2a_" not in operations
    for operation in operations.values():
        for ref in [*operation["messages"], *operation.get("reply", {}).get("messages", [])]:
            found: Any = document
            for step in ref["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            assert found["payload"]


def test_records_are_components_with_what_their_docstrings_say(tmp_path: Path) -> None:
    schemas = write_document(tmp_path, LAB)["components"]["schemas"]
    assert set(schemas) == {
        "Clock", "Draw", "Move", "Moved", "Piece", "Refusal", "Resign", "Square",
    }  # fmt: skip
    assert schemas["Move"]["description"] == "Where a piece goes."
    assert schemas["Move"]["required"] == ["room", "piece"]
    assert schemas["Move"]["properties"]["passedSquares"]["items"] == {
        "$ref": "#/components/schemas/Square"
    }


@pytest.mark.node
async def test_frames_on_the_wire_are_as_described(
    application: RealtimeApplication, tmp_path: Path
) -> None:
    document = write_document(tmp_path, LAB)
    channel = "#/channels/Table/messages/"
    frames: list[tuple[str, Any]] = []
    async with connected(application, "plain", "/table") as client:
        asked: list[tuple[str, list[Any], str]] = [
            ("move", [MOVE], "ack"),
            ("move", [{**MOVE, "room": "closed"}], "refused"),
            ("name", ["a", 2, {"x": 1}], "ack"),
            ("either", [], "ack"),
            ("either", ["a"], "ack"),
            ("tell objects", [], "ack"),
        ]
        for name, args, outcome in asked:
            key = f"client.{name.replace(' ', '_20_')}"
            frames.append((f"{channel}{key}/payload", {"event": name, "args": args, "id": 1}))
            frames.append(
                (
                    f"{channel}{key}.{outcome}/payload",
                    {"ack": 1, "args": await client.call(name, *args)},
                )
            )
        refused = {"ack": 1, "args": await client.call("move", {})}
        frames.append((f"{channel}client.move.refused/payload", refused))
        for name in ("moved", "two", "picture"):
            heard = await client.heard()
            assert heard.event == name
            frame = {"event": name, "args": heard.args}
            frames.append((f"{channel}server.{name}/payload", frame))
    wrong: list[tuple[str, Any]] = [
        (f"{channel}client.move/payload", {"event": "move", "args": ["csgo"]}),
        (f"{channel}client.move/payload", {"event": "moves", "args": [MOVE]}),
        (f"{channel}client.name/payload", {"event": "name", "args": ["abcdef"]}),
        (f"{channel}client.name/payload", {"event": "name", "args": ["a", 1, 2]}),
        (f"{channel}client.name.ack/payload", {"ack": 1, "args": ["a", "b"]}),
        (f"{channel}client.name.ack/payload", {"ack": 1, "args": ["a", 1, 1]}),
        (
            f"{channel}client.move.refused/payload",
            {"ack": 1, "args": [{"ok": False, "code": "undeclared", "message": "No"}]},
        ),
        (f"{channel}server.two/payload", {"event": "two", "args": ["a"]}),
        (f"{channel}server.over/payload", {"event": "over", "args": [1]}),
    ]
    errors = judge(document, [*frames, *wrong])["frames"]
    assert [(frame, found) for frame, found in zip(frames, errors, strict=False) if found] == []
    assert all(errors[len(frames) :]), errors


def test_the_room_events_of_the_demo_are_described(tmp_path: Path) -> None:
    document = write_document(tmp_path, SITE, "--title", "Games", "--api-version", "2.1")
    assert document["info"]["title"] == "Games"
    assert document["info"]["version"] == "2.1"
    messages = document["channels"]["RoomNamespace"]["messages"]
    assert {"client.joinRoom", "server.newUser", "server.err"} <= set(messages)
    refusal = messages["client.leaveRoom.refused"]["payload"]["properties"]["args"]["items"][0]
    assert refusal["allOf"][1]["properties"]["code"]["enum"] == [
        "bad_request", "busy", "internal", "not_joined", "rate_limited",
    ]  # fmt: skip


def test_a_namespace_may_be_asked_for_by_its_path(tmp_path: Path) -> None:
    document = write_document(tmp_path, LAB, "--namespace", "/tables/7/x", "--namespace", "/side")
    assert [each["address"] for each in document["channels"].values()] == ["/tables/7/x", "/side"]
    with pytest.raises(CommandError, match=r"nothing answers at /nope: there is /, /table,"):
        write_document(tmp_path, LAB, "--namespace", "/nope")


def test_it_is_written_to_stdout_unless_a_file_is_named(tmp_path: Path) -> None:
    out = io.StringIO()
    with override_settings(ASGI_APPLICATION=LAB):
        call_command("asyncapi", stdout=out)
        assert json.loads(out.getvalue()) == write_document(tmp_path, LAB)
        out = io.StringIO()
        call_command("asyncapi", "--typescript", str(tmp_path / "events.ts"), stdout=out)
        assert out.getvalue() == ""
        with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
            call_command("asyncapi", "--output", str(tmp_path / "missing" / "a.json"))


def test_an_application_that_is_not_ours_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="the namespaces cannot be found"):
        write_document(tmp_path, "tests.helpers.serving.nothing_here")


def test_two_types_of_one_name_are_told_apart() -> None:
    class One(NamespaceConsumer):
        emits = {"piece": Piece}

    class Two(NamespaceConsumer):
        emits = {"piece": type("Piece", (Piece,), {})}

    Two.__name__ = "One"
    described = describe([(Address("/one", {}), One), (Address("/two", {}), Two)])
    assert [each.name for each in described.namespaces] == ["One", "One2"]
    assert len([name for name in described.schemas if name.endswith("Piece")]) == 2


def test_a_type_without_a_schema_is_named() -> None:
    class Opaque:
        pass

    class Faulty(NamespaceConsumer):
        @event("opaque")
        async def opaque(self, it: Any) -> Opaque:
            del it
            return Opaque()

    with pytest.raises(UsageError, match=r"Faulty: 'opaque' has a type without a JSON Schema"):
        describe([(Address("/", {}), Faulty)])
