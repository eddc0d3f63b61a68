import pytest

from realtime.server import RealtimeApplication
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import Said, SocketIoClient, connected, open_socket
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import Lab


async def one_ended() -> tuple[str, frozenset[str]]:
    await until(lambda: Lab.ended)
    (ended,) = Lab.ended
    return ended


async def test_a_lost_connection_ends_the_socket(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        client.socket.drop()
        assert await one_ended() == ("transport close", frozenset())


async def test_a_client_may_leave_its_namespace(application: RealtimeApplication) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        client.leave_namespace()
        assert (await one_ended())[0] == "client namespace disconnect"
        client.socket.send("40/lab,")
        said = await client.next()
        assert isinstance(said, Said)
        assert said.kind == "connect"


async def test_rooms_can_still_be_read_when_the_socket_has_ended(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        await client.call("join", "csgo")
        await client.call("join", "bt1")
        client.socket.drop()
        assert await one_ended() == ("transport close", frozenset({"csgo", "bt1"}))


async def test_the_application_may_end_a_plain_socket(application: RealtimeApplication) -> None:
    async with connected(application, "plain", "/lab") as client:
        client.emit("go")
        assert await client.ended() == ("disconnected", 1000)
        assert (await one_ended())[0] == "server namespace disconnect"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("disconnected", 1000),
        ("going_away", 1012),
        ("signed_out", 4401),
        ("rate_limited", 4429),
        ("namespace_closed", 4403),
        ("banned", 4403),
    ],
)
async def test_the_plain_door_closes_with_the_reasons_code(
    application: RealtimeApplication, reason: str, code: int
) -> None:
    async with connected(application, "plain", "/lab") as client:
        client.emit("go", reason)
        assert await client.ended() == (reason, code)


@pytest.mark.parametrize("reason", ["disconnected", "signed_out", "namespace_closed", "forbidden"])
async def test_a_final_end_is_a_disconnect_packet_on_socket_io(
    application: RealtimeApplication, reason: str
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        main = SocketIoClient(client.socket, "/")
        main.connect()
        await main.next()
        client.emit("go", reason)
        assert await client.ended() == (None, None)
        assert await main.call("echo", "goes on") == ["goes on"]


@pytest.mark.parametrize("reason", ["going_away", "rate_limited", "outbox"])
async def test_an_end_to_come_back_from_closes_the_transport_alone(
    application: RealtimeApplication, reason: str
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        client.emit("go", reason)
        assert await client.ended() == (None, 1000)


async def test_events_on_their_way_when_the_server_ends_a_socket_end_nothing_else(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        main = SocketIoClient(client.socket, "/")
        main.connect()
        await main.next()
        client.emit("go")
        client.emit("echo", "already sent")
        assert await client.ended() == (None, None)
        # It had not heard of its end yet when it sent these.
        client.emit("echo", "crossed on the way")
        client.leave_namespace()
        assert await main.call("echo", "goes on") == ["goes on"]


async def test_a_socket_that_ends_with_a_full_inbox_lets_its_session_go_on(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        main = SocketIoClient(client.socket, "/")
        main.connect()
        await main.next()
        client.emit("wait", "gate")
        for _ in range(20):
            client.emit("nothing")
        await until(lambda: Lab.started_handlers)
        await turns(50)
        assert client.socket.untaken
        await Lab.live[client.sid].disconnect()
        assert await client.ended() == (None, None)
        Lab.gates["gate"].set()
        assert await main.call("echo", "goes on") == ["goes on"]


async def test_nothing_is_emitted_behind_the_end(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        consumer = Lab.live[client.sid]
        await consumer.join("csgo")
        await consumer.disconnect()
        await consumer.emit("late")
        await consumer.join("csgo")
        process = await application.lifecycle.process()
        assert process.adapter.members("/lab", "csgo") == []
        await client.ended()
        client.socket.drop()
        with pytest.raises(AssertionError, match="without another word"):
            await client.next()


async def test_a_server_that_stops_sends_everybody_away_to_come_back(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        await client.call("join", "csgo")
        await application.lifecycle.drain(0.01)
        expected = ("going_away", 1012) if door == "plain" else (None, 1000)
        assert await client.ended() == expected
        assert await one_ended() == ("server shutting down", frozenset({"csgo"}))


async def test_a_draining_server_takes_nobody_in(
    application: RealtimeApplication, door: str
) -> None:
    await application.lifecycle.drain(0)
    async with open_socket(application, door) as socket:
        assert (await socket.refused())[0] == 503


async def test_a_silent_socket_io_client_ends_as_ping_timeout(
    application: RealtimeApplication,
) -> None:
    clock = MovedClock()
    async with connected(application, "socket.io", "/lab") as client:
        await clock.advance(25)
        assert await client.socket.data() == "2"
        await clock.advance(20)
        assert (await one_ended())[0] == "ping timeout"
