"""The short form of ``python -m bench.fuzz``, and that it would see a fault."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from bench import fuzz
from bench.fuzz_door import fuzz_door
from bench.malformed import Malformed
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.protocol import msgpack_packets

SEED = 20_260_601


def test_twenty_thousand_malformed_inputs_are_read_or_refused() -> None:
    outcome = fuzz.Outcome()
    fuzz.fuzz_codecs(20_000, SEED, outcome)
    assert outcome.faults == []
    assert outcome.is_good, outcome
    assert outcome.read + outcome.refused == 20_000
    # Neither all rubbish nor none: both ways through the decoders were taken.
    assert min(outcome.read, outcome.refused) > 1_000


@override_settings(REALTIME=fuzz.OPTIONS)
async def test_the_door_stands_it() -> None:
    outcome = fuzz.Outcome()
    await fuzz_door(2_000, SEED, outcome)
    assert outcome.faults == []
    assert min(outcome.read, outcome.refused) > 10


def test_a_crash_in_a_decoder_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> Any:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(msgpack_packets, "_is_plain", crash)
    outcome = fuzz.Outcome()
    fuzz.fuzz_codecs(200, SEED, outcome)
    assert set(outcome.faults) == {"KeyError('a fault of ours')"}
    assert not outcome.is_good


@override_settings(REALTIME=fuzz.OPTIONS)
async def test_a_logged_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> Any:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(NamespaceConsumer, "dispatch_event", crash)
    outcome = fuzz.Outcome()
    await fuzz_door(400, SEED, outcome)
    assert any("a fault of ours" in fault for fault in outcome.faults)


@pytest.mark.parametrize("kind", ["text", "binary", "message", "body"])
def test_a_seed_gives_the_same_inputs_again(kind: str) -> None:
    def make(seed: int) -> list[Any]:
        one: Callable[[], Any] = getattr(Malformed(seed), kind)
        return [one() for _ in range(50)]

    assert make(SEED) == make(SEED)
    assert make(SEED) != make(SEED + 1)
