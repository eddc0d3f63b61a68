"""One socket of one namespace in a test's hands: what it says, what it hears, and until when."""

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from realtime.exceptions import Refused
from realtime.namespaces.encoding import encode_arguments, encode_event
from realtime.testing.heard import Argument, Heard, WaitFailed, shortened, value_of
from realtime.testing.links import Link
from realtime.testing.running import Running

Found = TypeVar("Found")

_TRANSCRIPT = 20
_PROBE_NAME = 0


class Client:
    """A socket that a test speaks for. Each wait ends at the deadline with ``WaitFailed``.

    Events are kept until they are asked for: ``receive`` takes the first one of a name and leaves
    the others where they are.
    """

    def __init__(self, running: Running, link: Link, namespace: str, deadline_s: float) -> None:
        self.namespace = namespace
        self.deadline_s = deadline_s
        self.greeting: dict[str, Any] = {}
        self.close_code: int | None = None
        self._running = running
        self._link = link
        self._refused: Refused | None = None
        self._reason: str | None = None
        self._heard: deque[Heard] = deque()
        self._transcript: deque[str] = deque(maxlen=_TRANSCRIPT)
        self._ids = count()
        self._answers: dict[int, tuple[Any, ...]] = {}
        self._on_call: dict[str, Callable[..., Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._fault: Exception | None = None
        self._changed = asyncio.Event()

    # What it is.

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

    # Saying.

    async def emit(self, event: str, *args: Argument) -> None:
        """Send an event that wants no answer; a refusal comes as the event ``err``."""
        encoded = encode_event(event, args)
        await self._link.send_event(self.namespace, encoded, None)

    async def call(self, event: str, *args: Argument) -> Argument:
        """Send an event and return its ack: one value, a tuple of several, None for none.

        Raises ``Refused`` with code, message and data where the ack says that a handler did.
        """
        ack_id = next(self._ids)
        await self._link.send_event(self.namespace, encode_event(event, args), ack_id)
        answer = await self._answer_to(ack_id, f"the ack of {event!r}")
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
            return next((heard for heard in self._heard if heard.event == event), None)

        heard = await self._until(find, f"the event {event!r}")
        self._heard.remove(heard)
        return heard.value

    async def next(self) -> Heard:
        """Take the event that comes next, whichever it is."""

        def find() -> Heard | None:
            return self._heard[0] if self._heard else None

        await self._until(find, "an event")
        return self._heard.popleft()

    async def heard(self) -> list[Heard]:
        """Take all that was sent to this socket until now, by handlers that still run too."""
        await self.settle()
        everything = list(self._heard)
        self._heard.clear()
        return everything

    async def expect_nothing(self, *events: str) -> None:
        """Make sure that no event (of these names) has come that was not taken.

        No time is waited: what all clients of the test have sent is handled first, and what that
        sends to this socket has arrived.
        """
        await self.settle()
        unwanted = [heard for heard in self._heard if not events or heard.event in events]
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
        if self._reason is not None:
            return
        probe = next(self._ids)
        await self._link.send_probe(self.namespace, probe)
        if self.door == "plain":
            await self._answer_or_end(probe)
            probe = next(self._ids)
            self._running.enqueue(self.socket_id, _PROBE_NAME, probe)
        await self._answer_or_end(probe)

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
        if self._reason is None:
            await self._link.leave(self.namespace)
        await self.gone()

    async def drop(self) -> None:
        """Lose the connection without a word, and wait until the server has noticed."""
        await self._link.drop()
        await self.gone()

    async def disconnected(self) -> str:
        """Wait for the end and return why, as clients of this door say it.

        The plain door tells the server's reason; Socket.IO's client knows only
        ``io server disconnect``, ``transport close`` and the like.
        """

        def find() -> str | None:
            return self._reason

        return await self._until(find, "the end of the socket", ends_too=True)

    async def enter(self, auth: dict[str, Any]) -> None:
        """Ask to be let in; raises ``Refused``."""
        await self._link.enter(self.namespace, auth, self)

        def find() -> bool | None:
            return True if self._refused is not None or self.greeting else None

        await self._until(find, "to be let in")
        if self._refused is not None:
            raise self._refused
        self._running.clients.add(self)

    async def within_deadline(self, running: Coroutine[Any, Any, None], awaited: str) -> None:
        """Await something under this client's deadline."""
        try:
            async with asyncio.timeout(self.deadline_s):
                await running
        except TimeoutError:
            raise WaitFailed(self._report(awaited, self._in_vain)) from None

    async def gone(self) -> None:
        """Wait until the server's side of a socket that has ended is done."""
        self._running.clients.discard(self)
        for task in tuple(self._answering):
            task.cancel()
        if self.greeting:
            await self._running.forgotten(self.socket_id, self.deadline_s)

    # As the link's inbox.

    def connected(self, greeting: dict[str, Any]) -> None:
        """Note that the socket is in."""
        self.greeting = greeting
        self._note("connected")

    def refused(self, refused: Refused) -> None:
        """Note that it is not."""
        self._refused = refused
        self._note(f"refused: {refused.code}")

    def heard_event(self, heard: Heard) -> None:
        """Keep an event, or answer it."""
        answer = self._on_call.get(heard.event)
        if answer is None or heard.ack_id is None:
            self._heard.append(heard)
        else:
            running = self._answer_by(answer, heard)
            task = asyncio.get_running_loop().create_task(running, name="test answer")
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        self._note(str(heard))

    def answered(self, ack_id: int, args: tuple[Any, ...]) -> None:
        """Keep an answer."""
        self._answers[ack_id] = args
        self._note(shortened(f"an ack of {', '.join(map(repr, args)) or 'nothing'}"))

    def ended(self, reason: str, code: int | None = None) -> None:
        """Note the end; the first reason counts."""
        if self._reason is None:
            self._reason = reason
            self.close_code = code
            self._note(f"the end: {reason}")

    # Waiting.

    async def _answer_to(self, ack_id: int, awaited: str) -> tuple[Any, ...]:
        def find() -> tuple[Any, ...] | None:
            return self._answers.get(ack_id)

        answer = await self._until(find, awaited)
        del self._answers[ack_id]
        return answer

    async def _answer_or_end(self, ack_id: int) -> None:
        def find() -> bool | None:
            return True if self._reason is not None or ack_id in self._answers else None

        await self._until(find, "its handlers to finish", ends_too=True)
        self._answers.pop(ack_id, None)

    async def _until(
        self, find: Callable[[], Found | None], awaited: str, *, ends_too: bool = False
    ) -> Found:
        try:
            async with asyncio.timeout(self.deadline_s):
                while True:
                    if self._fault is not None:
                        raise self._fault
                    found = find()
                    if found is not None:
                        return found
                    if self._reason is not None and not ends_too:
                        raise WaitFailed(self._report(awaited, f"but it ended: {self._reason}"))
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise WaitFailed(self._report(awaited, self._in_vain)) from None

    @property
    def _in_vain(self) -> str:
        return f"for {self.deadline_s:g} s in vain"

    def _report(self, awaited: str, outcome: str) -> str:
        arrived = "; ".join(self._transcript) or "nothing"
        return f"{self.namespace} waited for {awaited}, {outcome}. Arrived: {arrived}."

    def _note(self, what: str) -> None:
        self._transcript.append(what)
        self._changed.set()

    async def _answer_by(self, function: Callable[..., Any], heard: Heard) -> None:
        try:
            result = function(*heard.args)
            if inspect.isawaitable(result):
                result = await result
        except Exception as error:  # noqa: BLE001 - it is the test's own, and goes to it
            self._fault = error
            self._note(f"answering {heard.event} failed: {error!r}")
            return
        values = result if isinstance(result, tuple) else () if result is None else (result,)
        await self.answer(heard, *values)


def _refusal(answer: tuple[Any, ...]) -> Refused | None:
    match answer:
        case ({"ok": False, "code": str(code), "message": str(message), **data},):
            return Refused(code, message, **{str(name): value for name, value in data.items()})
    return None
