"""``manage.py prune``: delete at once what is kept no longer; servers do so by and by."""

from typing import Any

from realtime.conf import options as realtime_options
from rooms.housekeeping import prune_everything
from rooms.management.base import RoomsCommand


class Command(RoomsCommand):
    """Delete what is kept no longer."""

    help = (
        "Delete messages beyond their rooms' limits, decision records older than DECISION_DAYS, "
        "and old counts. Servers do the same by and by; twice is as good as once."
    )

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Delete it in short transactions, and say how much it was."""
        del args, options
        pruned = prune_everything(realtime_options().decision_days)
        self.stdout.write(
            f"Deleted {pruned.messages} messages, {pruned.records} decision records "
            f"and {pruned.counts} counts."
        )
