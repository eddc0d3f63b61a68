"""What the commands of this app have in common."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from realtime.exceptions import NotReady
from rooms.database_fit import require_fit_database


class RoomsCommand(BaseCommand):
    """A command that needs the registry, and says so in one line where the database lacks it."""

    def execute(self, *args: Any, **options: Any) -> str | None:  # noqa: ANN401 -- Django's own
        """Run it.

        Raises ``CommandError`` where the database does not answer or lacks migrations; any other
        error of the database as it is.
        """
        try:
            return super().execute(*args, **options)
        except (DatabaseError, InterfaceError):
            try:
                require_fit_database()
            except NotReady as why:
                words = str(why)
                raise CommandError(f"{words[:1].upper()}{words[1:]}.") from why
            raise
