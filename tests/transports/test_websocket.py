import asyncio
from typing import Any

import pytest

from realtime.exceptions import SessionClosed
from realtime.protocol.wire_message import WireMessage
from realtime.transports import websocket
from realtime.transports.websocket import WebSocketTransport
from tests.helpers.waiting import turns, until
from tests.transports.fakes import FakeServer, FakeWriter


def make(server: FakeServer, *, max_bytes: int = 100, **kwargs: Any) -> WebSocketTransport:
    limits: dict[str, Any] = {"outbox_bytes": 0, "outbox_messages": 0, "on_overflow": lambda: None}
    return WebSocketTransport(
        server.scope, server.receive, server.send, max_bytes=max_bytes, **limits, **kwargs
    )


async def opened(server: FakeServer, **kwargs: Any) -> WebSocketTransport:
    transport = make(server, **kwargs)
    server.connect()
    await transport.accept()
    return transport


async def test_accepting_takes_the_handshake_and_passes_headers() -> None:
    server = FakeServer()
    server.connect()
    await make(server).accept([(b"x-a", b"b")])
    assert server.sent == [{"type": "websocket.accept", "headers": [(b"x-a", b"b")]}]


async def test_a_client_that_left_before_is_not_accepted() -> None:
    server = FakeServer()
    server.disconnect(1006)
    with pytest.raises(SessionClosed):
        await make(server).accept()
    assert server.sent == []


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("gone")])
async def test_a_client_that_leaves_while_it_is_accepted_ends_the_session(
    error: Exception,
) -> None:
    server = FakeServer()
    server.fails_with = error
    server.connect()
    with pytest.raises(SessionClosed):
        await make(server).accept()


@pytest.mark.parametrize("data", ["text", b"bytes", "", b""])
async def test_messages_come_in_as_text_or_bytes(data: str | bytes) -> None:
    server = FakeServer()
    transport = await opened(server)
    server.say(data)
    assert await transport.receive() == data


async def test_servers_that_name_both_kinds_are_understood() -> None:
    server = FakeServer()
    transport = await opened(server)
    server.incoming.put_nowait({"type": "websocket.receive", "text": None, "bytes": b"x"})
    server.incoming.put_nowait({"type": "websocket.receive", "text": "", "bytes": None})
    assert [await transport.receive(), await transport.receive()] == [b"x", ""]


@pytest.mark.parametrize("data", ["x" * 100, b"x" * 100, "ü" * 50, "€" * 33])
async def test_a_message_at_the_limit_passes(data: str | bytes) -> None:
    server = FakeServer()
    transport = await opened(server)
    server.say(data)
    assert await transport.receive() == data


@pytest.mark.parametrize("data", ["x" * 101, b"x" * 101, "ü" * 51, "€" * 34])
async def test_a_message_beyond_the_limit_closes_with_1009(data: str | bytes) -> None:
    server = FakeServer()
    transport = await opened(server)
    server.say(data)
    with pytest.raises(SessionClosed):
        await transport.receive()
    await transport.closed()
    assert server.close_code == 1009


async def test_the_end_of_the_connection_ends_the_session_with_its_code() -> None:
    server = FakeServer()
    transport = await opened(server)
    server.disconnect(1001)
    with pytest.raises(SessionClosed) as closed:
        await transport.receive()
    assert closed.value.code == 1001
    assert not transport.send(WireMessage("late"))
    transport.close(1000)
    await transport.closed()
    assert server.close_code is None


async def test_a_refusal_has_status_and_body_where_the_server_can_send_them() -> None:
    server = FakeServer()
    server.scope["extensions"]["websocket.http.response"] = {}
    server.connect()
    server.disconnect()
    await make(server).refuse(403, b"no", [(b"content-type", b"text/plain")])
    assert server.sent == [
        {
            "type": "websocket.http.response.start",
            "status": 403,
            "headers": [(b"content-type", b"text/plain")],
        },
        {"type": "websocket.http.response.body", "body": b"no"},
    ]


async def test_a_refusal_elsewhere_is_a_close_before_the_accept() -> None:
    server = FakeServer()
    server.connect()
    await make(server).refuse(403, b"no")
    assert server.sent == [{"type": "websocket.close", "code": 4403}]


@pytest.mark.parametrize("code", [1000, 1003, 1009, 1012, 4403])
async def test_the_close_code_is_sent_as_it_is_behind_what_waits(code: int) -> None:
    server = FakeServer()
    transport = await opened(server)
    transport.send(WireMessage("last"))
    transport.close(code, "why")
    transport.close(4999)
    await transport.closed()
    assert server.data == ["last"]
    assert server.sent[-1] == {"type": "websocket.close", "code": code, "reason": "why"}


@pytest.mark.parametrize(
    ("code", "shown"), [(1003, 4003), (1009, 4009), (1012, 4012), (1000, 1000)]
)
async def test_stock_daphne_gets_codes_that_it_accepts(
    monkeypatch: pytest.MonkeyPatch, code: int, shown: int
) -> None:
    monkeypatch.setattr(websocket, "_runs_under_daphne", lambda: True)
    server = FakeServer()
    transport = await opened(server)
    assert not transport.can_stop_reading
    transport.close(code)
    await transport.closed()
    assert server.close_code == shown


async def test_a_client_that_reads_nothing_is_closed_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT_S", 0.02)
    server = FakeServer()
    transport = await opened(server)
    server.block()
    transport.send(WireMessage("x"))
    await turns()
    transport.close(1000)
    await asyncio.wait_for(transport.closed(), 2)
    assert server.data == []
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_a_close_that_the_client_forestalled_raises_nothing() -> None:
    server = FakeServer()
    transport = await opened(server)
    server.fails_with = RuntimeError("already closed")
    transport.close(1000)
    await transport.closed()


async def test_our_own_servers_are_given_frames_and_the_very_code() -> None:
    writer = FakeWriter()
    server = FakeServer(writer)
    transport = await opened(server)
    message = WireMessage("a", b"b")
    transport.send(message)
    transport.close(1009, "too big")
    await transport.closed()
    assert writer.written == [message.frames]
    assert writer.closed == (1009, "too big")
    assert server.data == []


async def test_our_own_servers_are_told_to_stop_reading() -> None:
    writer = FakeWriter()
    transport = await opened(FakeServer(writer))
    assert transport.can_stop_reading
    transport.pause_reading()
    transport.pause_reading()
    assert writer.is_paused
    transport.resume_reading()
    transport.resume_reading()
    assert not writer.is_paused


async def test_a_paused_client_is_read_again_when_it_is_closed() -> None:
    writer = FakeWriter()
    transport = await opened(FakeServer(writer))
    transport.pause_reading()
    transport.close(1000)
    assert not writer.is_paused
