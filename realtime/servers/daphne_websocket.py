"""Daphne's WebSocket with what stock Daphne lacks.

Finished frames written straight to the socket, back-pressure both ways, every close code, HTTP
answers to refused handshakes, headers of an accept, pings with fractions of a second. Serves plain
TCP only, as our launchers do: TLS ends at the proxy. Names of Twisted, autobahn and Daphne are
theirs; ours are spelled like Python.
"""

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

from realtime.conf import Options
from realtime.counting import count_limit
from realtime.servers.closing import CLOSE_TIMEOUT_S, TOO_BIG, fit_reason
from realtime.servers.daphne_frames import DaphneFrames, TcpTransport
from realtime.servers.doors import max_message_bytes, max_message_option, needs_pings
from realtime.transports.base import Message

# Close codes that stand for "no code" and "no close frame" (RFC 6455 section 7.4.1).
_NO_CODE = 1005
_ABNORMAL = 1006


class Handshake(Protocol):
    """Autobahn's promise of an answer to a handshake, a Twisted ``Deferred``."""

    def callback(self, result: tuple[str | None, dict[str, list[str]]]) -> None:
        """Accept, with a subprotocol and headers."""


class DaphneServer(Protocol):
    """What a connection needs of the server."""

    websocket_connect_timeout: float

    def protocol_disconnected(self, protocol: object) -> None:
        """Note the end of a connection."""

    def log_action(self, protocol: str, action: str, details: dict[str, str | None]) -> None:
        """Write the access log."""


class RealtimeWebSocket(WebSocketProtocol):
    """One WebSocket under our Daphne server."""

    transport: TcpTransport
    frames: DaphneFrames
    options: Options
    # Autobahn's: what came and is not parsed yet.
    data: bytes

    def __init__(self) -> None:
        super().__init__()
        # Daphne's names; set once autobahn has read a valid handshake.
        self.server: DaphneServer | None = None
        self.application_queue: asyncio.Queue[Message] | None = None
        self.handshake_deferred: Handshake | None = None
        self.path = b""
        self.client_addr: tuple[str, int] | None = None
        # What the request's Origin headers say, for the application alone.
        self.origins: list[bytes] = []
        # Why nothing is read: bytes before the handshake's answer, unread messages, the engine.
        self._is_early = False
        self._is_full = False
        self._is_held = False
        self._is_paused = False
        self._was_told = False
        self._was_heard = True
        self._is_pinged = False
        # The next ping, the wait for its pong, or the end of closing: never two of them.
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: tuple[int, list[tuple[bytes, bytes]], list[bytes]] | None = None

    # What the application does.

    async def receive(self, queue: asyncio.Queue[Message]) -> Message:
        """ASGI's receive; what is taken makes room for reading on."""
        message = await queue.get()
        if self._is_full and queue.empty():
            self._is_full = False
            self._update_reading()
        return message

    async def send(self, message: Message) -> None:
        """ASGI's send. After the end it does nothing: the application cannot know it yet."""
        if self.state in {self.STATE_CONNECTING, self.STATE_OPEN}:
            self.handle_reply(message)

    def handle_reply(self, message: Message) -> None:
        """Do what one ASGI message says; raises ``ValueError`` on one that makes no sense now."""
        kind = message["type"]
        if self.state == self.STATE_CONNECTING:
            self._answer_handshake(kind, message)
        elif kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            if (text is None) == (data is None):
                raise ValueError("websocket.send needs either text or bytes")
            if text is not None:
                self.sendFrame(opcode=self.MESSAGE_TYPE_TEXT, payload=text.encode())
            else:
                self.sendFrame(opcode=self.MESSAGE_TYPE_BINARY, payload=data)
        elif kind == "websocket.close":
            code = message.get("code")
            self.end(1000 if code is None else code, message.get("reason") or "")
        else:
            raise ValueError(f"{kind!r} cannot follow websocket.accept")

    def end(self, code: int, reason: str) -> None:
        """Close with this code behind what waits; the connection ends soon, come what may.

        The application is told at once: it need not wait for a peer that may never answer.
        """
        if self.state != self.STATE_OPEN:
            return
        self.sendCloseFrame(code=code, reasonUtf8=fit_reason(reason).encode())
        self._set_timer(CLOSE_TIMEOUT_S, self.transport.abortConnection)
        self._tell(code, reason)
        # The peer's answer must be read to end cleanly.
        self._update_reading()

    def hold_reading(self, is_held: bool) -> None:
        """Stop reading, or go on, for the engine."""
        self._is_held = is_held
        self._update_reading()

    def refuse(
        self, status: int, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b""
    ) -> None:
        """Answer the handshake with an HTTP response instead of a WebSocket."""
        if self.state != self.STATE_CONNECTING:
            return
        self.handshake_deferred = None
        self.wasNotCleanReason = f"refused with {status}"
        self.sendData(_http_response(status, headers or [], body))
        self.dropConnection(abort=False)
        if self.server is not None:
            self.server.protocol_disconnected(self)
        self._log_action("rejected")

    # What Daphne's server calls.

    def check_timeouts(self) -> None:
        """Give up an application that answers no handshake; our own timers do the rest."""
        if self.server is not None and self.duration() > self.server.websocket_connect_timeout:
            self.refuse(503)

    def handle_exception(self, _exception: BaseException) -> None:
        """Tell the peer that the application failed; the server has logged the traceback."""
        self.refuse(500)
        self.end(1011, "internal error")

    def application_ended(self) -> None:
        """Close what an application left open when it returned."""
        self.refuse(500)
        self.end(1000, "")

    # What autobahn and Twisted call.

    def connectionMade(self) -> None:  # noqa: N802
        """Twisted handed the connection over."""
        super().connectionMade()
        # The HTTP side left itself as the one to ask for more; that place is for `on_writable`.
        self.transport.unregisterProducer()
        self.frames = DaphneFrames(self, self.transport)

    def processHandshake(self) -> None:  # noqa: N802
        """Read the handshake but for its Origin: whose pages may come in is the application's word.

        Autobahn answers 400 to an Origin that it cannot parse, such as a doubled one.
        """
        head, end, rest = self.data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        self.origins = [line.partition(b":")[2].strip() for line in lines if _is_origin(line)]
        self.data = b"\r\n".join(line for line in lines if not _is_origin(line)) + end + rest
        super().processHandshake()

    def onConnect(self, request: ConnectionRequest) -> Handshake:  # noqa: N802
        """Autobahn read a valid handshake: start the application, which answers it."""
        subprotocols = request.headers.get("sec-websocket-protocol", "")
        if not subprotocols.isascii():
            raise ConnectionDeny(400, "Bad Sec-WebSocket-Protocol")  # type: ignore[no-untyped-call]
        self.maxMessagePayloadSize = max_message_bytes(self.options, request.path)
        self.maxFramePayloadSize = self.maxMessagePayloadSize
        answer: Handshake = super().onConnect(request)
        return answer

    def onOpen(self) -> None:  # noqa: N802
        """The handshake is answered."""
        self._log_action("connected")
        self._is_early = False
        self._update_reading()
        if needs_pings(self.options, self.path.decode("ascii")):
            self._set_timer(self.options.ping_interval_s, self._ping)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Parse what came, unless the connection failed: the rest of it is thrown away."""
        if self.failedByMe:
            return
        if self.state == self.STATE_CONNECTING and self.server is not None:
            # Frames before the handshake's answer wait; one piece of them is enough.
            self.data += data
            self._is_early = True
            self._update_reading()
            return
        self._was_heard = True
        self._dataReceived(data)

    def consumeData(self) -> None:  # noqa: N802
        """Parse what is buffered, message by message, until reading is to stop."""
        if self.state not in {self.STATE_OPEN, self.STATE_CLOSING}:
            super().consumeData()
            return
        while not self._is_paused and not self.failedByMe and self.processData():
            if self.state == self.STATE_CLOSED:
                return

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803
        """Collect into one buffer: a list of one-byte fragments takes sixty times their size."""
        super().onMessageBegin(isBinary)
        self.message_data = bytearray()

    def onMessageFrameData(self, payload: bytes) -> None:  # noqa: N802
        """Add a piece of a message."""
        if not self.failedByMe:
            self.message_data += payload

    def onMessageFrameEnd(self) -> None:  # noqa: N802
        """Nothing waits for the end of a fragment."""

    def onMessageEnd(self) -> None:  # noqa: N802
        """Hand over a whole message."""
        if not self.failedByMe:
            self.onMessage(bytes(self.message_data), self.message_is_binary)
        self.message_data = bytearray()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        """Queue a message for the application, and stop reading when enough of them wait."""
        queue = self.application_queue
        if self.state != self.STATE_OPEN or queue is None:
            return
        if isBinary:
            queue.put_nowait({"type": "websocket.receive", "bytes": payload})
        else:
            queue.put_nowait({"type": "websocket.receive", "text": payload.decode()})
        if queue.qsize() >= self.options.inbox_messages:
            self._is_full = True
            self._update_reading()

    def onPong(self, payload: bytes) -> None:  # noqa: N802
        """Take the next ping's time from the answer."""
        if self._is_pinged and self.state == self.STATE_OPEN:
            self._is_pinged = False
            self._set_timer(self.options.ping_interval_s, self._ping)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802
        """Write what autobahn frames, on the same way as finished frames."""
        self.frames.push(data)

    def dropConnection(self, abort: bool = False) -> None:  # noqa: N802
        """End the TCP connection, in order where the peer agreed, and in bounded time."""
        if self.state == self.STATE_CLOSED:
            return
        # Autobahn resets even after a complete closing handshake.
        super().dropConnection(abort=abort and not self.wasClean)
        self._set_timer(CLOSE_TIMEOUT_S, self.transport.abortConnection)
        self._tell(self._close_code(), self.remoteCloseReason or "")

    def _fail_connection(self, code: int = 1002, reason: str = "") -> None:
        # Too large, malformed or not UTF-8. Our half is shut behind the close frame, and what
        # still comes is read and thrown away: closing at once would reset the connection, and
        # the peer would never see the code.
        self.failedByMe = True
        if code == TOO_BIG:
            count_limit(max_message_option(self.options, self.path.decode("ascii")))
        self.end(code, reason)
        self.transport.loseWriteConnection()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        """The TCP connection is gone."""
        self._set_timer(0, None)
        self.frames.call_back()
        if self.server is not None:
            # Else autobahn itself refused the handshake, and nobody knows of it.
            self.server.protocol_disconnected(self)
        self._tell(self._close_code(), self.remoteCloseReason or "")
        self._log_action("disconnected")

    # Helpers.

    def _answer_handshake(self, kind: str, message: Message) -> None:
        if kind == "websocket.http.response.body" and self._refusal is not None:
            status, headers, body = self._refusal
            body.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.refuse(status, headers, b"".join(body))
        elif self._refusal is not None:
            raise ValueError(f"{kind!r} cannot follow websocket.http.response.start")
        elif kind == "websocket.accept":
            accepted = (message.get("subprotocol"), _text_headers(message.get("headers") or []))
            answer, self.handshake_deferred = self.handshake_deferred, None
            if answer is not None:
                answer.callback(accepted)
        elif kind == "websocket.close":
            self.refuse(403)
        elif kind == "websocket.http.response.start":
            self._refusal = (message["status"], list(message.get("headers") or []), [])
        else:
            raise ValueError(f"{kind!r} needs websocket.accept first")

    def _update_reading(self) -> None:
        wants_pause = (
            self._is_early or self._is_full or self._is_held
        ) and self.state != self.STATE_CLOSING
        if wants_pause == self._is_paused:
            return
        self._is_paused = wants_pause
        if wants_pause:
            self.transport.pauseProducing()
            return
        # What was read but not parsed comes first, and may be enough again.
        self.consumeData()
        if not self._is_paused:
            self.transport.resumeProducing()

    def _tell(self, code: int, reason: str) -> None:
        if self._was_told or self.application_queue is None:
            return
        self._was_told = True
        self.application_queue.put_nowait(
            {"type": "websocket.disconnect", "code": code, "reason": reason}
        )

    def _close_code(self) -> int:
        if not self.wasClean:
            return _ABNORMAL
        return self.remoteCloseCode or _NO_CODE

    def _ping(self) -> None:
        if self._is_paused:
            # We would not hear the answer.
            self._set_timer(self.options.ping_interval_s, self._ping)
            return
        self._was_heard = False
        self._is_pinged = True
        self.sendPing()
        self._set_timer(self.options.ping_timeout_s, self._check_pong)

    def _check_pong(self) -> None:
        if self._was_heard or self._is_paused:
            self._set_timer(self.options.ping_interval_s, self._ping)
        else:
            count_limit("ping_timeout_s")
            self.end(1011, "ping timeout")

    def _set_timer(self, seconds: float, callback: Callable[[], None] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if callback is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, callback)

    def _log_action(self, action: str) -> None:
        if self.server is None:
            return
        client = "{}:{}".format(*self.client_addr) if self.client_addr else None
        details = {"path": self.path.decode("ascii"), "client": client}
        self.server.log_action("websocket", action, details)


class RealtimeWebSocketFactory(WebSocketFactory):
    """Makes a ``RealtimeWebSocket`` for each upgrade that Daphne's HTTP side hands over."""

    protocol = RealtimeWebSocket

    def __init__(self, server: DaphneServer, options: Options) -> None:
        super().__init__(server, server="")
        self._options = options
        # Size limits and time-outs are each connection's own.
        self.setProtocolOptions(
            allowNullOrigin=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            autoPingInterval=0,
            autoPingTimeout=0,
        )

    def buildProtocol(self, addr: object) -> RealtimeWebSocket:  # noqa: N802
        """Return the protocol of one connection."""
        made: RealtimeWebSocket = super().buildProtocol(addr)
        made.options = self._options
        return made


def _is_origin(line: bytes) -> bool:
    return line.partition(b":")[0].strip().lower() == b"origin"


def _text_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, value in headers:
        _require_one_line(name, value)
        texts.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return texts


def _http_response(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    given = {name.lower() for name, _ in headers}
    lines = [f"HTTP/1.1 {status} {phrase}".encode()]
    for name, value in headers:
        _require_one_line(name, value)
        lines.append(name + b": " + value)
    for name, value in (
        (b"Content-Length", str(len(body)).encode()),
        (b"Connection", b"close"),
        (b"Date", formatdate(usegmt=True).encode()),
    ):
        if name.lower() not in given:
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", body])


def _require_one_line(name: bytes, value: bytes) -> None:
    if {*b"\r\n\0"} & {*name, *value}:
        raise ValueError(f"header {name!r} holds a line break")
