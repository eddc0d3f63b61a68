"""``python -m bench.fuzz [--count N] [--seed S]``: nothing that a client sends breaks us.

Every packet, payload and frame is read or refused with ``ProtocolError``, each in bounded time;
one in a hundred goes through the whole door, in process. What is logged as an error, any other
exception, and memory that grows fail the run.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from resource import getpagesize
from typing import Any

from bench.malformed import Malformed
from realtime.exceptions import ProtocolError
from realtime.protocol.engine_packets import decode_packet, decode_payload
from realtime.protocol.msgpack_packets import MsgpackPacketDecoder
from realtime.protocol.plain_frames import decode_frame
from realtime.protocol.socket_packets import SocketPacketDecoder

DEFAULT_COUNT = 1_000_000
DOOR_SHARE = 100
LIMIT_S = 0.05
GROWTH_BYTES = 20 * 1024 * 1024
MAX_DEPTH = 32
MAX_ATTACHMENTS = 10
OPTIONS: dict[str, Any] = {
    "AUTHENTICATORS": ["bench.fuzz_door.anybody"],
    "EVENTS_PER_S": 0,
    "MAX_SESSIONS_PER_ADDRESS": 0,
}


@dataclass
class Outcome:
    """What a run found. ``slowest_s`` is a single input's processor time."""

    read: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    growth_bytes: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether everything held."""
        return not self.faults and self.slowest_s < LIMIT_S and self.growth_bytes <= GROWTH_BYTES


class ErrorLog(logging.Handler):
    """Collects what is logged as an error, tracebacks included."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(logging.ERROR)
        self._outcome = outcome

    def emit(self, record: logging.LogRecord) -> None:
        """Note one."""
        self._outcome.faults.append(self.format(record))


def fuzz_codecs(count: int, seed: int, outcome: Outcome) -> None:
    """Give each decoder its share of ``count`` inputs."""
    malformed = Malformed(seed)
    decoders = _decoders(malformed)
    # Whatever is made once is made by then.
    settled = max(count // 10, 1)
    memory = 0
    for number in range(count):
        if number == settled:
            memory = resident_bytes()
        _try(decoders[number % len(decoders)], outcome)
    outcome.growth_bytes = max(resident_bytes() - memory, 0)


def _decoders(malformed: Malformed) -> list[Callable[[], object]]:
    msgpack = MsgpackPacketDecoder(max_depth=MAX_DEPTH)

    def sequence() -> None:
        decoder = SocketPacketDecoder(max_attachments=MAX_ATTACHMENTS, max_depth=MAX_DEPTH)
        # Without the engine's digit most of it gets further in.
        decoder.feed(malformed.text()[1:])
        decoder.feed(malformed.message())

    return [
        sequence,
        lambda: msgpack.feed(malformed.binary()),
        lambda: decode_packet(malformed.text()),
        lambda: decode_frame(malformed.text(), max_depth=MAX_DEPTH),
        lambda: decode_payload(malformed.body().decode(errors="replace"), max_packets=3),
        sequence,
    ]


def _try(decode: Callable[[], object], outcome: Outcome) -> None:
    # The thread's own time: what else the machine does meanwhile is not ours.
    began = time.thread_time()
    try:
        decode()
    except ProtocolError:
        outcome.refused += 1
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        outcome.faults.append(repr(error))
    else:
        outcome.read += 1
    outcome.slowest_s = max(outcome.slowest_s, time.thread_time() - began)


def resident_bytes() -> int:
    """Return what this process holds of the machine's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


def main() -> int:
    """Run it and say what was found; 1 when something broke."""
    parser = argparse.ArgumentParser(prog="bench.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    _configure()
    # Only now: it needs Django's settings.
    from bench.fuzz_door import fuzz_door  # noqa: PLC0415

    outcome = Outcome()
    began = time.monotonic()
    asyncio.run(fuzz_door(arguments.count // DOOR_SHARE, arguments.seed, outcome))
    fuzz_codecs(arguments.count, arguments.seed, outcome)
    print(
        f"seed {arguments.seed}: {outcome.read:,} read, {outcome.refused:,} refused,"
        f" slowest {outcome.slowest_s * 1000:.1f} ms,"
        f" memory +{outcome.growth_bytes / 2**20:.1f} MiB, {time.monotonic() - began:.0f} s,"
        f" {len(outcome.faults)} faults"
    )
    for fault in outcome.faults[:10]:
        print(fault)
    return 0 if outcome.is_good else 1


def _configure() -> None:
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    settings.configure(
        SECRET_KEY="fuzz",  # noqa: S106 - of no site
        ALLOWED_HOSTS=["testserver"],
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
        REALTIME=OPTIONS,
        USE_TZ=True,
    )
    django.setup()
    # What a client did wrong is told at a lower level; only faults of ours are looked for.
    logging.getLogger().addHandler(logging.NullHandler())


if __name__ == "__main__":
    sys.exit(main())
