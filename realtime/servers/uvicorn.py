"""Uvicorn as ``serve --server uvicorn`` runs it: our WebSocket class, no surprises, a drain.

The class extends Uvicorn's own sans-I/O protocol, whose fields it reads; `tests/servers` compares
the bytes on the wire with the stock path.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from uvicorn import Config, Server
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from realtime.conf import Options
from realtime.counting import count_limit
from realtime.servers.closing import CLOSE_TIMEOUT_S, TOO_BIG, fit_reason
from realtime.servers.doors import (
    largest_message_bytes,
    max_message_bytes,
    max_message_option,
    needs_pings,
)
from realtime.servers.lifecycle import ServerLife
from realtime.servers.listening import BACKLOG, listen
from realtime.transports.base import FRAMES_EXTENSION, AsgiApplication

_LOW_WATER_BYTES = 16_384
# Whole seconds, as Uvicorn takes them: what a last request may take once the sockets are gone.
_LAST_REQUESTS_S = 1


class UvicornFrames:
    """The ``FrameWriter`` of one connection: the transport's own write, without ASGI's way."""

    __slots__ = ("_callbacks", "_protocol", "_transport")

    def __init__(self, protocol: "RealtimeWebSocket") -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        # Two equal marks: a buffer that is not low is one whose draining is told of.
        self._transport.set_write_buffer_limits(high=_LOW_WATER_BYTES, low=_LOW_WATER_BYTES)
        self._callbacks: list[Callable[[], None]] = []

    def write(self, frames: bytes) -> None:
        """Write finished frames while the socket is open; else nothing happens."""
        protocol, transport = self._protocol, self._transport
        if protocol.is_open and not transport.is_closing():
            transport.write(frames)

    def buffered_bytes(self) -> int:
        """Return how many bytes the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Call back once, when the buffer is low; at once if it is, or if all is lost."""
        self._callbacks.append(callback)
        if self._protocol.disconnected or self.buffered_bytes() <= _LOW_WATER_BYTES:
            self.call_back()

    def pause_reading(self) -> None:
        """Stop taking bytes from the client."""
        self._protocol.hold_reading(True)

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._protocol.hold_reading(False)

    def close(self, code: int, reason: str) -> None:
        """Write a close frame with this code behind what waits, and end in bounded time."""
        self._protocol.end(code, reason)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

    def call_back(self) -> None:
        """Tell those who wait for room; they write in a turn of their own."""
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._protocol.loop.call_soon(callback)


class OriginBlindProtocol(ServerProtocol):
    """A handshake whose Origin is the application's to judge: 400 is no answer to a doubled one."""

    def process_origin(self, headers: Headers) -> None:
        """Let every Origin pass."""


class RealtimeWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket under our Uvicorn server."""

    options: Options

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = OriginBlindProtocol(
            extensions=self.conn.available_extensions,
            max_size=config.ws_max_size,
            logger=logging.getLogger("uvicorn.error"),
        )
        self.frame_writer: UvicornFrames | None = None
        self._is_held = False
        self._fragments = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether the handshake was accepted and no close frame was sent."""
        return self.handshake_complete and not self.close_sent

    def hold_reading(self, is_held: bool) -> None:
        """Stop reading, or go on, for the engine."""
        self._is_held = is_held
        self._update_reading()

    def end(self, code: int, reason: str) -> None:
        """Close with this code behind what waits; the connection ends soon, come what may."""
        if not self.is_open or self.transport.is_closing() or self.conn.state is not State.OPEN:
            return
        self.conn.send_close(code, fit_reason(reason))
        self._begin_closing(code, reason)
        # The peer's answer must be read to end cleanly.
        self._update_reading()

    # What Uvicorn calls.

    def handle_connect(self, event: Request) -> None:
        """Start the application with our extension, where frames are not compressed."""
        path = event.path.partition("?")[0]
        self.conn.max_message_size = max_message_bytes(self.options, path)
        super().handle_connect(event)
        if self.close_sent:
            return
        if not needs_pings(self.options, path):
            self.ping_interval = None
        if not self.conn.extensions:
            self.frame_writer = UvicornFrames(self)
            # The application's task was made just now and has not run yet.
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[FRAMES_EXTENSION] = self.frame_writer

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection failed: the rest of it is thrown away."""
        if self.conn.parser_exc is None:
            super().data_received(data)

    def handle_text(self, event: Frame) -> None:
        """Hand over a text message, or begin to collect one."""
        self._begin_message("text", event)

    def handle_bytes(self, event: Frame) -> None:
        """Hand over a binary message, or begin to collect one."""
        self._begin_message("bytes", event)

    def handle_cont(self, event: Frame) -> None:
        """Collect into one buffer: a list of one-byte fragments takes sixty times their size."""
        self._fragments += event.data
        if event.fin:
            self.frames = [bytes(self._fragments)]
            self._fragments = bytearray()
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        """Queue a message for the application; stop reading when enough of them wait.

        Uvicorn stops after each, at two calls of the event loop.
        """
        data = bytes(self.frames[0])
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                self._fail(1007, "not UTF-8")
                return
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        if self.queue.qsize() >= self.options.inbox_messages:
            self.read_paused = True
            self._update_reading()

    async def receive(self) -> ASGIReceiveEvent:
        """ASGI's receive; what is taken makes room for reading on."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._update_reading()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's send; a close goes the same way as the extension's."""
        if message["type"] == "websocket.close" and self.is_open and not self.disconnected:
            code = message.get("code")
            self.end(1000 if code is None else code, message.get("reason") or "")
            return
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            # The answer is complete; Uvicorn would log that the application gave none.
            self.handshake_complete = True

    def handle_close(self, event: Frame) -> None:
        """The peer closes, or answers our close; a peer that takes nothing is not waited for."""
        super().handle_close(event)
        self._abort_later()

    def handle_parser_exception(self) -> None:
        """Too large or malformed: the parser has written the close frame."""
        close = self.conn.close_sent
        if close is not None and close.code == TOO_BIG:
            count_limit(max_message_option(self.options, self.scope["path"]))
        if close is not None:
            self._begin_closing(close.code, close.reason)
        self._shut_own_half()

    def keepalive_timeout(self) -> None:
        """End a peer that answered no ping, unless we did not listen."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if not self.is_open or self.transport.is_closing():
            return
        if self.read_paused or self._is_held:
            self.schedule_ping()
            return
        count_limit("ping_timeout_s")
        self._fail(1011, "ping timeout")

    def resume_writing(self) -> None:
        """The buffer is low again."""
        super().resume_writing()
        if self.frame_writer is not None:
            self.frame_writer.call_back()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        super().connection_lost(exc)
        if self.frame_writer is not None:
            self.frame_writer.call_back()

    # Helpers.

    def _begin_message(self, kind: str, event: Frame) -> None:
        self.curr_msg_data_type = "text" if kind == "text" else "bytes"
        if event.fin:
            self.frames = [bytes(event.data)]
            self.send_receive_event_to_app()
        else:
            self._fragments = bytearray(event.data)

    def _update_reading(self) -> None:
        if self.transport.is_closing():
            return
        if (self.read_paused or self._is_held) and not self.close_sent:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _fail(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self._begin_closing(code, reason)
        self._shut_own_half()

    def _begin_closing(self, code: int, reason: str) -> None:
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # Told at once: the application need not wait for a peer that may never answer.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._abort_later()

    def _shut_own_half(self) -> None:
        # What still comes is read and thrown away: closing at once would reset the connection,
        # and the peer would never see the code.
        if not self.transport.is_closing():
            self.transport.write_eof()

    def _abort_later(self) -> None:
        if self.close_timer is None and not self.disconnected:
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)


class RealtimeServer(Server):
    """Uvicorn's server around which the application's lifecycle runs; signals are ours."""

    def __init__(self, config: Config, life: ServerLife, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._life = life
        self._ready = ready

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen; returns when a signal ended both."""
        self._life.handle_signals()
        await self._life.start()
        listen(sockets or [])
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell who waits for it."""
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn would cut its sockets at the first signal; ours drain first."""
        yield


def serve(
    application: AsgiApplication,
    sockets: Sequence[socket.socket],
    options: Options,
    *,
    ready: Callable[[], None],
) -> None:
    """Serve until a signal; ``ready`` is called once connections are accepted."""
    # Its lines name full paths, queries with their secrets included.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    async def finish() -> None:
        server.should_exit = True

    life = ServerLife(
        application,
        drain_s=options.drain_s,
        gc_threshold=options.gc_threshold,
        finish=finish,
    )
    protocol = type("RealtimeWebSocket", (RealtimeWebSocket,), {"options": options})
    config = Config(
        cast(Any, life.application),
        interface="asgi3",
        lifespan="off",
        ws=protocol,
        ws_max_size=largest_message_bytes(options),
        ws_per_message_deflate=False,
        ws_ping_interval=options.ping_interval_s,
        ws_ping_timeout=options.ping_timeout_s,
        backlog=BACKLOG,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_LAST_REQUESTS_S,
    )
    server = RealtimeServer(config, life, ready)
    server.run(sockets=list(sockets))
