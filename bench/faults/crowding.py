"""Many clients: one that stops reading, all that come back at once, and ten quiet minutes."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from pathlib import Path

from bench.client import open_client
from bench.dialects import DIALECTS
from bench.faults.breaking import stage
from bench.faults.members import Frames, Member, until
from bench.faults.seed import HALLS, KEPT
from bench.faults.site import Server, Site
from bench.faults.trial import Outcome, Plan, Report, Trial
from bench.loads.crowd import in_waves, join
from bench.measurement import percentile
from bench.processes import HOST, RunError
from bench.usage import tree_usage

MIB = 1_048_576
STALLED_S = 12.0
# Pages of a hundred long messages, 400 kB each. Those that are asked for without being read are
# more than the kernel and the outbox take, and those that are read about as many as they do.
PAGE = 100
PAGES_READ = 12
PAGES_ASKED = 60
NARROW_BYTES = 65_536
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
    """One member asks for much and reads nothing of it, until the server has had enough of it.

    Its outbox has to fill, and it to be closed with 4408. The others must not feel it more than
    they did when it asked for as much and read it.
    """
    plan = replace(plan, padding=" " + "x" * 2_000, within_s=STALLED_S)
    marks: dict[str, float] = {}
    async with stage(folder, kinds=(plan.server,)) as on:
        server = on.site.servers[0]
        await _fill_page(server.port)
        trial = Trial(on.site, plan)
        slow = trial.members[-1]

        async def stall(trial: Trial) -> None:
            client = slow.client
            if client is None:
                raise RunError("the slow reader is not there")
            client.narrow(NARROW_BYTES)
            page = {"room": slow.room}
            marks["reads from"] = time.monotonic()
            await asyncio.gather(*(client.ask("history", page) for _ in range(PAGES_READ)))
            await asyncio.sleep(plan.broken_s)
            marks["rss"] = tree_usage(server.pid).rss_bytes
            marks["from"] = time.monotonic()
            trial.fault("one reader of many stops reading")
            client.stall()
            for _ in range(PAGES_ASKED):
                client.call(lambda _args: None, "history", page)
            while time.monotonic() < min(
                marks["from"] + STALLED_S, marks.get("full", inf) + plan.broken_s
            ):
                marks["peak"] = max(marks.get("peak", 0.0), tree_usage(server.pid).rss_bytes)
                if "full" not in marks and await asyncio.to_thread(_has_overflown, server):
                    marks["full"] = time.monotonic()
                    # What the kernel holds, and behind it the server's last word.
                    client.resume()
                await asyncio.sleep(0.1)
            marks["to"] = time.monotonic()
            trial.fault(f"it was told: {client.error}")
            marks["4408"] = float("4408" in str(client.error))

        async with trial.inside():
            await trial.run(stall)
        outcome = trial.outcome(history)
    _judge_stall(trial, marks, outcome)
    return outcome


def _judge_stall(trial: Trial, marks: dict[str, float], outcome: Outcome) -> None:
    others = trial.members[:-1]
    before = _p99(trial, others, marks["reads from"], marks["from"])
    during = _p99(trial, others, marks["from"], marks["to"])
    grown = marks["peak"] - marks["rss"]
    full_s = marks.get("full", marks["to"]) - marks["from"]
    outcome.notes += [
        f"p99 of the others: {before * 1000:.1f} ms while it reads, {during * 1000:.1f} ms after",
        f"the outbox overflowed after {full_s:.1f} s; memory grew by {grown / MIB:.1f} MiB",
    ]
    if "full" not in marks:
        outcome.violations.append("the outbox never filled")
    elif not marks["4408"]:
        outcome.violations.append("the slow reader was not told 4408")
    if outcome.findings.closed > 1:
        outcome.violations.append("others were closed")
    if during > max(trial.plan.grows_most * before, NOISE_S):
        outcome.violations.append("the others' p99 grew more than it may")
    if grown > STALLED_MOST_BYTES:
        outcome.violations.append(f"memory grew by more than {STALLED_MOST_BYTES / MIB:.0f} MiB")


async def _fill_page(port: int) -> None:
    """Let the room have a page of long messages: each answer of the history is big by that."""
    scribe = await open_client(HOST, port, DIALECTS["plain"])
    await join(scribe, KEPT)
    message = {"room": KEPT, "text": "x" * 4_000}
    await asyncio.gather(*(scribe.ask("message", message) for _ in range(PAGE)))
    scribe.close()


def _has_overflown(server: Server) -> bool:
    return any(
        server.metric("roomkey_limits_total", f'limit="{limit}"') > 0
        for limit in ("outbox_bytes", "outbox_messages")
    )


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
