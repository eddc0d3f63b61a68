"""What the release before this one says is understood, and what this one says by that one.

``releases/`` holds messages as bytes, sealed by the release of that day.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.adapters.base import Number
from realtime.adapters.envelope import (
    EnvelopeCodec,
    LayerBeat,
    LayerEvent,
    LayerMessage,
    LayerReply,
    LayerRequest,
)

RELEASES = sorted((Path(__file__).parent / "releases").glob("*.json"))
CODEC = EnvelopeCodec(["a key of the release before"])


def recorded(release: Path) -> dict[str, LayerMessage]:
    messages: dict[str, dict[str, Any]] = json.loads(release.read_text())
    for message in messages.values():
        for part in ("body", "mac"):
            message[part] = bytes.fromhex(message[part])
    return {name: CODEC.open(message) for name, message in messages.items()}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_a_release_understands_the_messages_of_the_one_before_it(release: Path) -> None:
    found = recorded(release)
    event = found["event"]
    assert isinstance(event, LayerEvent)
    assert (event.origin, event.namespace, event.event) == ("process1", "/games", "newUser")
    assert (event.rooms, event.excepted, event.attachments) == (
        ("csgo",),
        ("someone",),
        (b"\0\xff",),
    )
    assert event.count is None
    numbered = found["numbered event"]
    assert isinstance(numbered, LayerEvent)
    assert numbered.broadcast().number == Number("epoch1", 7)
    volatile = found["volatile event for users"]
    assert isinstance(volatile, LayerEvent)
    assert (volatile.users, volatile.volatile) == (("7",), True)
    assert found["beat"] == LayerBeat("process1")
    assert found["asking beat"] == LayerBeat("process1", asks=True)
    assert found["leaving beat"] == LayerBeat("process1", leaves=True)
    request = found["request"]
    assert isinstance(request, LayerRequest)
    assert (request.operation, request.timeout_s, request.content) == ("fetch", 2.5, b"\x80")
    assert found["reply"] == LayerReply("process1", "r1", b"\1\2")
    assert found["failed reply"] == LayerReply("process1", "r1", None)


class OldEvent(msgspec.Struct, frozen=True, tag="event"):
    """What the release of 2026-11-23 reads of an event."""

    origin: str
    namespace: str
    event: str
    args: str
    attachments: tuple[bytes, ...] = ()
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    volatile: bool = False
    epoch: str | None = None
    offset: int | None = None


class OldBeat(msgspec.Struct, frozen=True, tag="beat"):
    """What it reads of a beat."""

    origin: str
    leaves: bool = False
    asks: bool = False


def test_the_release_before_understands_what_this_one_says() -> None:
    read = msgspec.msgpack.Decoder(OldEvent | OldBeat).decode
    beat = LayerBeat("p", counts={"group": 7}, wants=("group",), probe="x")
    assert read(CODEC.seal(beat)["body"]) == OldBeat("p")
    event = LayerEvent("p", "/games", "e", "[]", rooms=("csgo",), count=3)
    old = read(CODEC.seal(event)["body"])
    assert old == OldEvent("p", "/games", "e", "[]", rooms=("csgo",))
