"""An ASGI application that does on its sockets what JSON commands say, for tests of the servers.

A command names its socket with ``"of"``, the last part of that socket's path; default is itself.
"""

import asyncio
import gc
import json
from collections.abc import Callable
from typing import Any

from realtime.protocol.websocket_frames import encode_frame
from realtime.transports.base import FRAMES_EXTENSION, FrameWriter, Message, Receive, Scope, Send

FORBIDDEN = b'{"code":4,"message":"Forbidden"}'


class Socket:
    """One accepted socket and what is known of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.frames: FrameWriter | None = scope["extensions"].get(FRAMES_EXTENSION)
        self.send = send
        self.received = 0
        self.answers = True
        self.ended: int | None = None
        self.may_receive = asyncio.Event()
        self.may_receive.set()
        self.patience = asyncio.timeout(None)

    async def say(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})


class Lifecycle:
    """Writes down the order of things; its drain ends the sockets as the engine does."""

    def __init__(self, sockets: dict[str, Socket]) -> None:
        self._sockets = sockets

    async def start(self) -> None:
        print("start", flush=True)  # noqa: T201

    async def drain(self, seconds: float) -> None:
        print(f"drain {seconds:g}", flush=True)  # noqa: T201
        for name, each in self._sockets.items():
            if name == "stubborn":
                await asyncio.sleep(seconds)
            elif each.frames is not None:
                each.frames.close(1012, "going away")
            else:
                # Granian closes only once nobody receives any more.
                each.patience.reschedule(0)

    async def stop(self) -> None:
        print(f"stop {len(self._sockets)}", flush=True)  # noqa: T201


class CommandedApplication:
    """The application; ``lifecycle`` makes it one that is drained."""

    def __init__(self) -> None:
        self.sockets: dict[str, Socket] = {}
        self.lifecycle = Lifecycle(self.sockets)
        self.replies: list[asyncio.Task[None]] = []
        self.waits_for_door = False
        self.door = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, send)
        elif scope["path"].endswith("/refused"):
            await self._refuse(scope, receive, send)
        elif scope["path"].endswith("/closed"):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        elif scope["path"].endswith("/silent"):
            await receive()
        else:
            await self._serve(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(30)
        told = b"fine"
        if scope["path"] == "/garbage":
            told = json.dumps([*gc.get_threshold(), gc.get_freeze_count()]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": told})

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close"})
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": FORBIDDEN})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        name = scope["path"].rstrip("/").rpartition("/")[2]
        socket = self.sockets[name] = Socket(scope, send)
        try:
            if name == "patient":
                self.waits_for_door = True
                await self.door.wait()
            headers = [(b"x-served", b"yes")] if name == "headers" else []
            await send({"type": "websocket.accept", "headers": headers})
            async with socket.patience:
                await self._read(socket, receive)
        except TimeoutError:
            await send({"type": "websocket.close", "code": 1012, "reason": "going away"})
        finally:
            if self.sockets.get(name) is socket and name not in {"watched", "slow"}:
                del self.sockets[name]

    async def _read(self, socket: Socket, receive: Receive) -> None:
        while True:
            await socket.may_receive.wait()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                socket.ended = message["code"]
                return
            socket.received += 1
            await self._handle(socket, message)

    async def _handle(self, asker: Socket, message: Message) -> None:
        text = message.get("text")
        if text is None:
            await asker.send({"type": "websocket.send", "bytes": message["bytes"]})
        elif not text.startswith("{"):
            if asker.answers:
                await asker.say(text)
        else:
            command = json.loads(text)
            target = self.sockets[command["of"]] if "of" in command else asker
            handler: Callable[..., Any] = getattr(self, f"_do_{command['do']}")
            await handler(asker, target, command)

    async def _do_send(self, _asker: Socket, target: Socket, command: dict[str, Any]) -> None:
        size: int = command["size"]
        data: str | bytes = "x" * size if command["kind"] == "text" else b"x" * size
        for _ in range(command.get("times", 1)):
            if command["way"] == "frames":
                assert target.frames is not None
                target.frames.write(encode_frame(data))
            else:
                key = "text" if isinstance(data, str) else "bytes"
                await target.send({"type": "websocket.send", key: data})

    async def _do_close(self, _asker: Socket, target: Socket, command: dict[str, Any]) -> None:
        if command["way"] == "frames":
            assert target.frames is not None
            target.frames.close(command["code"], command.get("reason", ""))
        else:
            await target.send(
                {
                    "type": "websocket.close",
                    "code": command["code"],
                    "reason": command.get("reason", ""),
                }
            )
        if target.frames is not None:
            # Nothing leaves, and nothing breaks, behind a close.
            target.frames.write(encode_frame("too late"))

    async def _do_abort(self, _asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        assert target.frames is not None
        target.frames.abort()

    async def _do_buffered(self, asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        assert target.frames is not None
        await asker.say(str(target.frames.buffered_bytes()))

    async def _do_is_gone(self, asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        assert target.frames is not None
        # Transports count no bytes once their socket is closed.
        await asker.say(json.dumps(target.frames.buffered_bytes() == 0))

    async def _do_tell_when_writable(
        self, asker: Socket, target: Socket, _command: dict[str, Any]
    ) -> None:
        assert target.frames is not None
        frames, loop = target.frames, asyncio.get_running_loop()

        def tell() -> None:
            text = f"writable {frames.buffered_bytes()}"
            self.replies.append(loop.create_task(asker.say(text)))

        frames.on_writable(tell)

    async def _do_is_waiting(
        self, asker: Socket, _target: Socket, _command: dict[str, Any]
    ) -> None:
        await asker.say(json.dumps(self.waits_for_door))

    async def _do_let_in(self, _asker: Socket, _target: Socket, _command: dict[str, Any]) -> None:
        self.door.set()

    async def _do_pause(self, _asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        assert target.frames is not None
        target.frames.pause_reading()

    async def _do_resume(self, _asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        assert target.frames is not None
        target.frames.resume_reading()

    async def _do_stop_receiving(
        self, _asker: Socket, target: Socket, _command: dict[str, Any]
    ) -> None:
        target.may_receive.clear()

    async def _do_receive(self, _asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        target.may_receive.set()

    async def _do_hush(self, _asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        target.answers = False

    async def _do_tell(self, asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        await asker.say(json.dumps({"received": target.received, "ended": target.ended}))

    async def _do_has_frames(self, asker: Socket, target: Socket, _command: dict[str, Any]) -> None:
        await asker.say(json.dumps(target.frames is not None))
