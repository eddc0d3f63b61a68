"""What a server decides by a WebSocket's path alone: how large a message may be, and who pings.

Pure functions of the options; they know neither servers nor namespaces.
"""

from realtime.conf import Options


def max_message_bytes(options: Options, path: str) -> int:
    """Return how large one incoming message on this path may be, in bytes.

    A path that is neither of our doors belongs to an existing application: the larger limit holds.
    """
    if path.startswith(options.socketio_path):
        return options.max_payload_bytes
    if path.startswith(options.ws_prefix):
        return options.max_frame_bytes
    return largest_message_bytes(options)


def max_message_option(options: Options, path: str) -> str:
    """Return the name of the option that says so."""
    if path.startswith(options.ws_prefix) and not path.startswith(options.socketio_path):
        return "max_frame_bytes"
    return "max_payload_bytes"


def largest_message_bytes(options: Options) -> int:
    """Return the limit of the door that allows more; some servers have one limit for all paths."""
    return max(options.max_payload_bytes, options.max_frame_bytes)


def needs_pings(options: Options, path: str) -> bool:
    """Say whether the server pings here: not on Engine.IO's path, which has its own heartbeat."""
    return not path.startswith(options.socketio_path)
