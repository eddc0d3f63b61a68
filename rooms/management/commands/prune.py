"""``manage.py prune``: delete at once what is kept no longer; servers do so by and by."""

from typing import Any

from django.core.management.base import BaseCommand

from realtime.conf import options as realtime_options
from rooms.housekeeping import prune_everything


class Command(BaseCommand):
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
