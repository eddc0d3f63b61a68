import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.exceptions import ProtocolError
from realtime.protocol.plain_frames import (
    PlainAck,
    PlainEvent,
    PlainFrame,
    PlainPing,
    decode_frame,
)
from realtime.protocol.socket_packets import MAX_ACK_ID
from tests.protocol.values import json_values


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"event":"e"}', PlainEvent("e")),
        ('{"event":"e","args":[1,"x"]}', PlainEvent("e", [1, "x"])),
        ('{"event":"e","args":[],"id":0}', PlainEvent("e", [], 0)),
        (f'{{"id":{MAX_ACK_ID},"event":"e"}}', PlainEvent("e", [], MAX_ACK_ID)),
        ('{"ack":7,"args":[1]}', PlainAck(7, [1])),
        ('{"ack":0}', PlainAck(0)),
        ('{"ping":1}', PlainPing(1)),
        ('{"ping":null}', PlainPing(None)),
        ('{"event":"e","else":1}', PlainEvent("e")),
    ],
)
def test_each_form_of_frame_is_read(text: str, frame: PlainFrame) -> None:
    assert decode_frame(text, max_depth=32) == frame


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "null",
        "[]",
        '"event"',
        "1",
        "{}",
        '{"args":[]}',
        '{"event":"e","ack":1}',
        '{"event":"e","ping":1}',
        '{"event":""}',
        '{"event":1}',
        '{"event":null}',
        '{"event":["e"]}',
        '{"event":"e","args":{}}',
        '{"event":"e","args":null}',
        '{"event":"e","id":-1}',
        '{"event":"e","id":1.0}',
        '{"event":"e","id":true}',
        '{"event":"e","id":"7"}',
        '{"event":"e","id":null}',
        f'{{"event":"e","id":{MAX_ACK_ID + 1}}}',
        '{"ack":-1}',
        '{"ack":null}',
        '{"ack":1,"args":1}',
        '{"event":"e"',
        '{"event":NaN}',
    ],
)
def test_malformed_frames_are_refused_with_words(text: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_frame(text, max_depth=32)
    assert str(refused.value)


def test_depth_is_limited_at_the_edge() -> None:
    assert decode_frame('{"event":"e","args":[[]]}', max_depth=3) == PlainEvent("e", [[]])
    with pytest.raises(ProtocolError, match="deeper"):
        decode_frame('{"event":"e","args":[[[]]]}', max_depth=3)


@given(
    st.text()
    | json_values.map(json.dumps)
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("event", "ack", "ping", "args", "id"), json_values)
    ).map(json.dumps)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        frame = decode_frame(text, max_depth=32)
    except ProtocolError:
        return
    assert isinstance(frame, PlainEvent | PlainAck | PlainPing)
