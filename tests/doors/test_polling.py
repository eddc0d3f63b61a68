"""Long-polling: requests that wait, overlap, are dropped, are too large or wrong."""

import asyncio

import pytest

from realtime.doors.request_body import READ_TIMEOUT_S
from realtime.server import RealtimeApplication
from realtime.transports.polling import LINGER_S, MAX_PACKETS_OUT
from realtime.transports.session import MAX_PACKETS_IN
from tests.helpers.clock import MovedClock
from tests.helpers.engine_links import barrier, join, payload, polling
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import ROUTES, Lab

UNKNOWN_SID = {"code": 1, "message": "Session ID unknown"}


async def reasons() -> list[str]:
    """Why the sockets of this test have ended, once one has."""
    await until(lambda: Lab.ended)
    return [reason for reason, _rooms in Lab.ended]


async def test_a_post_is_answered_ok(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        answer = await link.post("40/lab,")
        assert (answer.status, answer.body) == (200, b"ok")
        assert answer.header("content-type") == "text/html"
        assert answer.header("content-length") == "2"


async def test_a_get_waits_until_there_is_something(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await turns(20)
        assert not poll.is_answered
        await link.send('42/lab,["back","now"]')
        assert (await poll.answer()).packets == ['42/lab,["back","now"]']


async def test_a_second_get_ends_the_session(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        first = link.begin_poll()
        await turns()
        second = await link.poll()
        assert (second.status, second.body) == (400, b"")
        assert (await first.answer()).packets == ["1"]
        third = await link.poll()
        assert (third.status, third.json) == (400, UNKNOWN_SID)
        assert (await link.post("40")).json == UNKNOWN_SID
        assert await reasons() == ["transport error"]


async def test_a_second_post_ends_the_session(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        waiting = link.begin_poll()
        first = link.begin_post()
        first.feed(b'42/lab,["ec', more=True)
        await turns()
        second = await link.post("40")
        assert (second.status, second.body) == (400, b"")
        assert (await waiting.answer()).packets == ["1"]
        first.feed(b'ho"]')
        assert (await first.answer()).status == 400
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["transport error"]


async def test_a_get_and_a_post_together_are_normal(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        poll, post = link.begin_poll(), link.begin_post()
        await turns()
        post.feed(b'42/lab,7["echo",', more=True)
        await turns()
        assert not poll.is_answered
        post.feed(b"1]")
        assert (await post.answer()).body == b"ok"
        assert (await poll.answer()).packets == ["43/lab,7[1]"]


async def test_a_dropped_poll_ends_the_session(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await turns()
        poll.hang_up()
        await poll.finished()
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["transport error"]


async def test_a_post_dropped_within_its_body_ends_the_session(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        post = link.begin_post()
        post.feed(b"42/lab,", more=True)
        await turns()
        post.hang_up()
        await post.finished()
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["transport error"]


async def test_packets_that_come_as_the_client_leaves_are_not_taken_for_delivered(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        poll = link.begin_poll()
        await turns()
        # In one turn of the loop: which of the two the server sees first must not matter.
        poll.hang_up()
        Lab.live[sid].socket.send(Lab.live[sid].socket.wire.disconnected("/lab", ""), False)
        await poll.finished()
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["transport error"]


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (b"", "an empty packet"),
        (b"abc", "an unknown type"),
        (b"4\x1e", "an empty packet behind a good one"),
        (b"2", "only servers ping"),
        (b"2probe", "a probe belongs on a WebSocket"),
        (b"7", "an unknown type"),
        (b"b", "bytes where none are due"),
        (b"b###", "bad base64"),
        (b"bAAA", "base64 without its padding"),
        (b"\xff\xfe", "not UTF-8"),
        (b"4\xed\xa0\x80", "a lone surrogate"),
        (b"4", "an empty message"),
        (b"4abc", "an unknown Socket.IO type"),
    ],
)
async def test_a_bad_payload_is_400_and_ends_the_session(
    application: RealtimeApplication, body: bytes, because: str
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await turns()
        answer = await link.begin_post(body).answer()
        assert (answer.status, answer.body) == (400, b""), because
        assert (await poll.answer()).packets == ["1"]
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["parse error"]


async def test_good_packets_before_a_bad_one_are_handled(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        Lab.gates["here"] = asyncio.Event()
        answer = await link.post('42/lab,["wait","here"]', "9", '42/lab,["wait","not here"]')
        assert answer.status == 400
        await until(lambda: Lab.started_handlers)
        assert Lab.started_handlers == ["here"]
        Lab.gates["here"].set()
        assert await reasons() == ["parse error"]


@pytest.mark.parametrize("packet", ["3", "3probe", "5", "6", "0", "0{}"])
async def test_packets_that_mean_nothing_here_are_ignored(
    application: RealtimeApplication, packet: str
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        await link.send(packet)
        assert await barrier(link, "/lab") == []


async def test_octet_streams_are_refused(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        answer = await link.client.request(
            "POST", link.query, b"\x04", headers=(("content-type", "application/octet-stream"),)
        )
        assert (answer.status, answer.body) == (400, b"")
        assert (await link.poll()).json == UNKNOWN_SID


@pytest.mark.parametrize(
    "header",
    [
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "Application/X-WWW-Form-Urlencoded"),
        ("content-encoding", "gzip"),
    ],
)
async def test_what_only_forms_send_is_refused_unread(
    application: RealtimeApplication, header: tuple[str, str]
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        answer = await link.client.request("POST", link.query, b"41/lab,", headers=(header,))
        assert answer.status == 415
        assert await barrier(link, "/lab") == []


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "text/plain", None])
async def test_real_clients_content_types_are_taken(
    application: RealtimeApplication, content_type: str | None
) -> None:
    headers = () if content_type is None else (("content-type", content_type),)
    async with polling(application, headers=headers) as link:
        assert set(await join(link, "/lab")) == {"sid"}


async def test_another_method_is_not_allowed(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        answer = await link.client.request("PUT", link.query, b"41")
        assert answer.status == 405
        assert answer.header("allow") == "GET, POST, OPTIONS"


async def test_a_body_is_counted_while_it_streams() -> None:
    async with (
        serving(ROUTES, max_payload_bytes=1_000) as application,
        polling(application, headers=(("content-length", "3"),)) as link,
    ):
        await join(link, "/lab")
        post = link.begin_post()
        post.feed(b"4" * 600, more=True)
        await turns()
        assert not post.is_answered
        post.feed(b"4" * 401, more=True)
        answer = await post.answer()
        assert (answer.status, answer.body) == (413, b"")
        post.feed(b"4" * 1_000, more=True)
        await turns()
        assert post.taken_bytes == 1_001
        # The session lives on: its client can do better.
        assert await barrier(link, "/lab") == []


async def test_a_body_of_just_the_limit_is_taken() -> None:
    async with serving(ROUTES, max_payload_bytes=100) as application, polling(application) as link:
        await join(link, "/lab")
        text = f'42/lab,["back","{"x" * 82}"]'
        assert len(text) == 100
        await link.send(text)
        assert (await link.poll()).packets == [text]


async def test_a_body_that_does_not_come_ends_the_session(
    application: RealtimeApplication,
) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        await join(link, "/lab")
        post = link.begin_post()
        post.feed(b"42", more=True)
        await turns()
        await clock.advance(READ_TIMEOUT_S)
        assert (await post.answer()).status == 408
        assert (await link.poll()).json == UNKNOWN_SID


async def test_a_payload_may_hold_many_packets_but_not_any_number(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        await link.send(*["3"] * MAX_PACKETS_IN)
        assert (await link.post(*["3"] * (MAX_PACKETS_IN + 1))).status == 400


async def test_an_answer_holds_at_most_sixteen_packets(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        await link.send(*[f'42/lab,["back",{number}]' for number in range(40)])
        heard: list[str] = []
        sizes: list[int] = []
        while len(heard) < 40:
            await turns(20)
            packets = (await link.poll()).packets
            sizes.append(len(packets))
            heard += packets
        assert heard == [f'42/lab,["back",{number}]' for number in range(40)]
        assert max(sizes) == MAX_PACKETS_OUT == 16


async def test_a_packet_and_its_attachments_are_in_one_answer(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        texts = [f'42/lab,["back",{number}]' for number in range(15)]
        placeholders = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(2))
        binary = f'452-/lab,["back",{placeholders}]'
        await link.send(*texts, binary, b"\x00\xff", b"")
        await turns(40)
        assert (await link.poll()).packets == texts
        assert (await link.poll()).packets == [binary, "bAP8=", "b"]


async def test_a_client_that_closes_gets_a_noop_and_no_more(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        poll = link.begin_poll()
        await turns()
        answer = await link.post("1")
        assert (answer.status, answer.body) == (200, b"ok")
        assert (await poll.answer()).packets == ["6"]
        assert (await link.poll()).json == UNKNOWN_SID
        assert (await link.post("40")).json == UNKNOWN_SID
        assert await reasons() == ["transport close"]


async def test_a_close_right_behind_a_poll_finds_it_waiting(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        # On two connections, read in one turn of the server's loop.
        poll, post = link.begin_poll(), link.begin_post(b"1")
        assert (await poll.answer()).packets == ["6"]
        assert (await post.answer()).body == b"ok"


async def test_a_client_that_closes_without_a_poll_is_unknown_at_once(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        await link.send("1")
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["transport close"]


async def test_packets_behind_a_close_are_ignored(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link, "/lab")
        await link.send("1", '42/lab,["wait","never"]')
        assert await reasons() == ["transport close"]
        assert Lab.started_handlers == []


@pytest.mark.parametrize("is_polled", [True, False])
async def test_what_the_server_ends_for_good_says_so(
    application: RealtimeApplication, is_polled: bool
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        poll = link.begin_poll() if is_polled else None
        await turns()
        Lab.live[sid].socket.end_connection()
        await turns()
        assert (await link.post("3")).json == UNKNOWN_SID
        poll = poll or link.begin_poll()
        assert (await poll.answer()).packets == ["41/lab,", "1"]
        assert (await link.poll()).json == UNKNOWN_SID
        assert await reasons() == ["server namespace disconnect"]


async def test_the_last_packets_are_not_kept_for_ever(application: RealtimeApplication) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        Lab.live[sid].socket.end_connection()
        await clock.advance(LINGER_S - 1)
        assert len(application._sessions) == 1
        await clock.advance(1.1)
        assert len(application._sessions) == 0
        assert (await link.poll()).json == UNKNOWN_SID


@pytest.mark.parametrize("is_polled", [True, False])
async def test_a_client_that_may_come_back_gets_no_close_packet(
    application: RealtimeApplication, is_polled: bool
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        poll = link.begin_poll() if is_polled else None
        await turns()
        Lab.live[sid].socket.end("going_away")
        poll = poll or link.begin_poll()
        answer = await poll.answer()
        assert (answer.status, answer.json) == (400, UNKNOWN_SID)
        assert await reasons() == ["server shutting down"]


@pytest.mark.parametrize("is_polled", [True, False])
async def test_what_was_sent_before_the_server_went_away_still_arrives(
    application: RealtimeApplication, is_polled: bool
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        poll = link.begin_poll() if is_polled else None
        await turns()
        await Lab.live[sid].emit("last", 1)
        Lab.live[sid].socket.end("going_away")
        poll = poll or link.begin_poll()
        assert (await poll.answer()).packets == ['42/lab,["last",1]']
        assert (await link.poll()).json == UNKNOWN_SID


async def test_pings_go_on_without_a_poll(application: RealtimeApplication) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        await join(link, "/lab")
        await clock.advance(25)
        assert (await link.poll()).packets == ["2"]
        await link.send("3")
        await clock.advance(24.9)
        poll = link.begin_poll()
        await turns()
        assert not poll.is_answered
        await clock.advance(0.2)
        assert (await poll.answer()).packets == ["2"]


@pytest.mark.parametrize("is_polled", [True, False])
async def test_a_client_that_answers_no_ping_is_gone(
    application: RealtimeApplication, is_polled: bool
) -> None:
    clock = MovedClock()
    async with polling(application) as link:
        await join(link, "/lab")
        await clock.advance(25)
        if is_polled:
            assert (await link.poll()).packets == ["2"]
        poll = link.begin_poll() if is_polled else None
        await turns()
        await clock.advance(19.9)
        assert Lab.ended == []
        await clock.advance(0.2)
        poll = poll or link.begin_poll()
        assert (await poll.answer()).json == UNKNOWN_SID
        assert await reasons() == ["ping timeout"]


async def test_volatile_events_only_reach_a_poll_that_waits(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as link:
        sid = (await join(link, "/lab"))["sid"]
        lab = Lab.live[sid]
        await lab.emit("lost", volatile=True)
        poll = link.begin_poll()
        await turns()
        await lab.emit("first", b"\x01", volatile=True)
        await lab.emit("second", volatile=True)
        await lab.emit("kept")
        binary = '451-/lab,["first",{"_placeholder":true,"num":0}]'
        assert (await poll.answer()).packets == [binary, "bAQ==", '42/lab,["kept"]']


async def test_a_session_ends_when_too_much_waits_for_its_client() -> None:
    async with (
        serving(ROUTES, outbox_messages=3) as application,
        polling(application) as link,
        polling(application) as other,
    ):
        await join(link, "/lab")
        await join(other, "/lab")
        for number in range(4):
            await other.send(f'42/lab,["say",{{"text":{number}}}]')
        assert await reasons() == ["forced server close"]
        assert (await link.poll()).json == UNKNOWN_SID
        assert await barrier(other, "/lab") == []


async def test_a_handlers_own_emit_waits_for_room() -> None:
    async with serving(ROUTES, outbox_messages=2) as application, polling(application) as link:
        await join(link, "/lab")
        await link.send(*[f'42/lab,["back",{number}]' for number in range(10)])
        heard = [await link.packet() for _ in range(10)]
        assert heard == [f'42/lab,["back",{number}]' for number in range(10)]


async def test_a_post_waits_while_the_inbox_is_full() -> None:
    async with serving(ROUTES, inbox_messages=2) as application, polling(application) as link:
        await join(link, "/lab")
        Lab.gates["shut"] = asyncio.Event()
        waits = payload('42/lab,["wait","shut"]', *['42/lab,["back"]'] * 5)
        post = link.begin_post(waits)
        await turns(30)
        assert not post.is_answered
        Lab.gates["shut"].set()
        assert (await post.answer()).body == b"ok"
        assert [await link.packet() for _ in range(5)] == ['42/lab,["back"]'] * 5
