"""Arguments that several commands take."""

from argparse import ArgumentTypeError

MOST_S = 3600.0


def seconds(text: str) -> float:
    """Read seconds, up to an hour; what is none is refused in words."""
    try:
        given = float(text)
    except ValueError:
        given = -1.0
    # Not a number is within no bounds.
    if not 0 <= given <= MOST_S:
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {MOST_S:.0f}")
    return given
