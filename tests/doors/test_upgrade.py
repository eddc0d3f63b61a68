"""A WebSocket takes over from long-polling, whatever both sides send meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from realtime.server import RealtimeApplication
from realtime.transports.session import PROBE_NOOP_S
from tests.helpers.asgi_socket import AsgiSocket, Headers
from tests.helpers.clock import MovedClock
from tests.helpers.engine_links import PollingLink, barrier, join, polling, websocket
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces import lab
from tests.namespaces.lab import Lab

BAD_REQUEST = {"code": 3, "message": "Bad request"}
UNKNOWN_SID = {"code": 1, "message": "Session ID unknown"}


@asynccontextmanager
async def second(
    application: RealtimeApplication, link: PollingLink, headers: Headers = ()
) -> AsyncIterator[AsgiSocket]:
    """A WebSocket that names the session, accepted."""
    async with websocket(application, f"sid={link.handshake['sid']}", headers=headers) as socket:
        yield await socket.accepted()


async def probe(socket: AsgiSocket) -> None:
    socket.send("2probe")
    assert await socket.data() == "3probe"


async def heard(socket: AsgiSocket) -> list[str | bytes]:
    """What the WebSocket hears up to a later answer."""
    socket.send('42/lab,999["echo"]')
    came: list[str | bytes] = []
    while (packet := await socket.data()) != "43/lab,999[]":
        came.append(packet)
    return came


async def test_a_session_moves_over(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        assert Lab.live[sid].transport_name == "polling"
        async with second(application, link) as socket:
            await probe(socket)
            socket.send("5")
            assert await heard(socket) == []
            assert Lab.live[sid].transport_name == "websocket"
            for answer in (await link.poll(), await link.post("40")):
                assert (answer.status, answer.json) == (400, BAD_REQUEST)
            assert await heard(socket) == []
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "transport close"
        assert (await link.poll()).json == UNKNOWN_SID


async def test_a_poll_that_hangs_is_let_go(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await turns()
        async with second(application, link) as socket:
            await probe(socket)
            assert (await poll.answer()).packets == ["6"]
            socket.send("5")
            assert await heard(socket) == []


async def test_polls_sent_after_the_probe_are_let_go_again_and_again(
    application: RealtimeApplication,
) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await probe(socket)
            for _ in range(3):
                poll = link.begin_poll()
                await turns()
                await clock.advance(PROBE_NOOP_S)
                assert (await poll.answer()).packets == ["6"]
            socket.send("5")
            assert await heard(socket) == []


async def test_a_poll_that_still_hangs_when_the_upgrade_is_done_is_let_go(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await probe(socket)
            await turns()
            poll = link.begin_poll()
            await turns()
            socket.send("5")
            assert (await poll.answer()).packets == ["6"]
            assert await heard(socket) == []


async def test_nothing_is_lost_doubled_or_reordered_on_the_way(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        numbers = iter(range(10_000))

        async def say(count: int) -> None:
            for _ in range(count):
                number = next(numbers)
                data = (bytes([number & 255]),) if number % 3 == 0 else ()
                await Lab.live[sid].emit("n", number, *data)

        came: list[str] = []
        await say(5)
        came += (await link.poll()).packets
        async with second(application, link) as socket:
            await say(5)
            await probe(socket)
            await say(5)
            came += (await link.poll()).packets
            poll = link.begin_poll()
            await turns()
            await say(5)
            came += (await poll.answer()).packets
            await say(30)
            socket.send("5")
            await say(5)
            await turns()
            await say(5)
            after = await heard(socket)
        polled = [packet for packet in came if packet != "6" and not packet.startswith("b")]
        texts = [*polled, *(packet for packet in after if isinstance(packet, str))]
        assert [int(text.split('"n",')[1].split(",")[0].rstrip("]")) for text in texts] == [
            *range(60)
        ]
        by_poll = [packet for packet in came if packet.startswith("b")]
        by_websocket = [packet for packet in after if isinstance(packet, bytes)]
        assert len(by_poll) + len(by_websocket) == 20


async def test_what_a_handler_waited_to_send_moves_over_too() -> None:
    async with serving(lab.ROUTES, outbox_messages=2) as application, polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        consumer = Lab.live[sid]
        for number in (1, 2):
            await consumer.emit("told", number)
        waiting = [asyncio.create_task(consumer.emit("told", number)) for number in (3, 4)]
        await turns()
        assert not any(task.done() for task in waiting)
        async with second(application, link) as socket:
            await probe(socket)
            socket.send("5")
            told = [await socket.data() for _ in range(4)]
            assert told == [f'42/lab,["told",{number}]' for number in (1, 2, 3, 4)]
        await asyncio.gather(*waiting)


async def test_what_the_client_posts_meanwhile_counts(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await link.send('42/lab,["back","before the probe"]')
            await probe(socket)
            await link.send('42/lab,["back","after it"]')
            socket.send("5")
            socket.send('42/lab,["back","by WebSocket"]')
            assert await heard(socket) == [
                '42/lab,["back","before the probe"]',
                '42/lab,["back","after it"]',
                '42/lab,["back","by WebSocket"]',
            ]


@pytest.mark.parametrize(
    "packet", ["2", "2prob", "3probe", "5", "4hello", "40", "", "abc", "1", b"2probe", b""]
)
async def test_another_packet_than_the_probe_ends_the_probe_alone(
    application: RealtimeApplication, packet: str | bytes
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            socket.send(packet)
            await socket.closed()
        assert await barrier(link, "/lab") == []
        async with second(application, link) as socket:
            await probe(socket)


@pytest.mark.parametrize("packet", ["5x", "2probe", "4hello", "6", "", "abc", b"5"])
async def test_another_packet_than_the_upgrade_ends_the_probe_alone(
    application: RealtimeApplication, packet: str | bytes
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await probe(socket)
            socket.send(packet)
            await socket.closed()
        assert await barrier(link, "/lab") == []
        poll = link.begin_poll()
        await asyncio.sleep(PROBE_NOOP_S * 1.5)
        # No noop any more.
        assert not poll.is_answered


@pytest.mark.parametrize("has_probed", [True, False])
async def test_a_probe_that_goes_away_leaves_polling_alone(
    application: RealtimeApplication, has_probed: bool
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            if has_probed:
                await probe(socket)
        assert await barrier(link, "/lab") == []
        async with second(application, link) as socket:
            await probe(socket)
            socket.send("5")
            assert await heard(socket) == []


@pytest.mark.parametrize("has_probed", [True, False])
async def test_a_probe_has_its_time(application: RealtimeApplication, has_probed: bool) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            if has_probed:
                await probe(socket)
            await clock.advance(9.9)
            assert socket.is_served
            await clock.advance(0.2)
            await socket.closed()
        assert await barrier(link, "/lab") == []


async def test_a_second_websocket_during_a_probe_is_closed(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await probe(socket)
            async with second(application, link) as late:
                await late.closed()
            socket.send("5")
            assert await heard(socket) == []


async def test_a_second_websocket_after_the_upgrade_is_closed(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await probe(socket)
            socket.send("5")
            async with second(application, link) as late:
                await late.closed()
            assert await heard(socket) == []


async def test_an_upgrade_that_a_proxy_made_a_plain_request_takes_no_packets(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        await Lab.live[sid].emit("kept")
        query = link.query.replace("polling", "websocket")
        answer = await link.client.request("GET", query)
        assert (answer.status, answer.json) == (400, BAD_REQUEST)
        assert (await link.poll()).packets == ['42/lab,["kept"]']


async def test_a_ping_on_the_way_is_answered_on_either_side(
    application: RealtimeApplication,
) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        await join(link, "/lab")
        await clock.advance(20)
        async with second(application, link) as socket:
            await probe(socket)
            await clock.advance(5)
            socket.send("5")
            assert await socket.data() == "2"
            await clock.advance(19)
            socket.send("3")
            assert await heard(socket) == []
            await clock.advance(24)
            assert await heard(socket) == []
            await clock.advance(2)
            assert await socket.data() == "2"
            await clock.advance(20)
            await socket.closed()
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "ping timeout"


async def test_a_session_that_ends_takes_its_probe_along(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        async with second(application, link) as socket:
            await probe(socket)
            await link.send("1")
            await socket.closed()
        assert (await link.poll()).json == UNKNOWN_SID


async def test_a_session_that_is_over_is_not_upgraded(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        Lab.live[sid].socket.end_connection()
        async with second(application, link) as socket:
            await socket.closed()


async def test_a_volatile_event_after_the_upgrade_goes_by_websocket(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        async with second(application, link) as socket:
            await probe(socket)
            await Lab.live[sid].emit("lost", volatile=True)
            socket.send("5")
            await heard(socket)
            await Lab.live[sid].emit("soft", volatile=True)
            assert await heard(socket) == ['42/lab,["soft"]']
