"""Many clients: one that stops reading, all that come back at once, and ten quiet minutes."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from bench.faults.breaking import stage
from bench.faults.members import Frames, Member, until
from bench.faults.seed import HALLS
from bench.faults.site import Site
from bench.faults.trial import Outcome, Plan, Report, Trial
from bench.loads.crowd import in_waves
from bench.measurement import percentile
from bench.usage import tree_usage

MIB = 1_048_576
STALLED_S = 12.0
# The socket's own outbox, and what the kernel takes beside it; the rest is noise.
STALLED_MOST_BYTES = 32 * MIB
# Below this a p99 is the machine's own noise.
NOISE_S = 0.05
ALL_BACK_WITHIN_S = 30.0
WARM_UP_S = 60.0
SAMPLE_EVERY_S = 5.0
FLAT_SHARE = 1.05
FLAT_BYTES = 8 * MIB


async def slow_reader(folder: Path, plan: Plan, history: Path) -> Outcome:
    """One member asks for much and reads nothing of it; the others must not feel it."""
    plan = replace(plan, padding=" " + "x" * 2_000, within_s=STALLED_S)
    marks: dict[str, float] = {}
    async with stage(folder, kinds=(plan.server,)) as on:
        trial = Trial(on.site, plan)
        server = on.site.servers[0]
        slow = trial.members[-1]

        async def stall(trial: Trial) -> None:
            marks["rss"] = tree_usage(server.pid).rss_bytes
            marks["from"] = time.monotonic()
            trial.fault("one reader of many stops reading")
            if slow.client is not None:
                slow.client.stall()
                for _ in range(60):
                    slow.client.call(lambda _args: None, "history", {"room": slow.room})
            await asyncio.sleep(STALLED_S)
            marks["to"] = time.monotonic()
            marks["rss after"] = tree_usage(server.pid).rss_bytes
            slow.drop()

        async with trial.inside():
            await trial.run(stall)
        outcome = trial.outcome(history)
    others = trial.members[:-1]
    before = _p99(trial, others, 0.0, marks["from"])
    during = _p99(trial, others, marks["from"], marks["to"])
    grown = marks["rss after"] - marks["rss"]
    outcome.notes += [
        f"p99 of the others: {before * 1000:.1f} ms before, {during * 1000:.1f} ms meanwhile",
        f"memory grew by {grown / MIB:.1f} MiB",
    ]
    if during > max(2 * before, NOISE_S):
        outcome.violations.append("the others' p99 grew twofold")
    if grown > STALLED_MOST_BYTES:
        outcome.violations.append(f"memory grew by more than {STALLED_MOST_BYTES / MIB:.0f} MiB")
    return outcome


async def storm(folder: Path, plan: Plan, history: Path) -> Report:
    """All clients lose their connections in one moment and come back at once."""
    del history
    report = Report()
    async with stage(folder, kinds=(plan.server, plan.server)) as on:
        crowd = _crowd(on.site, plan.members)
        try:
            await in_waves(len(crowd), lambda number: crowd[number].enter())
            await asyncio.sleep(plan.before_s)
            began_at = time.monotonic()
            for member in crowd:
                member.is_in.clear()
                member.drop()
            await until(lambda: all(each.is_in.is_set() for each in crowd), 2 * ALL_BACK_WITHIN_S)
            took_s = time.monotonic() - began_at
            back = sum(each.is_in.is_set() for each in crowd)
        finally:
            await _leave(crowd)
    report.lines.append(f"{back} of {len(crowd)} were back and in their rooms after {took_s:.1f} s")
    if back < len(crowd) or took_s > ALL_BACK_WITHIN_S:
        report.violations.append(f"not all were back within {ALL_BACK_WITHIN_S:g} s")
    return report


async def soak(folder: Path, plan: Plan, history: Path) -> Report:
    """Mostly idle clients for some minutes: one in a hundred says something now and then."""
    del history
    report = Report()
    async with stage(folder, kinds=(plan.server,)) as on:
        crowd = _crowd(on.site, plan.members)
        pid = on.site.servers[0].pid
        sizes: list[int] = []
        cpu_s = 0.0
        try:
            await in_waves(len(crowd), lambda number: crowd[number].enter())
            warm_up_s = min(WARM_UP_S, plan.minutes * 20)
            ends_at = time.monotonic() + warm_up_s + plan.minutes * 60
            warm_at = time.monotonic() + warm_up_s
            number = 0
            while time.monotonic() < ends_at:
                for member in crowd[number % 100 :: 100]:
                    _murmur(member, number)
                number += 1
                await asyncio.sleep(SAMPLE_EVERY_S)
                if time.monotonic() >= warm_at:
                    usage = tree_usage(pid)
                    sizes.append(usage.rss_bytes)
                    cpu_s = usage.cpu_s
            closed = sum(each.closed for each in crowd)
        finally:
            await _leave(crowd)
    third = max(1, len(sizes) // 3)
    first, last = _mean(sizes[:third]), _mean(sizes[-third:])
    report.lines += [
        f"{len(crowd)} clients for {plan.minutes:g} minutes: {first / MIB:.1f} MiB at first, "
        f"{last / MIB:.1f} MiB in the end, at most {max(sizes) / MIB:.1f} MiB",
        f"{cpu_s:.0f} CPU s in all; sockets closed: {closed}",
    ]
    if last > first * FLAT_SHARE + FLAT_BYTES:
        report.violations.append("memory is not flat")
    if closed:
        report.violations.append("sockets were closed")
    return report


def _crowd(site: Site, count: int) -> list[Member]:
    ports = [server.port for server in site.servers]
    frames = Frames()

    def ports_for(number: int) -> Callable[[], list[int]]:
        own = ports[number % len(ports) :] + ports[: number % len(ports)]
        return lambda: own

    return [
        Member(f"client-{at}", HALLS[at % len(HALLS)], ports_for(at), frames) for at in range(count)
    ]


def _murmur(member: Member, number: int) -> None:
    if member.client is not None and member.is_in.is_set():
        message = {"room": member.room, "text": f"still here {number}"}
        member.client.call(lambda _args: None, "message", message)


async def _leave(crowd: Iterable[Member]) -> None:
    for member in crowd:
        await member.leave()


def _p99(trial: Trial, members: Iterable[Member], since: float, until_at: float) -> float:
    """Return the 99th percentile of the seconds from sending to hearing."""
    sent_at = {offset: at for offset, at in trial.talk.sent_at.items() if since <= at < until_at}
    took = [
        at - sent_at[offset]
        for member in members
        for offset, at in zip(member.heard, member.heard_at, strict=True)
        if offset in sent_at
    ]
    return percentile(sorted(took), 0.99)


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
