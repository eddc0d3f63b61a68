"""The faults that break a room with a history: a process, Redis, PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.faults.machines import PostgresServer, RedisServer, empty_database, running_redis
from bench.faults.members import until
from bench.faults.site import Site
from bench.faults.trial import Outcome, Plan, Trial
from bench.processes import free_port


@dataclass(slots=True)
class Stage:
    """What may be broken."""

    site: Site
    redis: RedisServer
    postgres: PostgresServer | None


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    own_postgres: bool = False,
    kinds: tuple[str, ...] = ("uvicorn", "uvicorn"),
    options: dict[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """Start a Redis, a database and two servers; all end with the block."""
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder))
        postgres: PostgresServer | None = None
        if own_postgres:
            postgres = PostgresServer(free_port(), folder)
            postgres.start()
            stack.callback(postgres.stop)
            database = postgres.url
        else:
            database = stack.enter_context(empty_database())
        site = Site(folder, database=database, redis=redis.url, kinds=kinds, options=options)
        stack.callback(site.stop)
        await asyncio.to_thread(site.start)
        yield Stage(site, redis, postgres)


async def kill9(folder: Path, plan: Plan, history: Path) -> Outcome:
    """One of two processes is killed; its members come back on the other."""
    async with stage(folder) as on:
        doomed = on.site.servers[1]

        async def kill(trial: Trial) -> None:
            trial.dead_ports.add(doomed.port)
            trial.fault("kill -9")
            await asyncio.to_thread(doomed.kill)
            await until(lambda: all(each.is_in.is_set() for each in trial.members), 20)

        trial = Trial(on.site, plan)
        async with trial.inside():
            await trial.run(kill)
        return trial.outcome(history)


async def redis_restart(folder: Path, plan: Plan, history: Path) -> Outcome:
    """Redis is gone for some seconds and comes back empty; no socket may close."""

    async def restart(trial: Trial, on: Stage) -> None:
        trial.fault("redis stops")
        await asyncio.to_thread(on.redis.kill)
        await asyncio.sleep(plan.broken_s)
        await asyncio.to_thread(on.redis.start)
        trial.well()

    return await _without_a_close(folder, plan, history, restart)


async def redis_pause(folder: Path, plan: Plan, history: Path) -> Outcome:
    """Redis keeps its connections and answers nothing for some seconds."""

    async def pause(trial: Trial, on: Stage) -> None:
        trial.fault("redis pauses")
        on.redis.pause()
        await asyncio.sleep(plan.broken_s)
        on.redis.resume()
        trial.well()

    return await _without_a_close(folder, plan, history, pause)


async def postgres_restart(folder: Path, plan: Plan, history: Path) -> Outcome:
    """PostgreSQL crashes and recovers; messages meanwhile are refused as ``busy``, or kept."""

    async def restart(trial: Trial, on: Stage) -> None:
        if on.postgres is None:
            raise TypeError("the stage has no PostgreSQL of its own")
        trial.fault("postgres crashes")
        await asyncio.to_thread(on.postgres.crash)
        await asyncio.sleep(plan.broken_s)
        await asyncio.to_thread(on.postgres.start)
        trial.well()

    outcome = await _without_a_close(folder, plan, history, restart, own_postgres=True)
    unclear = outcome.findings.refused.keys() - {"busy"}
    if unclear:
        outcome.violations.append(f"refused by {sorted(unclear)} in place of busy")
    return outcome


async def _without_a_close(
    folder: Path,
    plan: Plan,
    history: Path,
    fault: Callable[[Trial, Stage], Awaitable[None]],
    *,
    own_postgres: bool = False,
) -> Outcome:
    async with stage(folder, own_postgres=own_postgres) as on:
        trial = Trial(on.site, plan)
        async with trial.inside():
            await trial.run(lambda trial: fault(trial, on))
        outcome = trial.outcome(history)
    if outcome.findings.closed:
        outcome.violations.append("sockets were closed")
    if outcome.findings.unanswered:
        outcome.violations.append("messages were never answered")
    return outcome
