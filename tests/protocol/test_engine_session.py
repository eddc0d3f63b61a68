import json

import pytest

from realtime.exceptions import ProtocolError, SessionClosed
from realtime.protocol.engine_packets import EnginePacket, EngineType
from realtime.protocol.engine_session import Due, Handshake, Heartbeat, read_packet


def heartbeat() -> Heartbeat:
    return Heartbeat(interval_s=25, timeout_s=20, now=100)


def test_the_open_packet_has_exactly_five_keys_and_milliseconds() -> None:
    handshake = Handshake("abc", ("websocket",), 0.3, 0.2, 1_000_000)
    packet = handshake.open_packet()
    assert packet.type is EngineType.OPEN
    assert isinstance(packet.data, str)
    assert json.loads(packet.data) == {
        "sid": "abc",
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }


def test_nothing_is_due_before_the_interval_and_a_ping_at_it() -> None:
    beat = heartbeat()
    assert beat.deadline == 125
    assert beat.due(124.999) is Due.NOTHING
    assert beat.due(125) is Due.PING


def test_a_client_that_does_not_answer_within_the_time_out_is_gone() -> None:
    beat = heartbeat()
    beat.due(125)
    assert beat.deadline == 145
    assert beat.due(144.999) is Due.NOTHING
    assert beat.due(145) is Due.CLOSE


def test_the_next_ping_comes_one_interval_after_the_pong() -> None:
    beat = heartbeat()
    beat.due(125)
    beat.pong(130)
    assert beat.deadline == 155
    assert beat.due(155) is Due.PING


def test_a_pong_that_nobody_asked_for_changes_nothing() -> None:
    beat = heartbeat()
    beat.pong(110)
    assert beat.deadline == 125


@pytest.mark.parametrize(("pinged", "deadline"), [(False, 165), (True, 160)])
def test_an_excused_client_has_its_whole_time_again(pinged: bool, deadline: float) -> None:
    beat = heartbeat()
    if pinged:
        beat.due(125)
    beat.excuse(140)
    assert beat.deadline == deadline


def test_a_message_gives_its_content() -> None:
    for content in ("hello", b"\x01", ""):
        packet = EnginePacket(EngineType.MESSAGE, content)
        assert read_packet(packet, heartbeat(), 101) == content


def test_a_pong_reaches_the_heartbeat() -> None:
    beat = heartbeat()
    beat.due(125)
    assert read_packet(EnginePacket(EngineType.PONG), beat, 126) is None
    assert beat.deadline == 151


@pytest.mark.parametrize("kind", [EngineType.OPEN, EngineType.UPGRADE, EngineType.NOOP])
def test_packets_without_meaning_are_ignored(kind: EngineType) -> None:
    assert read_packet(EnginePacket(kind, "x"), heartbeat(), 101) is None


def test_a_close_packet_ends_the_session() -> None:
    with pytest.raises(SessionClosed, match="transport close"):
        read_packet(EnginePacket(EngineType.CLOSE), heartbeat(), 101)


def test_a_client_may_not_ping() -> None:
    with pytest.raises(ProtocolError, match="heartbeat direction"):
        read_packet(EnginePacket(EngineType.PING), heartbeat(), 101)
