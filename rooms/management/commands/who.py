"""``manage.py who [/games[/csgo]]``: who is connected, or who is in a room, over all processes."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone

from rooms.explaining import find_user, split_place
from rooms.impact import person_of_connection
from rooms.management.base import RoomsCommand
from rooms.models import Connection, Namespace, Process, Room
from rooms.powers import is_guest_id
from rooms.shapes import GUEST_PREFIX


class Command(RoomsCommand):
    """List the people who are there."""

    help = "List who is connected: everywhere, in a namespace, or in a room; over all processes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to look, for whom, and how to say it."""
        parser.add_argument("place", nargs="?", help="such as /games or /games/csgo")
        parser.add_argument("--user", help="only a username, a user's id, or guest:<id>")
        parser.add_argument("--process", help="only one process, by its id")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "--count", action="store_true", help="only how many persons, sockets and processes"
        )

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Print a line for each socket, in columns split by tabs or as JSON."""
        found = _found(options["place"], options["user"], options["process"])
        found = found.prefetch_related("seats__room").order_by("namespace", "name", "pk")
        shown = [_about(connection) for connection in found]
        if options["count"]:
            counts = {
                "persons": len({each["person"] for each in shown}),
                "sockets": len(shown),
                "processes": len({each["process"] for each in shown}),
            }
            self.stdout.write(
                json.dumps(counts)
                if options["json"]
                else "\t".join(f"{count} {name}" for name, count in counts.items())
            )
            return
        if not shown:
            self.stderr.write(f"Nobody is there.{_doubt(options['place'])}")
        for each in shown:
            self.stdout.write(json.dumps(each) if options["json"] else _line(each))


def _found(place: str | None, user: str | None, process: str | None) -> "QuerySet[Connection]":
    found = Connection.objects.filter(process__lease_until__gt=timezone.now())
    if process and not Process.objects.filter(pk=process).exists():
        ids = ", ".join(Process.objects.order_by("pk").values_list("pk", flat=True))
        raise CommandError(f"There is no process {process}: there is {ids or 'none'}.")
    if place:
        namespace, room = split_place(place)
        found = found.filter(namespace=namespace)
        if room is not None:
            row = Room.objects.filter(namespace__path=namespace, name=room).first()
            if row is None:
                raise CommandError(f"There is no room {place}.")
            found = found.filter(seats__room=row)
    if process:
        found = found.filter(process=process)
    if user and user.startswith(GUEST_PREFIX):
        guest_id = user.removeprefix(GUEST_PREFIX)
        if not is_guest_id(guest_id):
            raise CommandError(f"{user!r} is no guest's id, such as guest:<id>.")
        return found.filter(guest_id=guest_id)
    if user:
        row_of_user = find_user(user)
        if row_of_user is None:
            raise CommandError(f"There is no user {user!r}. A guest is written guest:<id>.")
        found = found.filter(user_id=row_of_user.pk)
    return found


def _doubt(place: str | None) -> str:
    """Say that a namespace may be mistyped: one without rooms of its own has no row."""
    namespace = split_place(place)[0] if place else ""
    if not namespace or Namespace.objects.filter(path=namespace).exists():
        return ""
    return f" The registry has no namespace {namespace}."


def _about(connection: Connection) -> dict[str, Any]:
    return {
        "person": person_of_connection(connection).key,
        "name": connection.name,
        "namespace": connection.namespace,
        "rooms": sorted(seat.room.name for seat in connection.seats.all()),
        "address": connection.address,
        "transport": connection.transport,
        "process": connection.process_id,
        "socket": connection.pk,
        "since": connection.connected_at.isoformat(),
    }


def _line(about: dict[str, Any]) -> str:
    words = {**about, "rooms": ", ".join(about["rooms"]) or "-", "address": about["address"] or "-"}
    del words["since"]
    return "\t".join(words.values())
