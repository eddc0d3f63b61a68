"""What a client hears, and how a test is told that it did not."""

from dataclasses import dataclass
from typing import Any, TypeAlias

# An argument of an event: whatever JSON says, and bytes.
Argument: TypeAlias = Any

DEADLINE_S = 5.0
_LONGEST_SHOWN = 120


class WaitFailed(AssertionError):  # noqa: N818 - it reads as the failure of an assertion
    """What a test waited for did not come: the deadline passed, or the socket ended."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event from the server; ``ack_id`` is there if it wants an answer."""

    event: str
    args: tuple[Argument, ...] = ()
    ack_id: int | None = None

    @property
    def value(self) -> Argument:
        """The argument; a tuple of several, None without one."""
        return value_of(self.args)

    def __str__(self) -> str:
        """Show the event as it may stand in a failure's message."""
        return shortened(f"{self.event}({', '.join(map(repr, self.args))})")


def value_of(args: tuple[Argument, ...]) -> Argument:
    """Return one argument as it is, several as a tuple, and None for none."""
    return args[0] if len(args) == 1 else args or None


def shortened(text: str) -> str:
    """Return a text that is short enough for a failure's message."""
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
