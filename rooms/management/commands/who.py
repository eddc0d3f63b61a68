"""``manage.py who [/games[/csgo]]``: who is connected, or who is in a room."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from rooms.explaining import split_place
from rooms.impact import person_of_connection
from rooms.models import Connection, Room


class Command(BaseCommand):
    """List the people who are there."""

    help = "List who is connected: everywhere, in a namespace, or in a room."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to look."""
        parser.add_argument("place", nargs="?", help="such as /games or /games/csgo")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Print a line for each socket, in columns split by tabs."""
        found = Connection.objects.filter(process__lease_until__gt=timezone.now())
        if options["place"]:
            namespace, room = split_place(options["place"])
            found = found.filter(namespace=namespace)
            if room is not None:
                row = Room.objects.filter(namespace__path=namespace, name=room).first()
                if row is None:
                    raise CommandError(f"There is no room {options['place']}.")
                found = found.filter(seats__room=row)
        found = found.prefetch_related("seats__room").order_by("namespace", "name", "pk")
        for connection in found:
            rooms = ", ".join(sorted(seat.room.name for seat in connection.seats.all()))
            line = (
                person_of_connection(connection).key,
                connection.name,
                connection.namespace,
                rooms or "-",
                connection.address or "-",
                connection.transport,
                connection.process_id,
                connection.pk,
            )
            self.stdout.write("\t".join(line))
