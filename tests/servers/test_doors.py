"""What a path alone decides."""

import pytest

from realtime.conf import Options
from realtime.servers.closing import fit_reason
from realtime.servers.doors import largest_message_bytes, max_message_bytes, needs_pings

OPTIONS = Options(
    max_payload_bytes=500, max_frame_bytes=20, socketio_path="/live/io/", ws_prefix="/live/ws/"
)


@pytest.mark.parametrize(
    ("path", "limit", "pings"),
    [
        ("/live/io/", 500, False),
        ("/live/ws/games", 20, True),
        ("/live/ws/", 20, True),
        ("/socket.io/", 500, True),
        ("/", 500, True),
    ],
)
def test_a_door_s_path_decides_its_limit_and_its_pings(path: str, limit: int, pings: bool) -> None:
    assert max_message_bytes(OPTIONS, path) == limit
    assert needs_pings(OPTIONS, path) is pings


def test_one_limit_for_all_paths_fits_the_larger_door() -> None:
    assert largest_message_bytes(OPTIONS) == 500
    assert largest_message_bytes(Options(max_payload_bytes=5, max_frame_bytes=6)) == 6


@pytest.mark.parametrize(
    ("reason", "kept"), [("", ""), ("x" * 123, "x" * 123), ("x" * 124, "x" * 123)]
)
def test_a_reason_fits_its_close_frame(reason: str, kept: str) -> None:
    assert fit_reason(reason) == kept


def test_a_reason_is_cut_between_characters() -> None:
    assert fit_reason("x" + "é" * 100) == "x" + "é" * 61
