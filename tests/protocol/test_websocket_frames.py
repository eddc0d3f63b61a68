from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from realtime.protocol.websocket_frames import encode_frame
from realtime.protocol.wire_message import WireMessage

Result = TypeVar("Result")


def parse(data: bytes) -> list[Frame]:
    """Read all frames with another implementation, as a client does: unmasked ones only."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    frames: list[Frame] = []
    while True:
        is_over: Generator[None, None, bool] = reader.at_eof()
        if _finish(is_over):
            return frames
        frames.append(_finish(Frame.parse(reader.read_exact, mask=False)))


def _finish(steps: Generator[None, None, Result]) -> Result:
    try:
        next(steps)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise AssertionError("the frame is not complete")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("kind", ["text", "binary"])
def test_lengths_at_each_edge_are_read_by_another_implementation(size: int, kind: str) -> None:
    data: str | bytes = "x" * size if kind == "text" else b"\xff" * size
    (frame,) = parse(encode_frame(data))
    assert frame.fin
    assert not any((frame.rsv1, frame.rsv2, frame.rsv3))
    assert frame.opcode is (Opcode.TEXT if kind == "text" else Opcode.BINARY)
    assert frame.data == (data.encode() if isinstance(data, str) else data)


@pytest.mark.parametrize(("size", "header"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_the_shortest_header_is_used(size: int, header: int) -> None:
    assert len(encode_frame(b"x" * size)) == header + size


def test_text_counts_in_utf8_bytes() -> None:
    (frame,) = parse(encode_frame("ü" * 100))
    assert frame.data == "ü".encode() * 100


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.binary(), min_size=1))
def test_a_message_is_its_parts_in_order(parts: list[str | bytes]) -> None:
    message = WireMessage(*parts)
    assert message.size == len(message.frames)
    assert [frame.data for frame in parse(message.frames)] == [
        part.encode() if isinstance(part, str) else part for part in parts
    ]
