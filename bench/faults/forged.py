"""Messages put on the layer from outside: random, pickled, oversized, of versions to come."""

import asyncio
import pickle
import random
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
import redis.asyncio

from bench.faults.breaking import Stage, stage
from bench.faults.trial import Outcome, Plan, Trial
from realtime.adapters.envelope import MESSAGE_TYPE, VERSION

OVERSIZED_BYTES = 8 * 1_048_576
PAUSE_S = 0.002
_encode = msgspec.msgpack.encode


def _sealed_by_nobody() -> bytes:
    body = _encode({"type": "event", "origin": "p", "namespace": "/games", "event": "message"})
    mac = secrets.token_bytes(16)
    return _encode({"type": MESSAGE_TYPE, "version": VERSION, "body": body, "mac": mac})


# Each makes one message that is none of ours.
FORGERIES: tuple[Callable[[], bytes], ...] = (
    lambda: secrets.token_bytes(random.randrange(400)),
    lambda: pickle.dumps({"type": "websocket.close", "code": 4999}),
    lambda: b"cos\nsystem\n(S'true'\ntR.",
    lambda: _encode({"type": "websocket.close", "code": 4999}),
    lambda: _encode({"type": "websocket.disconnect"}),
    lambda: _encode({"type": MESSAGE_TYPE, "version": VERSION + 1, "body": b"", "mac": b""}),
    lambda: _encode({"type": MESSAGE_TYPE, "version": VERSION, "body": b"x", "mac": b"y" * 16}),
    lambda: _encode({"type": ["x"], "version": {}, "body": 1, "mac": None}),
    lambda: b"\x91" * random.randrange(1, 5_000),
    lambda: b"\xdf\xff\xff\xff\xff",
    lambda: b"\xc7\x0c\xff" + secrets.token_bytes(12),
    _sealed_by_nobody,
)


async def forged(folder: Path, plan: Plan, history: Path) -> Outcome:
    """For ``broken_s`` strangers write to every channel that the processes listen to."""
    sent = 0
    async with stage(folder) as on:

        async def inject(trial: Trial) -> None:
            nonlocal sent
            trial.fault("forged messages")
            sent = await _inject(on, plan.broken_s)
            trial.well()

        trial = Trial(on.site, plan)
        async with trial.inside():
            await trial.run(inject)
            dropped = await asyncio.to_thread(_dropped, on)
        outcome = trial.outcome(history)
    outcome.notes.append(f"{sent} forged messages reached a process, {dropped} were dropped")
    if outcome.findings.closed:
        outcome.violations.append("sockets were closed")
    if dropped < sent:
        outcome.violations.append("forged messages were not counted")
    return outcome


async def _inject(on: Stage, seconds: float) -> int:
    """Return how many messages reached a process: one sent to three counts thrice."""
    client = redis.asyncio.from_url(on.redis.url)
    prefix = on.site.environment["REDIS_PREFIX"]
    reached = 0
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    try:
        channels = await client.pubsub_channels(f"{prefix}*")
        reached += await client.publish(channels[0], secrets.token_bytes(OVERSIZED_BYTES))
        huge = {"type": MESSAGE_TYPE, "version": VERSION, "body": b"x" * OVERSIZED_BYTES}
        reached += await client.publish(channels[0], _encode({**huge, "mac": b"y" * 16}))
        while loop.time() < ends_at:
            channel = random.choice(channels)
            reached += await client.publish(channel, random.choice(FORGERIES)())
            await asyncio.sleep(PAUSE_S)
    finally:
        await client.aclose()
    return reached


def _dropped(on: Stage) -> int:
    found = [
        server.metric("roomkey_dropped_total", 'where="layer_in"') for server in on.site.servers
    ]
    return int(sum(found))
