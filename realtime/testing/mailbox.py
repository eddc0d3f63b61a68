"""What has come for one socket, and waiting for what has not; each wait has a deadline."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from realtime.exceptions import Refused
from realtime.testing.heard import Heard, WaitFailed, shortened

Found = TypeVar("Found")

_TRANSCRIPT = 20


class Mailbox:
    """The link's inbox, which a client reads. ``intercept`` takes events that are not kept."""

    def __init__(
        self, namespace: str, deadline_s: float, intercept: Callable[[Heard], bool]
    ) -> None:
        self.greeting: dict[str, Any] = {}
        self.refusal: Refused | None = None
        self.reason: str | None = None
        self.close_code: int | None = None
        self.events: deque[Heard] = deque()
        self.answers: dict[int, tuple[Any, ...]] = {}
        self._namespace = namespace
        self._deadline_s = deadline_s
        self._intercept = intercept
        self._fault: Exception | None = None
        self._transcript: deque[str] = deque(maxlen=_TRANSCRIPT)
        self._changed = asyncio.Event()

    # As the link's inbox.

    def connected(self, greeting: dict[str, Any]) -> None:
        """Note that the socket is in."""
        self.greeting = greeting
        self._note("connected")

    def refused(self, refused: Refused) -> None:
        """Note that it is not."""
        self.refusal = refused
        self._note(f"refused: {refused.code}")

    def heard(self, heard: Heard) -> None:
        """Keep an event that nobody intercepts."""
        if not self._intercept(heard):
            self.events.append(heard)
        self._note(str(heard))

    def answered(self, ack_id: int, args: tuple[Any, ...]) -> None:
        """Keep an answer."""
        self.answers[ack_id] = args
        self._note(shortened(f"an ack of {', '.join(map(repr, args)) or 'nothing'}"))

    def ended(self, reason: str, code: int | None = None) -> None:
        """Note the end; the first reason counts."""
        if self.reason is None:
            self.reason = reason
            self.close_code = code
            self._note(f"the end: {reason}")

    def failed(self, error: Exception, event: str) -> None:
        """Note that the test's own answer to a call failed: the next wait raises it."""
        self._fault = error
        self._note(f"answering {event} failed: {error!r}")

    # Waiting.

    async def until(
        self, find: Callable[[], Found | None], awaited: str, *, outlives: bool = False
    ) -> Found:
        """Return what ``find`` finds, once it is not None; raises ``WaitFailed``.

        The end of the socket ends the wait, too, unless it ``outlives`` that.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                while True:
                    if self._fault is not None:
                        raise self._fault
                    found = find()
                    if found is not None:
                        return found
                    if self.reason is not None and not outlives:
                        raise WaitFailed(self._report(awaited, f"but it ended: {self.reason}"))
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise WaitFailed(self._report(awaited, self._in_vain)) from None

    async def within_deadline(self, running: Coroutine[Any, Any, None], awaited: str) -> None:
        """Await something else under the same deadline."""
        try:
            async with asyncio.timeout(self._deadline_s):
                await running
        except TimeoutError:
            raise WaitFailed(self._report(awaited, self._in_vain)) from None

    async def answer_to(self, ack_id: int, awaited: str) -> tuple[Any, ...]:
        """Wait for an answer and take it."""
        answer = await self.until(lambda: self.answers.get(ack_id), awaited)
        del self.answers[ack_id]
        return answer

    async def answer_or_end(self, ack_id: int, awaited: str) -> None:
        """Wait for an answer that does not matter, or for the end."""

        def find() -> bool | None:
            return True if self.reason is not None or ack_id in self.answers else None

        await self.until(find, awaited, outlives=True)
        self.answers.pop(ack_id, None)

    @property
    def _in_vain(self) -> str:
        return f"for {self._deadline_s:g} s in vain"

    def _report(self, awaited: str, outcome: str) -> str:
        arrived = "; ".join(self._transcript) or "nothing"
        return f"{self._namespace} waited for {awaited}, {outcome}. Arrived: {arrived}."

    def _note(self, what: str) -> None:
        self._transcript.append(what)
        self._changed.set()
