"""Refused handshakes and pings, on each server as far as it can."""

import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.servers.application import FORBIDDEN
from tests.servers.running import (
    FRAMED,
    RunningServer,
    Servers,
    masked_frame,
    running,
    wait_for,
)


@pytest.fixture(scope="module", params=FRAMED)
def pinging(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server with quick pings."""
    with running(request.param, ping_interval_s=0.3, ping_timeout_s=0.4) as started:
        yield started


def test_a_refused_handshake_is_answered_with_the_application_s_status_and_body(
    server: RunningServer,
) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(server.url("/socket.io/refused")):
        pass
    answer = refused.value.response
    assert (answer.status_code, bytes(answer.body)) == (403, FORBIDDEN)
    assert answer.headers["Content-Type"] == "application/json"


def test_a_close_before_the_accept_is_a_403(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(server.url("/ws/closed")):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        b"Sec-WebSocket-Protocol: \xff",
        b"X-Smuggled: a\x0bCookie: sessionid=stolen",
        b"X-Smuggled: a\x85Origin: http://elsewhere",
        b"Sec-WebSocket-Version: 12",
    ],
)
def test_daphne_refuses_a_malformed_handshake_and_serves_on(
    servers: Servers, header: bytes
) -> None:
    daphne = servers("daphne")
    with (
        daphne.begin("/ws/malformed", header) as client,
        pytest.raises(AssertionError, match=r"HTTP/1\.1 4"),
    ):
        client.read_answer()
    with daphne.open("/ws/healthy") as healthy:
        healthy.say("well")
        assert healthy.text() == "well"


def test_pings_keep_their_fractions_of_a_second(pinging: RunningServer) -> None:
    with pinging.open("/ws/answering") as client:
        began = time.monotonic()
        for _ in range(3):
            first, payload = client.frame()
            assert first == 0x89
            client.connection.sendall(masked_frame(0x8A, payload))
        # Three intervals of 0.3 s, and not three of a whole second.
        assert 0.8 < time.monotonic() - began < 1.9
        client.say("alive")
        assert client.text() == "alive"


def test_who_answers_no_ping_is_ended_but_not_on_engine_io_s_path(
    pinging: RunningServer,
) -> None:
    with pinging.open("/socket.io/quiet") as engine, pinging.open("/ws/quiet") as plain:
        assert plain.frame()[0] == 0x89
        first, payload = plain.frame()
        assert (first, payload) == (0x88, (1011).to_bytes(2) + b"ping timeout")
        engine.say("no ping before this")
        assert engine.frame() == (0x81, b"no ping before this")


def test_who_is_not_listened_to_is_not_ended_for_silence(pinging: RunningServer) -> None:
    with (
        pinging.open("/socket.io/asker") as asker,
        pinging.open("/ws/watched") as held,
        pinging.open("/ws/quiet") as quiet,
    ):
        asker.command("pause", of="watched")
        while quiet.frame()[0] != 0x88:
            pass
        # One that was heard, and answered as little, has ended by now.
        asker.command("resume", of="watched")
        held.say("still here")
        assert held.text() == "still here"
        wait_for(lambda: asker.ask("tell", of="watched")["received"] == 1)
