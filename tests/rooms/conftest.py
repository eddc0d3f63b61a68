"""What every test of the rooms app starts with."""

import pytest

from rooms import records
from rooms.laws import laws_in_memory
from rooms.tallying import tallies


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the rules, bans, counts and denials of other tests, whose rows had the same keys."""
    laws_in_memory.clear()
    tallies.clear()
    monkeypatch.setattr(records, "recent", records.RecentDenials())
