"""Requests for sessions of another process: what only a forwarded one can meet."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from realtime.adapters import links
from realtime.adapters.streams import WINDOW_BYTES
from realtime.doors.engine_requests import EngineError, new_handshake, owner_of
from realtime.namespaces.process import Process, ProcessState
from tests.helpers.engine_links import PollingLink, join, polling, websocket
from tests.helpers.scattering import Scattered, scattering
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import ROUTES, Lab

OWN_COOKIE = (("cookie", "sessionid=mine"),)


@pytest.fixture
async def scattered() -> AsyncIterator[Scattered]:
    async with scattering(ROUTES) as scattered:
        yield scattered


async def steady(process: Process) -> None:
    """Wait until the process can say of another one that it is gone."""
    adapter = process.adapter
    loop = asyncio.get_running_loop()
    await until(
        lambda: adapter.steady_since and loop.time() - adapter.steady_since >= links.SETTLE_S  # type: ignore[attr-defined]
    )


async def parked(link: PollingLink) -> None:
    """Wait until the session's GET waits at its owner."""
    application = link.client.application
    assert isinstance(application, Scattered)
    session = application.owner._sessions.find(link.handshake["sid"], {})
    assert session is not None
    await until(lambda: session.polling is not None and session.polling.is_polled)


async def test_a_sid_names_its_process_in_front_of_160_random_bits(scattered: Scattered) -> None:
    owner, _front = await scattered.processes()
    sids = {new_handshake(owner.id, owner.options, transport="polling").sid for _ in range(100)}
    assert {owner_of(sid) for sid in sids} == {owner.id}
    secret_parts = {sid.removeprefix(owner.id) for sid in sids}
    # 27 characters of 6 bits each, the last one of 4.
    assert len(secret_parts) == 100
    assert {len(part) for part in secret_parts} == {27}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_foreign_malformed_and_unbound_sids_look_the_same(
    scattered: Scattered, method: str
) -> None:
    owner, front = await scattered.processes()
    await steady(front)
    async with polling(scattered, headers=OWN_COOKIE) as link:
        client = link.client
        tail = secrets.token_urlsafe(20)
        sids = ["x", "nobody__" + tail, front.id + tail, owner.id + tail, owner.id + "ü" * 27]
        answers = [
            await client.request(method, f"EIO=4&transport=polling&sid={sid}", b"2") for sid in sids
        ]
        for headers in ((), (("cookie", "sessionid=another"),)):
            answers.append(await client.request(method, link.query, b"2", headers=headers))
        assert {(answer.status, answer.body) for answer in answers} == {
            (400, EngineError.UNKNOWN_SID.body)
        }
        assert len({tuple(answer.headers) for answer in answers}) == 1
        # The right cookie still has it.
        await join(link, "/lab")


async def test_a_websocket_for_an_unknown_sid_is_refused(scattered: Scattered) -> None:
    owner, front = await scattered.processes()
    await steady(front)
    for process_id in ("nobody__", owner.id):
        sid = process_id + secrets.token_urlsafe(20)
        async with websocket(scattered, f"sid={sid}") as socket:
            assert await socket.refused() == (400, EngineError.UNKNOWN_SID.body)


async def test_sessions_of_a_process_that_left_are_unknown_at_once(scattered: Scattered) -> None:
    _owner, front = await scattered.processes()
    await steady(front)
    async with polling(scattered) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await parked(link)
        await scattered.owner.lifecycle.stop()
        for answer in (await poll.answer(), await link.poll(), await link.post("40")):
            assert (answer.status, answer.body) == (400, EngineError.UNKNOWN_SID.body)
        assert answer.header("retry-after") is None


async def test_a_layer_that_is_away_answers_503_and_spares_own_sessions(
    scattered: Scattered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "REACH_PATIENCE_S", 0.2)
    monkeypatch.setattr("realtime.adapters.peers.PEER_LIFE_S", 0.1)
    owner, front = await scattered.processes()
    async with polling(scattered) as link, polling(scattered.owner) as own:
        await join(own, "/lab")
        scattered.layer.fault = "raises"
        await until(lambda: owner.adapter.lost_at and front.adapter.lost_at)
        answer = await link.poll()
        assert answer.status == 503
        assert answer.header("retry-after") == "1"
        await own.send('42/lab,["back","mine"]')
        assert await own.packet() == '42/lab,["back","mine"]'
        scattered.layer.fault = ""


@pytest.mark.parametrize("fault", ["raises", "hangs", "loses"])
async def test_a_layer_that_is_away_for_a_moment_costs_nothing(
    scattered: Scattered, fault: str
) -> None:
    _owner, front = await scattered.processes()
    async with polling(scattered) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await parked(link)
        scattered.layer.fault = fault
        post = link.begin_post(b'42/lab,["back","later"]')
        await until(lambda: front.adapter.lost_at)
        scattered.layer.fault = ""
        assert (await post.answer()).body == b"ok"
        assert (await poll.answer()).packets == ['42/lab,["back","later"]']


async def test_a_payload_whose_client_left_ends_the_session(scattered: Scattered) -> None:
    async with polling(scattered) as link:
        sid = (await join(link, "/lab"))["sid"]
        poll = link.begin_poll()
        await parked(link)
        # The payload is on its way to the other process when the client goes there.
        scattered.layer.fault = "loses"
        await Lab.live[sid].emit("on its way")
        poll.hang_up()
        await poll.finished()
        scattered.layer.fault = ""
        await until(lambda: Lab.ended)
        assert [reason for reason, _rooms in Lab.ended] == ["transport error"]
        assert (await link.poll()).json["code"] == 1


async def test_a_payload_whose_process_died_ends_the_session(
    scattered: Scattered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.adapters.peers.PEER_LIFE_S", 0.2)
    owner, front = await scattered.processes()
    async with polling(scattered) as link:
        sid = (await join(link, "/lab"))["sid"]
        poll = link.begin_poll()
        await parked(link)
        for task in front.adapter._tasks:  # type: ignore[attr-defined]
            task.cancel()
        await Lab.live[sid].emit("to the dead")
        await until(lambda: Lab.ended)
        assert [reason for reason, _rooms in Lab.ended] == ["transport error"]
        poll.hang_up()
        assert owner.adapter.links is not None
        assert owner.adapter.links.streams == 0


async def test_a_process_that_goes_away_lets_its_polls_go_and_the_session_live(
    scattered: Scattered,
) -> None:
    _owner, front = await scattered.processes()
    async with polling(scattered) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await parked(link)
        await scattered.front.lifecycle.drain(0)
        assert (await poll.answer()).packets == ["6"]
        assert front.state is ProcessState.DRAINING
        # One that comes late is let go, too.
        assert (await link.poll()).packets == ["6"]
        await link.send('42/lab,["back","still here"]')
        assert await link.packet() == '42/lab,["back","still here"]'


async def test_a_websocket_through_a_process_that_goes_away_is_closed(
    scattered: Scattered,
) -> None:
    async with polling(scattered) as link:
        sid = (await join(link, "/lab"))["sid"]
        async with websocket(scattered, f"sid={link.handshake['sid']}") as socket:
            await socket.accepted()
            socket.send("2probe")
            assert await socket.data() == "3probe"
            socket.send("5")
            await until(lambda: Lab.live[sid].transport_name == "websocket")
            await scattered.front.lifecycle.drain(0)
            assert await socket.closed() == 1012
        await until(lambda: Lab.ended)
        assert [reason for reason, _rooms in Lab.ended] == ["transport close"]


async def test_a_body_that_is_too_large_does_not_travel(scattered: Scattered) -> None:
    owner, _front = await scattered.processes()
    most = owner.options.max_payload_bytes
    async with polling(scattered) as link:
        await join(link, "/lab")
        post = link.begin_post()
        post.feed(b"4" * (most * 3))
        answer = await post.answer()
        assert (answer.status, answer.body) == (413, b"")
        assert owner.adapter.links is not None
        await link.send('42/lab,["back","lives on"]')
        assert await link.packet() == '42/lab,["back","lives on"]'


async def test_a_client_that_does_not_read_its_websocket_is_sent_away(
    scattered: Scattered,
) -> None:
    async with polling(scattered) as link:
        sid = (await join(link, "/lab"))["sid"]
        async with websocket(scattered, f"sid={link.handshake['sid']}") as socket:
            await socket.accepted()
            socket.send("2probe")
            assert await socket.data() == "3probe"
            socket.send("5")
            await until(lambda: Lab.live[sid].transport_name == "websocket")
            socket.pause()
            text = "x" * (WINDOW_BYTES // 4)
            for _ in range(100):
                if Lab.ended:
                    break
                await Lab.live[sid].in_(Lab.live[sid].socket_id).emit("much", text)
                await turns()
            assert [reason for reason, _rooms in Lab.ended] == ["forced close"]
            socket.resume()
