"""The kit's client over each way into an application, without a database."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
from django.test import override_settings

from realtime.exceptions import Refused, UsageError
from realtime.namespaces.running import find_process, serving_process
from realtime.testing import Heard, WaitFailed, connect, serving
from realtime.testing.client import Client
from tests.testing.arena import Lobby, application

WAYS = [
    ("socket.io", "websocket"),
    ("socket.io", "polling"),
    ("socket.io", "upgrade"),
    ("plain", "websocket"),
]
enter = partial(connect, "/lobby", application=application)


@pytest.fixture(params=WAYS, ids="-".join)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    door, transport = request.param
    return {"door": door, "transport": transport}


@pytest.fixture
async def socket(way: dict[str, Any]) -> AsyncIterator[Client]:
    async with enter(**way) as client:
        assert (await client.receive("welcome")).startswith("Hello, Guest ")
        yield client


async def test_it_speaks_by_the_way_that_was_asked_for(socket: Client, way: dict[str, Any]) -> None:
    transport = "polling" if way["transport"] == "polling" else "websocket"
    assert socket.door == way["door"]
    assert socket.transport == transport
    assert (await socket.call("who"))["by"] == transport


async def test_an_ack_is_a_value_a_tuple_or_nothing(socket: Client) -> None:
    assert await socket.call("move", {"room": "csgo", "to": "e4"}) == {"ok": True}
    assert await socket.call("echo", 1, {"a": ["😀"]}) == (1, {"a": ["😀"]})
    assert await socket.call("echo") is None


async def test_bytes_travel(socket: Client) -> None:
    sent = b"\x00\xff"
    expected = sent if socket.door == "socket.io" else "AP8="
    assert await socket.call("echo", {"file": sent}) == {"file": expected}


async def test_a_refusal_is_the_exception_that_the_handler_raised(socket: Client) -> None:
    with pytest.raises(Refused, match="Not here") as refused:
        await socket.call("refuse")
    assert refused.value.code == "forbidden"
    assert refused.value.data == {"room": "csgo"}


async def test_a_refused_socket_raises_what_connect_did(way: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="Not you") as refused:
        async with enter(auth={"refuse": "banned"}, **way):
            pytest.fail("it was let in")
    assert (refused.value.code, refused.value.data) == ("banned", {"hint": "ask"})


async def test_an_unknown_namespace_is_refused(way: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        async with connect("/nowhere", application=application, **way):
            pytest.fail("it was let in")
    assert refused.value.code == "unknown_namespace"


async def test_a_refused_handshake_tells_its_status(way: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        async with enter(headers={"Origin": "https://evil.example"}, **way):
            pytest.fail("it was let in")
    assert (refused.value.code, refused.value.data["status"]) == ("handshake_refused", 403)


async def test_others_hear_what_one_says(socket: Client, way: dict[str, Any]) -> None:
    async with enter(**way) as other:
        await other.call("join", "csgo")
        await socket.emit("move", {"room": "csgo", "to": "e4"})
        assert await other.receive("moved") == ({"room": "csgo", "to": "e4"}, socket.socket_id)
        await socket.expect_nothing()


async def test_events_are_kept_in_order_until_they_are_taken(socket: Client) -> None:
    async with enter() as other:
        assert await other.next() == Heard("welcome", (f"Hello, {await name_of(other)}!",))
        await other.call("join", "csgo")
        for to in ("a1", "b2", "c3"):
            await socket.emit("move", {"room": "csgo", "to": to})
        heard = await other.heard()
        assert [each.args[0]["to"] for each in heard] == ["a1", "b2", "c3"]
        assert await other.heard() == []


async def name_of(client: Client) -> str:
    name: str = (await client.call("who"))["name"]
    return name


async def test_silence_is_proved_by_what_was_handled_and_not_by_time(
    socket: Client, way: dict[str, Any]
) -> None:
    async with enter(**way) as other:
        await other.receive("welcome")
        await other.call("join", "csgo")
        await other.expect_nothing()
        # Not awaited by an ack: only the barrier can know that it has been handled.
        await socket.emit("move slowly", {"room": "csgo", "to": "e4"})
        with pytest.raises(WaitFailed, match=r"expected nothing, but heard moved\(.*'e4'"):
            await other.expect_nothing()
        await other.expect_nothing("welcome")


async def test_server_calls_are_answered(socket: Client) -> None:
    socket.on_call("question", lambda *args: ("answer", *args))
    assert await socket.call("ask me", 1, 2) == ("answer", 1, 2)

    async def later(*_args: Any) -> str:
        return "later"

    socket.on_call("question", later)
    assert await socket.call("ask me") == "later"
    await socket.expect_nothing()


async def test_an_answer_that_fails_fails_the_test(socket: Client) -> None:
    socket.on_call("question", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await socket.call("ask me")


async def test_a_call_can_be_answered_by_hand_or_left(socket: Client) -> None:
    assert await socket.call("ask me", "who?") == "no answer"
    heard = await socket.next()
    assert (heard.event, heard.args) == ("question", ("who?",))
    assert heard.ack_id is not None
    await socket.answer(heard, "too late")
    with pytest.raises(WaitFailed, match="wants no answer"):
        await socket.answer(Heard("moved"))


async def test_a_deadline_says_what_was_awaited_and_what_arrived(way: dict[str, Any]) -> None:
    async with enter(deadline_s=0.05, **way) as socket:
        with pytest.raises(WaitFailed) as failed:
            await socket.receive("moved")
        assert re.fullmatch(
            r"/lobby waited for the event 'moved', for 0\.05 s in vain\. "
            r"Arrived: connected; welcome\('Hello, Guest \w+!'\)\.",
            str(failed.value),
        )
        # A handler that never ends would hold up the end of the block.
        with pytest.raises(WaitFailed, match="the ack of 'ask me', for"):
            await socket.call("ask me")


async def test_an_end_is_told_at_once(socket: Client) -> None:
    await socket.emit("end", "kicked")
    with pytest.raises(WaitFailed, match="waited for the event 'moved', but it ended"):
        await socket.receive("moved")


async def test_the_reason_of_an_end_is_as_the_door_tells_it(socket: Client) -> None:
    await socket.emit("end", "kicked")
    if socket.door == "plain":
        assert await socket.disconnected() == "kicked"
        assert socket.close_code == 4403
    else:
        assert await socket.disconnected() == "io server disconnect"


async def test_leaving_waits_until_the_server_has_noticed(way: dict[str, Any]) -> None:
    async with enter(**way) as socket:
        await socket.disconnect()
        assert len(Lobby.gone) == 1
    async with enter(**way):
        pass
    assert len(Lobby.gone) == 2


async def test_a_lost_connection_is_a_transport_that_closed(way: dict[str, Any]) -> None:
    async with enter(**way) as socket:
        await socket.drop()
        assert await socket.disconnected() == "transport close"
        assert Lobby.gone[0].startswith("transport")


@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
@pytest.mark.parametrize("parser", ["default", "msgpack"])
async def test_namespaces_share_a_session(transport: Any, parser: str) -> None:
    with override_settings(REALTIME={"PARSER": parser}):
        async with enter(transport=transport) as lobby, lobby.connect("/quiet") as quiet:
            assert quiet.namespace == "/quiet"
            assert await quiet.call("echo", b"1") == b"1"
            await quiet.disconnect()
            assert await lobby.call("echo", 1) == 1
            await lobby.receive("welcome")
            await lobby.expect_nothing()


async def test_the_plain_door_has_one_socket_on_each_connection() -> None:
    async with enter(door="plain") as socket:
        with pytest.raises(UsageError, match="connect anew"):
            async with socket.connect("/quiet"):
                pytest.fail("it was let in")


async def test_the_application_runs_while_somebody_is_connected() -> None:
    assert find_process() is None
    async with enter() as first:
        process = find_process()
        assert process is not None
        async with enter() as second:
            assert find_process() is process
            assert await second.call("echo", 1) == 1
        assert await first.call("echo", 1) == 1
    assert find_process() is None
    assert serving_process() is None


async def test_an_application_can_be_kept_from_client_to_client() -> None:
    async with serving(application):
        process = find_process()
        assert process is not None
        async with enter():
            pass
        async with enter():
            assert find_process() is process
    assert find_process() is None


async def test_clients_may_leave_in_any_order() -> None:
    first: AbstractAsyncContextManager[Client] = enter()
    second: AbstractAsyncContextManager[Client] = enter()
    await first.__aenter__()
    socket = await second.__aenter__()
    await first.__aexit__(None, None, None)
    assert await socket.call("echo", 1) == 1
    await second.__aexit__(None, None, None)
    assert find_process() is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"namespace": "lobby"}, 'connect\\("/lobby"\\)'),
        ({"door": "back"}, "socket.io, plain"),
        ({"transport": "pigeon"}, "websocket, polling, upgrade"),
        ({"door": "plain", "transport": "polling"}, "no transport but websocket"),
        ({"application": object()}, "realtime_application"),
    ],
)
async def test_wrong_arguments_are_named(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        async with connect(**{"namespace": "/lobby", "application": application, **arguments}):
            pytest.fail("it was let in")
