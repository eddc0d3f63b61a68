"""What the fan-out load counts: deliveries, losses and doubles."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from bench.client import Client, ClientError
from bench.dialects import Event
from bench.loads import fanout
from bench.loads.fanout import Deliveries
from bench.measurement import Load


class Member:
    """A client whose server is the room below."""

    def __init__(self, room: "Room") -> None:
        self.error: ClientError | None = None
        self.on_event: Callable[[Client, Event], None] | None = None
        self.take_chunk: Callable[[Client, bytes], bool] | None = None
        self._room = room

    def send(self, name: str, payload: dict[str, Any]) -> None:
        assert name == "relay"
        self._room.relay(payload)


class Room:
    """Hands each event to its members in the loop's next turn, as often as ``copies`` says."""

    def __init__(self, size: int) -> None:
        self.members = [Member(self) for _ in range(size)]
        self.copies = dict.fromkeys(self.members, 1)

    def relay(self, payload: dict[str, Any]) -> None:
        for member in self.members:
            for _ in range(self.copies[member]):
                asyncio.get_running_loop().call_soon(self._deliver, member, payload)

    def _deliver(self, member: Member, payload: dict[str, Any]) -> None:
        assert member.on_event is not None
        member.on_event(cast("Client", member), Event("news", [payload]))


def deliveries(room: Room, *, in_flight: int = 1) -> Deliveries:
    load = Load("fanout", "127.0.0.1", 1, 1, in_flight=in_flight)
    return Deliveries(cast("list[Client]", room.members), load)


@pytest.mark.parametrize("in_flight", [1, 3])
async def test_each_member_of_each_event_is_one_delivery(in_flight: int) -> None:
    room = Room(4)
    counted = deliveries(room, in_flight=in_flight)

    await counted.run(0.02)

    assert len(counted.latencies_s) >= 4 * in_flight
    assert len(counted.latencies_s) % 4 == 0
    assert (counted.lost, counted.doubled) == (0, 0)


async def test_what_never_comes_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "SILENCE_S", 0.05)
    room = Room(4)
    room.copies[room.members[1]] = 0
    counted = deliveries(room)

    await counted.run(0.02)

    assert len(counted.latencies_s) == 3
    assert counted.lost == 1


async def test_what_comes_twice_is_counted_once_and_told() -> None:
    room = Room(4)
    room.copies[room.members[1]] = 2
    counted = deliveries(room)

    await counted.run(0.02)

    assert len(counted.latencies_s) % 4 == 0
    assert counted.doubled >= 1


async def test_a_connection_that_broke_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "SILENCE_S", 0.05)
    room = Room(2)
    room.copies[room.members[1]] = 0
    room.members[1].error = ClientError("connection lost")

    with pytest.raises(ClientError, match="connection lost"):
        await deliveries(room).run(0.02)


async def test_a_refused_event_fails_the_run() -> None:
    room = Room(1)
    counted = deliveries(room)
    member = cast("Client", room.members[0])

    assert counted is not None
    assert member.on_event is not None
    with pytest.raises(ClientError, match="not_joined"):
        member.on_event(member, Event("err", ["No.", {"code": "not_joined"}]))


async def test_equal_chunks_are_known_and_others_are_left_to_the_parser() -> None:
    room = Room(2)
    counted = deliveries(room)
    running = asyncio.create_task(counted.run(0.01))
    await asyncio.sleep(0)
    first = cast("Client", room.members[0])
    assert first.take_chunk is not None
    text = b'42/games,["news",{"text":"x 0"}]'
    frame = bytes((0x81, len(text))) + text

    assert first.take_chunk(first, frame)
    assert not first.take_chunk(first, frame[:-1])
    assert not first.take_chunk(first, b"\x81\x01" + b"2")
    assert len(counted.latencies_s) == 1
    await running
