"""One socket of one namespace in a test's hands: what it says and what it hears."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from realtime.exceptions import Refused
from realtime.namespaces.encoding import encode_arguments, encode_event
from realtime.testing.engine_clients import PollingEngine
from realtime.testing.heard import Argument, Heard, WaitFailed, value_of
from realtime.testing.links import Link
from realtime.testing.mailbox import Mailbox
from realtime.testing.running import Running

_PROBE_NAME = 0


class Client:
    """A socket that a test speaks for. Each wait ends at the deadline with ``WaitFailed``.

    Events are kept until they are asked for: ``receive`` takes the first one of a name and leaves
    the others where they are.
    """

    def __init__(self, running: Running, link: Link, namespace: str, deadline_s: float) -> None:
        self.namespace = namespace
        self.deadline_s = deadline_s
        self._running = running
        self._link = link
        self._mail = Mailbox(namespace, deadline_s, self._answers_call)
        self._ids = count()
        self._on_call: dict[str, Callable[..., Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    # What it is.

    @property
    def greeting(self) -> dict[str, Any]:
        """What the server said when it let the socket in: ``sid``, and what its door adds."""
        return self._mail.greeting

    @property
    def socket_id(self) -> str:
        """The public id, which others may address and except."""
        return str(self.greeting["sid"])

    @property
    def door(self) -> str:
        """``socket.io`` or ``plain``."""
        return self._link.door

    @property
    def transport(self) -> str:
        """What carries the connection now: ``websocket`` or ``polling``."""
        return self._link.transport

    @property
    def close_code(self) -> int | None:
        """The WebSocket's close code, once the server has sent one."""
        return self._mail.close_code

    # Saying.

    async def emit(self, event: str, *args: Argument) -> None:
        """Send an event that wants no answer; a refusal comes as the event ``err``."""
        await self._link.send_event(self.namespace, encode_event(event, args), None)

    async def call(self, event: str, *args: Argument) -> Argument:
        """Send an event and return its ack: one value, a tuple of several, None for none.

        Raises ``Refused`` with code, message and data where the ack says that a handler did.
        """
        ack_id = next(self._ids)
        await self._link.send_event(self.namespace, encode_event(event, args), ack_id)
        answer = await self._mail.answer_to(ack_id, f"the ack of {event!r}")
        refused = _refusal(answer)
        if refused is not None:
            raise refused
        return value_of(answer)

    def on_call(self, event: str, answer: Callable[..., Argument]) -> None:
        """Answer the server's calls of an event from now on with what ``answer(*args)`` returns.

        It may be a coroutine function; a tuple is several values. Such calls are not kept. What
        it raises is raised by the client's next wait.
        """
        self._on_call[event] = answer

    async def answer(self, heard: Heard, *args: Argument) -> None:
        """Acknowledge an event that wants it."""
        if heard.ack_id is None:
            raise WaitFailed(f"the server wants no answer to {heard}")
        await self._link.send_ack(self.namespace, heard.ack_id, encode_arguments(args))

    # Hearing.

    async def receive(self, event: str) -> Argument:
        """Take the next event of this name; return its argument, a tuple of several, or None."""

        def find() -> Heard | None:
            return next((heard for heard in self._mail.events if heard.event == event), None)

        heard = await self._mail.until(find, f"the event {event!r}")
        self._mail.events.remove(heard)
        return heard.value

    async def next(self) -> Heard:
        """Take the event that comes next, whichever it is."""
        await self._mail.until(lambda: self._mail.events or None, "an event")
        return self._mail.events.popleft()

    async def heard(self) -> list[Heard]:
        """Take all that was sent to this socket until now, by handlers that still run too."""
        await self.settle()
        everything = list(self._mail.events)
        self._mail.events.clear()
        return everything

    async def expect_nothing(self, *events: str) -> None:
        """Make sure that no event (of these names) has come that was not taken.

        No time is waited: what all clients of the test have sent is handled first, and what that
        sends to this socket has arrived.
        """
        await self.settle()
        unwanted = [heard for heard in self._mail.events if not events or heard.event in events]
        if unwanted:
            raise WaitFailed(
                f"{self.namespace} expected nothing, but heard {', '.join(map(str, unwanted))}"
            )

    async def settle(self) -> None:
        """Wait until the server has handled what this test's clients sent, and told this one."""
        for client in tuple(self._running.clients - {self}):
            await client.handled()
        await self.handled()

    async def handled(self) -> None:
        """Wait until the server has handled what this client sent, if it is still connected."""
        if self._mail.reason is not None:
            return
        awaited = "its handlers to finish"
        probe = next(self._ids)
        await self._link.send_probe(self.namespace, probe)
        if self.door == "plain":
            # The answer says that all was read; what was read is handled in turn.
            await self._mail.answer_or_end(probe, awaited)
            probe = next(self._ids)
            self._running.enqueue(self.socket_id, _PROBE_NAME, probe)
        await self._mail.answer_or_end(probe, awaited)

    # Coming and going.

    @asynccontextmanager
    async def connect(
        self, namespace: str, auth: dict[str, Any] | None = None
    ) -> AsyncIterator["Client"]:
        """Open a socket of a further namespace on the same session; raises ``Refused``."""
        other = Client(self._running, self._link, namespace, self.deadline_s)
        await other.enter({**self._running.auth_of(self._link), **(auth or {})})
        try:
            yield other
        finally:
            await other.disconnect()

    async def disconnect(self) -> None:
        """Leave the namespace, and wait until the server has noticed."""
        if self._mail.reason is None:
            await self._link.leave(self.namespace)
        await self._gone()

    async def drop(self) -> None:
        """Lose the connection without a word, and wait until the server has noticed."""
        await self._link.drop()
        await self._gone()

    async def disconnected(self) -> str:
        """Wait for the end and return why, as clients of this door say it.

        The plain door tells the server's reason; Socket.IO's client knows only
        ``io server disconnect``, ``transport close`` and the like.
        """
        return await self._mail.until(
            lambda: self._mail.reason, "the end of the socket", outlives=True
        )

    async def enter(self, auth: dict[str, Any]) -> None:
        """Ask to be let in, once; raises ``Refused``."""
        mail = self._mail
        await self._mail.within_deadline(
            self._link.enter(self.namespace, auth, mail), "the handshake"
        )
        await mail.until(lambda: mail.refusal or mail.greeting or None, "to be let in")
        if mail.refusal is not None:
            raise mail.refusal
        self._running.clients.add(self)

    async def upgrade(self, engine: PollingEngine) -> None:
        """Go over to a WebSocket."""
        await self._mail.within_deadline(engine.upgrade(), "the upgrade")

    async def _gone(self) -> None:
        self._running.clients.discard(self)
        for task in tuple(self._answering):
            task.cancel()
        if self.greeting:
            await self._running.forgotten(self.socket_id, self.deadline_s)

    # The server's calls.

    def _answers_call(self, heard: Heard) -> bool:
        answer = self._on_call.get(heard.event)
        if answer is None or heard.ack_id is None:
            return False
        running = self._answer_by(answer, heard)
        task = asyncio.get_running_loop().create_task(running, name="test answer")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        return True

    async def _answer_by(self, function: Callable[..., Any], heard: Heard) -> None:
        try:
            result = function(*heard.args)
            if inspect.isawaitable(result):
                result = await result
        except Exception as error:  # noqa: BLE001 - it is the test's own, and goes to it
            self._mail.failed(error, heard.event)
            return
        values = result if isinstance(result, tuple) else () if result is None else (result,)
        await self.answer(heard, *values)


def _refusal(answer: tuple[Any, ...]) -> Refused | None:
    match answer:
        case ({"ok": False, "code": str(code), "message": str(message), **data},):
            return Refused(code, message, **{str(name): value for name, value in data.items()})
    return None
