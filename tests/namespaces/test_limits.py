import asyncio
import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from realtime.conf import Limits
from realtime.namespaces.addresses import _warn_of_blind_proxy
from realtime.namespaces.broadcast import of
from realtime.namespaces.rates import Patience, TokenBucket
from realtime.namespaces.tickets import issue_ticket
from realtime.transports import websocket
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import (
    DoorClient,
    Refusal,
    Said,
    SocketIoClient,
    connected,
    open_socket,
    refused,
)
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import ROUTES, Lab

TOO_MANY = {"code": "rate_limited"}


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


async def test_a_plain_frame_at_the_limit_passes_and_one_beyond_closes_with_1009() -> None:
    async with (
        serving(ROUTES, max_frame_bytes=200) as application,
        connected(application, "plain", "/lab") as client,
    ):
        frame = '{"event":"echo","args":["%s"],"id":0}'
        client.socket.send(frame % ("x" * (200 - len(frame) + 2)))
        assert json.loads(str(await client.socket.data()))["ack"] == 0
        client.socket.send(frame % ("x" * (201 - len(frame) + 2)))
        assert await client.socket.closed() == 1009


async def test_a_payload_at_the_limit_passes_and_one_beyond_closes_with_1009() -> None:
    async with (
        serving(ROUTES, max_payload_bytes=200) as application,
        connected(application, "socket.io", "/lab") as client,
    ):
        packet = '42/lab,0["echo","%s"]'
        client.socket.send(packet % ("x" * (200 - len(packet) + 2)))
        assert str(await client.socket.data()).startswith("43/lab,0")
        client.socket.send(packet % ("x" * (201 - len(packet) + 2)))
        assert await client.socket.closed() == 1009


async def test_depth_beyond_the_limit_is_a_bad_frame_or_ends_the_session(door: str) -> None:
    # What wraps the arguments counts: an object and an array, or an array.
    most = 6 if door == "plain" else 7
    async with (
        serving(ROUTES, max_json_depth=8) as application,
        connected(application, door, "/lab") as client,
    ):
        assert await client.call("echo", nested(most)) == [nested(most)]
        client.emit("echo", nested(most + 1))
        if door == "plain":
            said = await client.next()
            assert isinstance(said, Said)
            assert said.data["code"] == "bad_frame"
            assert await client.call("one") == [{"ok": True}]
        else:
            assert await client.ended() == (None, 1000)


async def test_one_attachment_too_many_ends_the_session() -> None:
    async with (
        serving(ROUTES, max_attachments=2) as application,
        connected(application, "socket.io", "/lab") as client,
    ):
        client.socket.send('452-/lab,0["echo"]')
        client.socket.send(b"a")
        client.socket.send(b"b")
        assert await client.socket.data() == "43/lab,0[]"
        client.socket.send('453-/lab,0["echo"]')
        assert await client.ended() == (None, 1000)


async def test_one_namespace_too_many_is_refused() -> None:
    async with (
        serving(ROUTES, max_namespaces=3) as application,
        connected(application, "socket.io", "/") as main,
    ):
        clients = [SocketIoClient(main.socket, f"/team/{n}/x") for n in range(3)]
        for client, kind in zip(clients, ["connect", "connect", "connect_error"], strict=True):
            client.connect()
            said = await client.next()
            assert isinstance(said, Said)
            assert said.kind == kind
            if kind == "connect_error":
                assert said.data["data"] == TOO_MANY
        clients[0].leave_namespace()
        clients[2].connect()
        said = await clients[2].next()
        assert isinstance(said, Said)
        assert said.kind == "connect"


async def test_an_address_holds_so_many_sessions(door: str) -> None:
    async with serving(ROUTES, max_sessions_per_address=2) as application:
        async with connected(application, door), connected(application, "plain"):
            if door == "plain":
                assert await refused(application, door) == Refusal(
                    "Too many connections from your address.", TOO_MANY, 4429
                )
            else:
                async with open_socket(application, door) as socket:
                    assert await socket.refused() == (403, b'{"code":4,"message":"Forbidden"}')
            async with connected(application, door, client=("198.51.100.7", 1)):
                pass
        async with connected(application, door), connected(application, door):
            pass


async def test_sessions_behind_a_proxy_that_is_not_trusted_share_no_limit(door: str) -> None:
    _warn_of_blind_proxy.cache_clear()
    headers = (("x-forwarded-for", "6.6.6.6"),)
    async with (
        serving(ROUTES, max_sessions_per_address=1) as application,
        connected(application, door, headers=headers),
        connected(application, door, headers=headers),
    ):
        pass


@pytest.mark.django_db(transaction=True)
async def test_a_user_holds_so_many_sessions(door: str) -> None:
    user = await get_user_model().objects.acreate(username="alice")

    def auth() -> dict[str, str]:
        return {"ticket": issue_ticket(user)}

    async with serving(ROUTES, max_sessions_per_user=2) as application:
        async with (
            connected(application, door, auth=auth()),
            connected(application, "socket.io", "/lab", auth=(both := auth())) as client,
        ):
            main = SocketIoClient(client.socket, "/")
            main.connect(both)
            assert isinstance(said := await main.next(), Said)
            assert said.kind == "connect"
            refusal = await refused(application, door, auth=auth())
            assert refusal.data == TOO_MANY
            assert refusal.code == (4429 if door == "plain" else None)
        async with connected(application, door, auth=auth()):
            pass


async def answers(client: DoorClient, count: int, event: str = "one") -> list[Any]:
    """Send so many events at once and return the codes (or "ok") of their acks."""
    ids = [client.ask(event) for _ in range(count)]
    found = {}
    for _ in ids:
        answer = await client.next()
        found[answer.ack_id] = answer.args[0]  # type: ignore[union-attr]
    return ["ok" if found[each] in ({"ok": True}, "in") else found[each]["code"] for each in ids]


async def test_events_beyond_burst_and_rate_are_refused_until_there_are_tokens(
    door: str,
) -> None:
    async with serving(ROUTES, events_per_s=10, events_burst=5) as application:
        clock = MovedClock()
        async with connected(application, door, "/lab") as client:
            assert await answers(client, 6) == ["ok"] * 5 + ["rate_limited"]
            client.emit("one")
            heard = await client.heard()
            assert heard.event == "err"
            assert heard.args[1]["code"] == "rate_limited"
            assert 0 < heard.args[1]["retry_after"] <= 0.1
            await clock.advance(0.25)
            assert await answers(client, 3) == ["ok"] * 2 + ["rate_limited"]


async def test_a_flood_that_is_kept_up_for_three_seconds_is_closed(door: str) -> None:
    async with serving(ROUTES, events_per_s=1, events_burst=1) as application:
        clock = MovedClock()
        async with (
            connected(application, door, "/lab") as client,
            connected(application, door, "/lab") as other,
        ):
            await answers(client, 2)
            for _ in range(3):
                await clock.advance(0.95)
                assert "rate_limited" in await answers(client, 2)
            await clock.advance(0.2)
            client.emit("one")
            client.emit("one")
            expected = ("rate_limited", 4429) if door == "plain" else (None, 1000)
            assert await client.ended() == expected
            assert await other.call("one") == [{"ok": True}]


async def test_excesses_with_pauses_between_them_are_forgiven(door: str) -> None:
    async with serving(ROUTES, events_per_s=1, events_burst=1) as application:
        clock = MovedClock()
        async with connected(application, door, "/lab") as client:
            for _ in range(6):
                assert await answers(client, 2) == ["ok", "rate_limited"]
                await clock.advance(1.5)


async def test_rubbish_and_pings_count_like_events() -> None:
    async with (
        serving(ROUTES, events_per_s=1, events_burst=2) as application,
        connected(application, "plain", "/lab") as client,
    ):
        client.socket.send("rubbish")
        client.socket.send({"ping": 1})
        assert isinstance(await client.next(), Said)
        assert await client.next() == Said("pong", 1)
        client.socket.send("rubbish")
        assert (await client.heard()).args[1]["code"] == "rate_limited"


async def test_joins_have_a_rate_of_their_own(door: str) -> None:
    async with serving(ROUTES, joins_per_s=2, joins_burst=3) as application:
        clock = MovedClock()
        async with connected(application, door, "/lab") as client:
            found = await answers(client, 4, "limited join")
            assert found == ["ok"] * 3 + ["rate_limited"]
            await clock.advance(0.6)
            assert await answers(client, 2, "limited join") == ["ok", "rate_limited"]
            assert await answers(client, 1) == ["ok"]


async def test_a_class_may_raise_its_own_limits(door: str) -> None:
    async with (
        serving(ROUTES, events_per_s=1, events_burst=1) as application,
        connected(application, door, "/free") as client,
    ):
        assert await answers(client, 50) == ["ok"] * 50


def test_limits_of_a_class_are_checked_when_it_is_written() -> None:
    for wrong in ({"events_per_second": 1}, {"database_threads": 1}, {"events_per_s": "many"}):
        with pytest.raises(ImproperlyConfigured, match=f"(?i){next(iter(wrong))}"):
            Limits(**wrong)


async def test_a_client_that_reads_nothing_is_sent_away(door: str) -> None:
    async with (
        serving(ROUTES, outbox_messages=10) as application,
        connected(application, door, "/lab") as client,
    ):
        client.socket.pause()
        sent = 0
        while Lab.live:
            await of("/lab").aemit("said", sent)
            await turns()
            sent += 1
            assert sent < 50
        # One is under way, ten wait, and the next is too much.
        assert sent == 12
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "forced server close"
        client.socket.resume()
        last = ""
        while True:
            message = await client.socket.message()
            if message["type"] == "websocket.close":
                break
            last = message["text"]
        assert message["code"] == (4408 if door == "plain" else 1000)
        if door == "plain":
            # Told why, in place of all that it did not read.
            assert json.loads(last) == {"disconnect": {"reason": "outbox"}}


async def test_a_handlers_own_emit_waits_for_a_slow_client(door: str) -> None:
    async with (
        serving(ROUTES, outbox_messages=5, events_per_s=0) as application,
        connected(application, door, "/lab") as client,
    ):
        client.socket.pause()
        for number in range(30):
            client.emit("back", number)
        await until(lambda: client.socket.untaken)
        client.socket.resume()
        heard = [(await client.heard()).args[0] for _ in range(30)]
        assert heard == list(range(30))


async def test_reading_stops_while_handlers_have_enough_to_do(door: str) -> None:
    async with (
        serving(ROUTES, inbox_messages=4) as application,
        connected(application, door, "/lab") as client,
    ):
        client.emit("wait", "gate")
        await until(lambda: Lab.started_handlers)
        for number in range(10):
            client.emit("back", number)
        await turns(50)
        # Four wait in the inbox and the server takes no more.
        assert client.socket.untaken == 6
        Lab.gates["gate"].set()
        heard = [(await client.heard()).args[0] for _ in range(10)]
        assert heard == list(range(10))


@pytest.mark.parametrize(("size", "fits"), [(0, 1000), (60_000, 4)])
async def test_where_reading_cannot_stop_a_full_inbox_ends_the_socket(
    door: str, size: int, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "_runs_under_daphne", lambda: True)
    async with (
        serving(ROUTES, events_per_s=0) as application,
        connected(application, door, "/lab") as client,
    ):
        client.emit("wait", "gate")
        await until(lambda: Lab.started_handlers)
        for _ in range(fits):
            client.emit("nothing", "x" * size)
        await until(lambda: not client.socket.untaken)
        await turns()
        assert client.sid in Lab.live
        assert Lab.live[client.sid].socket.reason is None
        client.emit("nothing", "x" * size)
        expected = ("rate_limited", 4429) if door == "plain" else (None, 1000)
        assert await client.ended() == expected
        Lab.gates["gate"].set()


async def test_limits_of_nought_do_not_limit(door: str) -> None:
    options = dict.fromkeys(
        [
            "max_namespaces",
            "max_sessions_per_address",
            "max_sessions_per_user",
            "events_per_s",
            "joins_per_s",
            "outbox_bytes",
            "outbox_messages",
            "max_pending_acks",
        ],
        0,
    )
    async with (
        serving(ROUTES, **options) as application,
        connected(application, door, "/lab") as client,
    ):
        client.socket.pause()
        for number in range(2000):
            await of("/lab").aemit("said", number)
        await asyncio.sleep(0)
        client.socket.resume()
        assert [(await client.heard()).args[0] for _ in range(2000)] == list(range(2000))


def test_a_bucket_has_its_burst_and_refills_at_its_rate() -> None:
    bucket = TokenBucket(per_s=2, burst=3, now=10)
    assert [bucket.take(10) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(10) == pytest.approx(0.5)
    assert bucket.take(10.25) == pytest.approx(0.25)
    assert bucket.take(10.5) == 0
    assert [bucket.take(1000) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]


def test_patience_ends_only_with_an_excess_that_is_kept_up() -> None:
    patience = Patience(limit_s=3, gap_s=1)
    assert [patience.is_over(at) for at in (0, 0.9, 1.8, 2.7)] == [False] * 4
    assert not patience.is_over(4)
    assert [patience.is_over(at) for at in (5, 6, 7)] == [False, False, True]
