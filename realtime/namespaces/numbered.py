"""The value that applications give when they are asked for numbered events that got lost."""

from realtime.adapters.base import Numbered

__all__ = ["Numbered"]
