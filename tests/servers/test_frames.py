"""Finished frames, back-pressure and close codes of our own WebSocket classes."""

import struct
from socket import SO_LINGER, SOL_SOCKET

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from realtime.protocol.websocket_frames import encode_frame
from tests.servers.running import RunningServer, masked_frame, wait_for

CODES = (1000, 1003, 1009, 1012, 4400, 4401, 4403, 4404, 4408, 4429)
FLOOD_FRAME = masked_frame(0x81, b"x" * 1_000)
# What a connection may take from a client whose messages nobody reads: both kernels' buffers of
# loopback, a few MB, and our one piece of 64 KiB. A flood of this many bytes does not fit.
FLOOD_FRAMES = 30_000


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_finished_frames_are_the_stock_path_s_bytes(
    framed: RunningServer, kind: str, size: int
) -> None:
    expected = encode_frame("x" * size if kind == "text" else b"x" * size)
    with framed.open("/ws/bytes") as client:
        for way in ("frames", "asgi", "frames"):
            client.command("send", way=way, kind=kind, size=size)
            assert client.read(len(expected)) == expected
        client.say("and nothing else")
        assert client.text() == "and nothing else"


@pytest.mark.parametrize("way", ["frames", "asgi"])
@pytest.mark.parametrize("code", CODES)
def test_each_close_code_arrives_as_it_is(framed: RunningServer, code: int, way: str) -> None:
    with connect(framed.url("/ws/closing"), compression=None) as client:
        client.send(f'{{"do": "close", "way": "{way}", "code": {code}, "reason": "because"}}')
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "because")
    assert closed.value.rcvd_then_sent


def test_a_close_waits_behind_what_was_written_and_nothing_follows_it(
    framed: RunningServer,
) -> None:
    with framed.open("/ws/last") as client, framed.open("/ws/asker") as asker:
        asker.command("send", of="last", way="frames", kind="bytes", size=60_000, times=100)
        asker.command("close", of="last", way="frames", code=1012, reason="é" * 100)
        for _ in range(100):
            assert client.frame() == (0x82, b"x" * 60_000)
        # A reason is cut to what a control frame holds, between characters.
        assert client.frame() == (0x88, (1012).to_bytes(2) + ("é" * 61).encode())
        client.connection.sendall(masked_frame(0x88, (1012).to_bytes(2)))
        with pytest.raises(EOFError):
            client.frame()


def test_a_peer_that_takes_nothing_does_not_hold_up_a_close(framed: RunningServer) -> None:
    with framed.open("/ws/slow") as slow, framed.open("/ws/asker") as asker:
        asker.command("send", of="slow", way="frames", kind="bytes", size=60_000, times=300)
        asker.command("close", of="slow", way="frames", code=1012)
        assert asker.ask("buffered", of="slow") > 1_000_000
        wait_for(lambda: asker.ask("is_gone", of="slow"))
        assert slow.frames_to_the_end() < 300


def test_the_application_hears_at_once_that_it_closed(framed: RunningServer) -> None:
    with framed.open("/ws/watched") as client, framed.open("/ws/asker") as asker:
        asker.command("close", of="watched", way="frames", code=4403)
        wait_for(lambda: asker.ask("tell", of="watched")["ended"] == 4403)
        assert client.frame()[1][:2] == (4403).to_bytes(2)


@pytest.mark.parametrize(
    ("path", "limit"), [("/ws/size", 65_536), ("/socket.io/", 1_000_000), ("/other", 1_000_000)]
)
def test_a_message_over_the_limit_of_its_door_closes_1009(
    framed: RunningServer, path: str, limit: int
) -> None:
    with connect(framed.url(path), compression=None, max_size=None) as client:
        client.send("x" * limit)
        assert client.recv(timeout=5) == "x" * limit
        client.send("x" * (limit + 1))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_flood_far_over_the_limit_still_reads_its_1009(framed: RunningServer) -> None:
    def send_and_hear(client: ClientConnection) -> None:
        client.send(["x" * 60_000 for _ in range(200)])
        client.recv(timeout=5)

    # Where it is raised depends on who is quicker.
    with (
        connect(framed.url("/ws/flood"), compression=None) as client,
        pytest.raises(ConnectionClosed) as closed,
    ):
        send_and_hear(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_fragments_become_one_message_up_to_the_limit(framed: RunningServer) -> None:
    def send_too_much(client: ClientConnection) -> None:
        # The server may have closed before the last fragment is sent.
        client.send(["x" * 40_000, "y" * 40_000])
        client.recv(timeout=5)

    with connect(framed.url("/ws/fragments"), compression=None, max_size=None) as client:
        client.send(["x"] * 2_000 + ["é"])
        assert client.recv(timeout=5) == "x" * 2_000 + "é"
        client.send([b"ab", b"", b"c"])
        assert client.recv(timeout=5) == b"abc"
        with pytest.raises(ConnectionClosed) as closed:
            send_too_much(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked_frame(0x81, b"\xff\xfe"), 1007),
        (masked_frame(0xC1, b"reserved bit"), 1002),
        (masked_frame(0x83, b"unknown kind"), 1002),
        (b"\x81\x03abc", 1002),
        (masked_frame(0x80, b"goes on with nothing"), 1002),
    ],
)
def test_a_malformed_frame_closes_with_its_code(
    framed: RunningServer, data: bytes, code: int
) -> None:
    with framed.open("/ws/malformed") as client:
        client.connection.sendall(data)
        first, payload = client.frame()
        assert (first, int.from_bytes(payload[:2])) == (0x88, code)
        # Our half is shut: the peer need not wait for the time-out.
        with pytest.raises(EOFError):
            client.frame()


def test_a_slow_reader_is_counted_and_its_room_is_told(framed: RunningServer) -> None:
    with framed.open("/ws/slow") as slow, framed.open("/ws/asker") as asker:
        asker.command("send", of="slow", way="frames", kind="bytes", size=60_000, times=300)
        asker.command("tell_when_writable", of="slow")
        waiting = asker.ask("buffered", of="slow")
        assert 1_000_000 < waiting <= 300 * 60_004
        for _ in range(300):
            assert slow.frame() == (0x82, b"x" * 60_000)
        assert asker.text().startswith("writable ")
        assert asker.ask("buffered", of="slow") == 0


def test_room_is_told_at_once_where_nothing_waits(framed: RunningServer) -> None:
    with framed.open("/ws/idle") as client:
        client.command("tell_when_writable")
        assert client.text() == "writable 0"


def test_those_who_wait_for_room_are_told_of_a_loss(framed: RunningServer) -> None:
    with framed.open("/ws/slow") as slow, framed.open("/ws/asker") as asker:
        asker.command("send", of="slow", way="frames", kind="bytes", size=60_000, times=300)
        asker.command("tell_when_writable", of="slow")
        assert asker.ask("buffered", of="slow") > 0
        # A reset, as of a process that was killed.
        slow.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        slow.connection.close()
        assert asker.text().startswith("writable ")
        # Writing on breaks nothing and goes nowhere.
        asker.command("send", of="slow", way="frames", kind="text", size=5)
        asker.command("close", of="slow", way="frames", code=1000)
        asker.say("still here")
        assert asker.text() == "still here"


def test_abort_drops_the_connection_and_what_waits(framed: RunningServer) -> None:
    with framed.open("/ws/slow") as slow, framed.open("/ws/asker") as asker:
        asker.command("send", of="slow", way="frames", kind="bytes", size=60_000, times=300)
        assert asker.ask("buffered", of="slow") > 1_000_000
        asker.command("abort", of="slow")
        wait_for(lambda: asker.ask("is_gone", of="slow"))
        assert slow.frames_to_the_end() < 300


@pytest.mark.parametrize(("stop", "go"), [("pause", "resume"), ("stop_receiving", "receive")])
def test_a_flood_stops_while_nobody_reads_it_and_loses_nothing(
    framed: RunningServer, stop: str, go: str
) -> None:
    with framed.open("/ws/watched") as client, framed.open("/ws/asker") as asker:
        asker.command(stop, of="watched")
        before = asker.ask("tell", of="watched")["received"]
        sent = client.flood(FLOOD_FRAME, at_most=FLOOD_FRAMES)
        assert sent < FLOOD_FRAMES
        # At most what was being handed over when reading stopped.
        assert asker.ask("tell", of="watched")["received"] - before <= 1
        asker.command("hush", of="watched")
        asker.command(go, of="watched")
        client.connection.sendall(client.unsent)
        whole = sent + bool(client.unsent)
        wait_for(lambda: asker.ask("tell", of="watched")["received"] == before + whole)


def test_frames_before_the_handshake_s_answer_wait_for_it(framed: RunningServer) -> None:
    with framed.open("/ws/asker") as asker, framed.begin("/ws/patient") as client:
        wait_for(lambda: asker.ask("is_waiting"))
        client.say("GET / HTTP/1.1\r\n\r\n")
        client.say("second")
        asker.command("let_in")
        client.read_answer()
        assert (client.text(), client.text()) == ("GET / HTTP/1.1\r\n\r\n", "second")


def test_headers_of_an_accept_are_sent(framed: RunningServer) -> None:
    with framed.open("/ws/headers") as client:
        assert b"x-served: yes" in client.answer.lower()


def test_compression_is_not_negotiated(framed: RunningServer) -> None:
    with connect(framed.url("/ws/plain")) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        client.send('{"do": "has_frames"}')
        assert client.recv(timeout=5) == "true"


def test_plain_http_is_served_without_naming_the_server(framed: RunningServer) -> None:
    assert framed.get("/") == b"fine"
