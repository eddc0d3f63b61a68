"""What is counted while clients come, do things and go beyond limits."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from realtime.counting import (
    BOUNDS_S,
    MAX_CODES,
    MAX_SERIES,
    OTHER,
    HandledEvents,
    Tally,
    Times,
    current_counts,
)
from realtime.doors.metrics_text import LIMITS
from realtime.namespaces.broadcast import of
from realtime.namespaces.figures import take_figures
from realtime.namespaces.running import find_process
from realtime.namespaces.tickets import issue_ticket
from realtime.server import RealtimeApplication
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import (
    Said,
    SocketIoClient,
    connected,
    open_socket,
    refused,
)
from tests.helpers.engine_links import polling
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import ROUTES, Lab

PACKAGES = [Path(__file__).parents[2] / name for name in ("realtime", "rooms")]


def limits() -> dict[str, int]:
    return {labels[0]: count for labels, count in current_counts().limits.values.items()}


def test_every_limit_is_counted_somewhere() -> None:
    sources = [file.read_text() for folder in PACKAGES for file in folder.rglob("*.py")]
    counted = {
        found
        for source in sources
        for found in re.findall(r'"([a-z_]+)"', source)
        if re.search(
            rf'(count_limit\([^)]*|limit=|dropped_for = [^\n]*|_option="?)"{found}"', source
        )
        or found in {"max_frame_bytes", "max_payload_bytes"}
    }
    assert set(LIMITS) <= counted, set(LIMITS) - counted


def test_labels_beyond_the_most_count_as_others() -> None:
    tally, events = Tally(), HandledEvents()
    for number in range(MAX_SERIES + 50):
        tally.add(f"n{number}", "ok")
        events.add(f"n{number}", "say", "ok", 0.001)
        events.add("n0", "say", f"code {number}", 0.001)
    assert len(tally.values) == len(events.values) == MAX_SERIES + 1
    assert tally.values[OTHER, OTHER] == 50
    assert events.values[OTHER, OTHER].codes == {"ok": 50}
    assert len(events.values["n0", "say"].codes) == MAX_CODES + 1
    assert sum(events.times_by_event()["say"].counts) == MAX_SERIES * 2 + 50
    tally.add("n0", "ok", count=2)
    assert tally.values["n0", "ok"] == 3


def test_a_time_at_a_bound_counts_within_it() -> None:
    times = Times()
    for seconds in (0.0, BOUNDS_S[0], BOUNDS_S[0] * 1.01, BOUNDS_S[-1], BOUNDS_S[-1] + 1):
        times.add(seconds)
    assert times.counts[:2] == [2, 1]
    assert times.counts[-2:] == [1, 1]
    assert times.sum_s == pytest.approx(BOUNDS_S[0] * 2.01 + BOUNDS_S[-1] * 2 + 1)


async def test_events_are_counted_by_their_declared_name_and_what_came_of_them(door: str) -> None:
    async with serving(ROUTES) as application:
        async with connected(application, door, "/lab") as client:
            await client.call("one")
            await client.call("refuse", "forbidden")
            await client.call("fail")
            await client.call("point", "x")
            await client.call("made up")
        async with connected(application, door, "/all") as client:
            await client.call("made up")
        assert current_counts().events.by_code() == {
            ("/lab", "one", "ok"): 1,
            ("/lab", "refuse", "forbidden"): 1,
            ("/lab", "fail", "internal"): 1,
            ("/lab", "point", "bad_request"): 1,
            ("/lab", "unknown_event", "unknown_event"): 1,
            ("/all", "*", "ok"): 1,
        }
        assert sum(current_counts().events.times_by_event()["one"].counts) == 1


async def test_namespaces_are_counted_by_route_where_clients_choose_their_names(door: str) -> None:
    async with serving(ROUTES) as application:
        async with connected(application, door, "/team/7/lions"):
            process = find_process()
            assert process is not None
            figures = await take_figures(process)
        await until(lambda: current_counts().disconnects.values)
        await refused(application, door, "/nowhere")
        await refused(application, "socket.io", "/lab", auth={"refuse": "forbidden"})
        label = "/team/<int:number>/<slug:name>"
        assert figures.sockets == {(label, door, "websocket"): 1}
        assert figures.connections == {(door, "websocket"): 1}
        assert current_counts().connects.values == {
            (label, "ok"): 1,
            ("unknown_namespace", "unknown_namespace"): 1,
            ("/lab", "forbidden"): 1,
        }
        assert [labels[0] for labels in current_counts().disconnects.values] == [label]
        assert current_counts().sessions.values[(door,)] >= 1


async def test_what_waits_is_known(door: str) -> None:
    async with (
        serving(ROUTES, outbox_messages=0, events_per_s=0) as application,
        connected(application, door, "/lab") as client,
    ):
        process = find_process()
        assert process is not None
        client.emit("wait", "gate")
        await until(lambda: Lab.started_handlers)
        client.emit("nothing", "x" * 500)
        client.socket.pause()
        for _ in range(20):
            await of("/lab").aemit("said", "x" * 100)
        await turns()
        figures = await take_figures(process)
        assert figures.queues.inbox_bytes > 500
        assert figures.queues.outbox_bytes > 1_000
        assert figures.adapter.deliveries == 20
        Lab.gates["gate"].set()
        client.socket.resume()


async def _too_deep(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        client.emit("echo", [[[[[[[[[[]]]]]]]]]])
        await turns(20)


async def _too_big(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        client.emit("echo", "x" * 2_000)
        await client.socket.closed()


async def _too_often(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        for _ in range(8):
            await client.call("one")


async def _too_many_joins(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        for _ in range(3):
            await client.call("limited join")


async def _too_many_sessions(application: RealtimeApplication, door: str) -> None:
    async with (
        connected(application, door),
        connected(application, door),
        connected(application, door),
        connected(application, door),
        open_socket(application, door) as socket,
    ):
        await turns(20)
        del socket


async def _not_read(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        client.socket.pause()
        for _ in range(30):
            await of("/lab").aemit("said", "x")
            await turns()
        client.socket.resume()


async def _not_read_in_bytes(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        client.socket.pause()
        for _ in range(8):
            await of("/lab").aemit("said", "x" * 10_000)
            await turns()
        client.socket.resume()


async def _not_answered(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        asking = client.ask("ask me", 0.01)
        del asking
        await until(lambda: "ack_timeout_s" in limits())


async def _busy(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/lab") as client:
        client.emit("wait", "gate")
        await until(lambda: Lab.started_handlers)
        for _ in range(6):
            client.emit("nothing")
        await turns(50)
        Lab.gates["gate"].set()
        await turns(50)


Breach = Callable[[RealtimeApplication, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("option", "breach"),
    [
        ("max_json_depth", _too_deep),
        ("max_{}_bytes", _too_big),
        ("events_per_s", _too_often),
        ("joins_per_s", _too_many_joins),
        ("max_sessions_per_address", _too_many_sessions),
        ("outbox_messages", _not_read),
        ("outbox_bytes", _not_read_in_bytes),
        ("ack_timeout_s", _not_answered),
        ("inbox_messages", _busy),
    ],
)
async def test_a_limit_is_counted_when_it_bites(option: str, breach: Breach, door: str) -> None:
    tight: dict[str, Any] = {
        "max_json_depth": 8,
        "max_frame_bytes": 1_000,
        "max_payload_bytes": 1_000,
        "events_per_s": 1,
        "events_burst": 7,
        "joins_per_s": 1,
        "joins_burst": 2,
        "max_sessions_per_address": 4,
        "outbox_messages": 10,
        "outbox_bytes": 40_000,
        "inbox_messages": 4,
    }
    async with serving(ROUTES, **tight) as application:
        await breach(application, door)
        expected = option.format("frame" if door == "plain" else "payload")
        await until(lambda: expected in limits())
        assert set(limits()) == {expected}
        assert limits()[expected] >= 1


async def test_limits_of_socketio_alone_are_counted() -> None:
    clock = MovedClock()
    async with serving(ROUTES, max_attachments=1, max_namespaces=1) as application:
        async with connected(application, "socket.io", "/lab") as client:
            other = SocketIoClient(client.socket, "/free")
            other.connect()
            assert isinstance(await other.next(), Said)
            client.socket.send('452-/lab,0["echo"]')
            assert await client.ended() == (None, 1000)
        async with polling(application) as link:
            body = link.begin_post(b"4" * 1_000_001)
            assert (await body.answer()).status == 413
        async with open_socket(application, "socket.io") as silent:
            await silent.accepted()
            await clock.advance(21)
            await until(lambda: "connect_timeout_s" in limits())
    assert limits() == {
        "max_namespaces": 1,
        "max_attachments": 1,
        "max_payload_bytes": 1,
        # The polling session, which joined nothing, and the silent one.
        "connect_timeout_s": 2,
    }


async def test_a_client_that_does_not_answer_pings_is_counted() -> None:
    clock = MovedClock()
    async with (
        serving(ROUTES) as application,
        connected(application, "socket.io", "/lab") as client,
    ):
        await clock.advance(26)
        assert await client.socket.data() == "2"
        await clock.advance(21)
        assert await client.socket.closed() == 1000
    assert limits() == {"ping_timeout_s": 1}


async def test_a_volatile_event_that_a_slow_client_misses_is_counted(door: str) -> None:
    async with (
        serving(ROUTES) as application,
        connected(application, door, "/lab") as client,
    ):
        client.socket.pause()
        await of("/lab").aemit("said", 0)
        await turns()
        for number in range(5):
            await of("/lab").volatile.aemit("said", number)
        assert current_counts().volatile_dropped == 5
        client.socket.resume()


@pytest.mark.django_db(transaction=True)
async def test_one_session_of_a_user_too_many_is_counted(door: str) -> None:
    user = await get_user_model().objects.acreate(username="alice")

    def auth() -> dict[str, str]:
        return {"ticket": issue_ticket(user)}

    async with serving(ROUTES, max_sessions_per_user=1) as application:
        async with connected(application, door, auth=auth()):
            await refused(application, door, auth=auth())
        assert limits() == {"max_sessions_per_user": 1}
