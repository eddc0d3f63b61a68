"""One run: members on all processes, a steady talk, something that breaks, and the reckoning."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.checker import Findings, Record, check
from bench.faults.members import Frames, Member, until
from bench.faults.seed import KEPT
from bench.faults.site import Site
from bench.faults.talk import Talk
from bench.loads.crowd import in_waves

# What is still on its way when the talk ends is waited for as long as some of it arrives: a machine
# that is too slow for the talk has lost nothing.
SILENCE_S = 10.0
ENDS_WITHIN_S = 180.0
ALL_IN_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it; ``before_s`` and ``after_s`` are the talk around the fault's ``broken_s``."""

    members: int = 200
    per_s: float = 200.0
    before_s: float = 4.0
    after_s: float = 6.0
    broken_s: float = 5.0
    speakers: int = 20
    padding: str = ""
    within_s: float = 2.0
    minutes: float = 10.0
    # By how much the others' p99 may grow beside a reader that has stopped.
    grows_most: float = 2.0
    server: str = "uvicorn"


@dataclass(slots=True)
class Outcome:
    """What came of it. ``late_s``: how long after all was well what was acked by then was heard."""

    findings: Findings
    late_s: float
    skipped: int
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def report(self) -> str:
        """Return lines for people."""
        lines = [str(self.findings), f"caught up {self.late_s:.2f} s after all was well again"]
        lines += [f"not sent for want of a socket: {self.skipped}"] if self.skipped else []
        return "\n".join([*lines, *self.notes, *(f"VIOLATION: {each}" for each in self.violations)])


@dataclass(slots=True)
class Report:
    """What a program found that is no trial."""

    lines: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def report(self) -> str:
        """Return lines for people."""
        return "\n".join([*self.lines, *(f"VIOLATION: {each}" for each in self.violations)])


class Trial:
    """The members and their talk; ``well()`` is said when what broke is there again."""

    def __init__(self, site: Site, plan: Plan, room: str = KEPT) -> None:
        self.site = site
        self.frames = Frames()
        self.dead_ports: set[int] = set()
        self.faults: list[Record] = []
        self.well_at = 0.0
        self.plan = plan
        ports = [server.port for server in site.servers]

        def ports_for(number: int) -> Callable[[], list[int]]:
            def living() -> list[int]:
                own = ports[number % len(ports) :] + ports[: number % len(ports)]
                return [port for port in own if port not in self.dead_ports] or own

            return living

        self.members = [
            Member(f"member-{number}", room, ports_for(number), self.frames)
            for number in range(plan.members)
        ]
        self.talk = Talk(self.members[: plan.speakers], room, plan.per_s, padding=plan.padding)

    def fault(self, what: str) -> None:
        """Write down what was done."""
        self.faults.append({"kind": "fault", "what": what, "at": time.monotonic()})

    def well(self) -> None:
        """All is there again: from now on everybody has to catch up."""
        self.well_at = time.monotonic()
        self.fault("all is well")

    async def run(self, fault: Callable[["Trial"], Awaitable[None]]) -> None:
        """Talk, break it, mend it, talk on, and wait until everybody has everything."""
        async with self._talking():
            await asyncio.sleep(self.plan.before_s)
            await fault(self)
            if not self.well_at:
                self.well()
            await asyncio.sleep(self.plan.after_s)
        ends_at = time.monotonic() + ENDS_WITHIN_S
        before = -1
        while before != self._progress() and time.monotonic() < ends_at:
            before = self._progress()
            if await until(self._is_caught_up, SILENCE_S):
                break

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[None]:
        """Let everybody in; all leave at the end."""
        try:
            async with asyncio.timeout(ALL_IN_S + self.plan.members / 50):
                await in_waves(len(self.members), lambda number: self.members[number].enter())
            yield
        finally:
            for member in self.members:
                await member.leave()

    def outcome(self, history: Path) -> Outcome:
        """Write the history down and judge it."""
        records = [*self.faults, *self.talk.records]
        records.append({"kind": "unanswered", "count": self.talk.unanswered})
        records += [
            {"kind": "closed", "member": member.name}
            for member in self.members
            for _ in range(member.closed)
        ]
        records.append({"kind": "ids", "pairs": sorted(self.frames.ids.items())})
        records += [
            {"kind": "member", "name": each.name, "start": each.start, "heard": each.heard.tolist()}
            for each in self.members
        ]
        with history.open("w") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        findings = check(records)
        outcome = Outcome(findings, self._late_s(), self.talk.skipped)
        if not findings.is_sound:
            outcome.violations.append("messages were lost, doubled or out of order")
        if outcome.late_s > self.plan.within_s:
            outcome.violations.append(f"caught up later than {self.plan.within_s:g} s")
        if not findings.acked:
            outcome.violations.append("nothing was said")
        return outcome

    @asynccontextmanager
    async def _talking(self) -> AsyncIterator[None]:
        talking = asyncio.create_task(self.talk.run())
        try:
            yield
        finally:
            self.talk.end()
            with contextlib.suppress(asyncio.CancelledError):
                await talking

    def _progress(self) -> int:
        return len(self.talk.records) + sum(len(member.heard) for member in self.members)

    def _is_caught_up(self) -> bool:
        last = max(self.talk.acked_at, default=0)
        return not self.talk.unanswered and all(member.last >= last for member in self.members)

    def _late_s(self) -> float:
        """Return how long after all was well the last of what had been said by then was heard."""
        before = [offset for offset, at in self.talk.acked_at.items() if at <= self.well_at]
        last = max(before, default=0)
        late_s = 0.0
        for member in self.members:
            times = [
                at
                for offset, at in zip(member.heard, member.heard_at, strict=True)
                if offset <= last
            ]
            late_s = max(late_s, max(times, default=0.0) - self.well_at)
        return late_s
