"""Testing what is built on the engine: real packets, in this process, without a network.

``connect`` and ``connect_sync`` open clients of either door, ``serving`` keeps the application up
between them, ``captured_emits`` lists what left ``of()``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.testing.connecting import connect, connect_sync, serving, serving_sync
    from realtime.testing.emits import Emit, captured_emits
    from realtime.testing.heard import Heard, WaitFailed

__all__ = [
    "Emit",
    "Heard",
    "WaitFailed",
    "captured_emits",
    "connect",
    "connect_sync",
    "serving",
    "serving_sync",
]
_MODULES = {
    "Emit": "emits",
    "Heard": "heard",
    "WaitFailed": "heard",
    "captured_emits": "emits",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: the pytest plugin is loaded before Django is."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as the docstring says

    module = _MODULES.get(name, "connecting")
    return getattr(import_module(f"{__name__}.{module}"), name)
