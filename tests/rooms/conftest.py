"""What every test of the rooms app starts with."""

import pytest

from rooms.laws import laws_in_memory
from rooms.tallying import tallies


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Forget the rules, bans and counts of other tests, whose rows had the same keys."""
    laws_in_memory.clear()
    tallies.clear()
