import asyncio
import json
from typing import Any

import pytest

from realtime.exceptions import UsageError
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from realtime.protocol.socket_packets import RESERVED_EVENTS
from realtime.server import RealtimeApplication
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import Answered, Heard, Said, connected, open_socket
from tests.helpers.waiting import until
from tests.namespaces.lab import Lab


async def test_what_a_handler_returns_is_the_ack(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        assert await client.call("one") == [{"ok": True}]
        assert await client.call("echo", 1, "a", None) == [1, "a", None]
        assert await client.call("echo") == []
        assert await client.call("nothing") == []


async def test_an_event_without_an_id_is_not_answered(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        client.emit("echo", 1)
        client.emit("back", 2)
        assert await client.heard() == Heard("back", [2])


async def test_surplus_arguments_are_ignored_as_by_javascript_listeners(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        assert await client.call("one", 1, 2, 3) == [{"ok": True}]
        assert await client.call("point", {"x": 1, "z": 9}, "more") == [1]


async def test_payloads_arrive_as_annotated(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        move = {"room": "csgo", "piece": {"name": "rook", "at": {"x": 3}}, "path": [{"x": 1}]}
        assert await client.call("move", move) == ["rook to 3"]
        assert await client.call("typed", "a", 1) == [["a", 1, None]]
        assert await client.call("typed", "a", 1, {"k": [1]}) == [["a", 1, {"k": [1]}]]


WRONG: list[tuple[str, list[Any], str]] = [
    ("point", [], "args[0]"),
    ("point", ["x"], "args[0]"),
    ("point", [None], "args[0]"),
    ("point", [{}], "x"),
    ("point", [{"x": "1"}], "x"),
    ("point", [{"x": 1, "y": 1.5}], "y"),
    ("move", [{"room": "a", "piece": {"name": "b", "at": {"x": "c"}}}], "piece.at.x"),
    ("move", [{"room": "a", "piece": {"name": "b", "at": {}}}], "piece.at.x"),
    (
        "move",
        [{"room": "a", "piece": {"name": "b", "at": {"x": 1}}, "path": [{"x": 1}, 2]}],
        "path[1]",
    ),
    ("typed", [], "args[0]"),
    ("typed", ["a"], "args[1]"),
    ("typed", [1, 1], "args[0]"),
    ("typed", ["a", True], "args[1]"),
    ("typed", ["a", 1, [1]], "args[2]"),
]


@pytest.mark.parametrize(("name", "args", "field"), WRONG)
async def test_a_wrong_payload_is_answered_with_its_field(
    application: RealtimeApplication, door: str, name: str, args: list[Any], field: str
) -> None:
    async with connected(application, door, "/lab") as client:
        (answer,) = await client.call(name, *args)
        assert answer["ok"] is False
        assert answer["code"] == "bad_request"
        assert answer["field"] == field
        assert answer["message"]
        assert await client.call("one") == [{"ok": True}]


async def test_a_refusal_is_the_ack_with_its_data(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        expected = {
            "ok": False,
            "code": "muted",
            "message": "No.",
            "room": "csgo",
            "retry_after": 1.5,
        }
        assert await client.call("refuse", "muted") == [expected]
        client.emit("refuse", "muted")
        assert await client.heard() == Heard("err", ["No.", expected])


@pytest.mark.parametrize(
    "name",
    ["nope", "connect_", "__class__", "dispatch_event", "emit", "x" * 300, "Echo", "error"],
)
async def test_an_unknown_event_is_answered_so(
    application: RealtimeApplication, door: str, name: str
) -> None:
    async with connected(application, door, "/lab") as client:
        (answer,) = await client.call(name, 1)
        assert (answer["ok"], answer["code"]) == (False, "unknown_event")
        client.emit(name)
        heard = await client.heard()
        assert (heard.event, heard.args[1]["code"]) == ("err", "unknown_event")


async def test_a_number_as_a_name_is_an_unknown_event(application: RealtimeApplication) -> None:
    async with connected(application, "socket.io", "/all") as client:
        client.socket.send("42/all,7[5,1]")
        assert json.loads(str(await client.socket.data())[8:])[0]["code"] == "unknown_event"


async def test_a_catch_all_takes_what_no_other_handler_does(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/all") as client:
        assert await client.call("nope", 1, "b") == [["nope", 1, "b"]]
        assert await client.call("one") == [{"ok": True}]


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
async def test_a_reserved_name_ends_a_socket_io_session(
    application: RealtimeApplication, name: str
) -> None:
    async with connected(application, "socket.io", "/all") as client:
        client.emit(name)
        assert await client.ended() == (None, 1000)


async def test_a_failing_handler_is_answered_logged_and_hurts_nothing(
    application: RealtimeApplication, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        connected(application, door, "/lab") as client,
        connected(application, door, "/lab") as other,
    ):
        (answer,) = await client.call("fail")
        assert (answer["ok"], answer["code"]) == (False, "internal")
        assert "fault of ours" not in answer["message"]
        assert await client.call("one") == [{"ok": True}]
        assert await other.call("one") == [{"ok": True}]
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "a fault of ours" in str(record.exc_info)


async def test_an_ack_that_cannot_be_said_is_internal(
    application: RealtimeApplication, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(application, door, "/lab") as client:
        (answer,) = await client.call("unsayable")
        assert answer["code"] == "internal"
    assert "ack cannot be encoded" in caplog.messages


async def test_plain_functions_run_in_the_database_threads(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        (name,) = await client.call("thread")
        assert name.startswith("database-")
        (answer,) = await client.call("thread refuse")
        assert answer["code"] == "forbidden"


async def test_events_of_one_socket_wait_for_each_other_and_those_of_others_do_not(
    application: RealtimeApplication, door: str
) -> None:
    async with (
        connected(application, door, "/lab") as client,
        connected(application, door, "/lab") as other,
    ):
        first, second = client.ask("wait", "first"), client.ask("echo", 2)
        await until(lambda: Lab.started_handlers)
        assert await other.call("echo", "quick") == ["quick"]
        Lab.gates["first"].set()
        assert (await client.next(), await client.next()) == (
            Answered(first, ["first"]),
            Answered(second, [2]),
        )


async def test_a_hundred_events_keep_their_order(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/free") as client:
        for number in range(200):
            client.emit("thread" if number % 7 == 0 else "nothing")
            client.emit("back", number)
        heard = [(await client.heard()).args[0] for _ in range(200)]
        assert heard == list(range(200))


async def test_bytes_are_attachments_on_socket_io_and_base64_on_the_plain_door(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        client.socket.send(
            '452-/lab,3["echo",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]'
        )
        client.socket.send(b"\x01")
        client.socket.send(b"\x02\x03")
        text = str(await client.socket.data())
        assert text.startswith("462-/lab,3[")
        assert [await client.socket.data(), await client.socket.data()] == [b"\x01", b"\x02\x03"]


@pytest.mark.parametrize(
    "frame",
    ["", "hello", "[]", "{}", '{"event":1}', '{"event":"e","id":-1}', '{"event":NaN}', "[" * 5000],
)
async def test_a_bad_frame_is_answered_and_the_socket_goes_on(
    application: RealtimeApplication, frame: str
) -> None:
    async with connected(application, "plain", "/lab") as client:
        client.socket.send(frame)
        said = await client.next()
        assert isinstance(said, Said)
        assert (said.kind, said.data["code"]) == ("error", "bad_frame")
        assert said.data["message"]
        assert await client.call("echo", 1) == [1]


@pytest.mark.parametrize("value", [1, None, "x", {"a": [1]}])
async def test_a_ping_is_answered_with_its_value(
    application: RealtimeApplication, value: object
) -> None:
    async with connected(application, "plain", "/lab") as client:
        client.socket.send({"ping": value})
        assert await client.next() == Said("pong", value)


@pytest.mark.parametrize(
    "text",
    ["", "7", "2", "4", "4abc", "42{}", "42abc[...]", '42["e"', '451-["e"]x', "b###", "40[]"],
)
async def test_a_malformed_packet_ends_its_own_session_alone(
    application: RealtimeApplication, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        connected(application, "socket.io", "/") as other,
        open_socket(application, "socket.io") as socket,
    ):
        await socket.accepted()
        await socket.data()
        socket.send(text)
        # Where attachments are due, text is what breaks the protocol.
        socket.send("42[]")
        assert await socket.closed() == 1000
        assert await other.call("echo", 1) == [1]
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_binary_frame_closes_the_plain_door_with_1003(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "plain", "/lab") as client:
        client.socket.send(b"x")
        assert await client.socket.closed() == 1003
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "transport error"


def test_wrong_declarations_fail_when_the_class_is_made() -> None:
    with pytest.raises(UsageError, match="reserved"):
        event("disconnect")
    with pytest.raises(UsageError, match="1 to 128"):
        event("")
    with pytest.raises(UsageError, match="1 to 128"):
        event("x" * 129)
    assert callable(event("x" * 128))

    with pytest.raises(UsageError, match="twice"):

        class Twice(NamespaceConsumer):
            @event("a")
            async def one(self) -> None: ...

            @event("a")
            async def two(self) -> None: ...


def test_a_subclass_overrides_the_handlers_of_its_bases() -> None:
    class Base(NamespaceConsumer):
        @event("a")
        async def one(self) -> None: ...

        @event("b")
        async def two(self) -> None: ...

    class Derived(Base):
        @event("a")
        async def other(self) -> None: ...

    assert {name: handler.attribute for name, handler in Derived.handlers.items()} == {
        "a": "other",
        "b": "two",
    }


def test_only_declared_events_are_handlers() -> None:
    assert set(Lab.handlers) == {
        "ask me", "back", "echo", "fail", "go", "join", "leave", "limited join", "move",
        "nothing", "one", "point", "refuse", "say", "thread", "thread refuse", "typed",
        "unsayable", "wait", "whoami",
    }  # fmt: skip


async def test_a_handler_that_is_still_busy_ends_soon_after_its_client(
    application: RealtimeApplication, door: str
) -> None:
    clock = MovedClock()
    async with connected(application, door, "/lab") as client:
        client.emit("wait", "for ever")
        await until(lambda: Lab.started_handlers)
        client.socket.drop()
        await asyncio.sleep(0)
        await until(lambda: not client.socket.is_served)
        assert Lab.ended == []
        await clock.advance(10.5)
        await until(lambda: Lab.ended)
