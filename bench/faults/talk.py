"""Messages at a steady rate from some of a room's members, and what became of each.

Whoever lost the connection sends what was not answered again, with the same nonce, as a client
does that wants to be sure: it is the same message.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from bench.faults.checker import Record
from bench.faults.members import Member

TICK_S = 0.02


class Talk:
    """Speaks through ``speakers`` in turn; those who are not in are left out."""

    def __init__(
        self, speakers: Sequence[Member], room: str, per_s: float, *, padding: str = ""
    ) -> None:
        self.records: list[Record] = []
        self.acked_at: dict[int, float] = {}
        self.skipped = 0
        self._speakers = speakers
        self._room = room
        self._per_s = per_s
        self._padding = padding
        self.sent_at: dict[int, float] = {}
        self._numbers = count(1)
        self._pending: dict[Member, dict[str, float]] = {each: {} for each in speakers}
        self._is_over = False
        for speaker in speakers:
            speaker.on_return = self._send_again

    @property
    def unanswered(self) -> int:
        """How many messages nobody has answered yet."""
        return sum(len(pending) for pending in self._pending.values())

    def end(self) -> None:
        """Say nothing new."""
        self._is_over = True

    async def run(self) -> None:
        """Speak until it is over."""
        began_at = time.monotonic()
        said = 0
        while not self._is_over:
            due = int((time.monotonic() - began_at) * self._per_s)
            for _ in range(min(due - said, int(self._per_s))):
                self._say(self._speakers[said % len(self._speakers)])
                said += 1
            await asyncio.sleep(TICK_S)

    def _say(self, speaker: Member) -> None:
        nonce = f"n{next(self._numbers)}"
        if not speaker.is_in.is_set() or speaker.client is None or speaker.client.error:
            self.skipped += 1
            return
        self._pending[speaker][nonce] = time.monotonic()
        self._send(speaker, nonce)

    def _send(self, speaker: Member, nonce: str) -> None:
        if speaker.client is None:
            return

        def answered(args: list[Any]) -> None:
            self._take(speaker, nonce, args[0])

        message = {"room": self._room, "text": f"message {nonce}{self._padding}", "nonce": nonce}
        speaker.client.call(answered, "message", message)

    def _send_again(self, speaker: Member) -> None:
        for nonce in tuple(self._pending[speaker]):
            self._send(speaker, nonce)

    def _take(self, speaker: Member, nonce: str, answer: dict[str, Any]) -> None:
        now = time.monotonic()
        sent_at = self._pending[speaker].pop(nonce, now)
        if answer.get("ok"):
            if answer["offset"] is not None:
                self.acked_at.setdefault(answer["offset"], now)
                self.sent_at.setdefault(answer["offset"], sent_at)
            self.records.append(
                {
                    "kind": "ack",
                    "offset": answer["offset"],
                    "id": answer["id"],
                    "at": now,
                    "took_s": round(now - sent_at, 4),
                }
            )
        else:
            self.records.append(
                {"kind": "refused", "code": answer["code"], "message": answer["message"], "at": now}
            )
