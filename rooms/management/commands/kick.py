"""``manage.py kick alice /games/csgo``: put somebody out of a room, all their sockets.

They may join again; what let them in has to be given again. With the in-memory channel layer the
server finds it by itself, within seconds.
"""

import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from realtime.exceptions import Refused
from rooms.explaining import find_user, split_place
from rooms.live import confirm_from_thread
from rooms.management.base import RoomsCommand
from rooms.models import Room
from rooms.services import kick
from rooms.shapes import GUEST_PREFIX


class Command(RoomsCommand):
    """Kick somebody."""

    help = "Put somebody out of a room; they may join again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whom, from where, and why."""
        parser.add_argument("person", help="a username, a user's id, or guest:<id>")
        parser.add_argument("place", help="such as /games/csgo")
        parser.add_argument("--reason", default="", help="what they read")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Kick them, and say which processes have done it."""
        namespace, name = split_place(options["place"])
        room = Room.objects.filter(namespace__path=namespace, name=name).first()
        if room is None:
            raise CommandError(f"There is no room {options['place']}.")
        whom = options["person"]
        if not whom.startswith(GUEST_PREFIX):
            user = find_user(whom)
            if user is None:
                raise CommandError(f"There is no user {whom!r}. A guest is written guest:<id>.")
            whom = user
        began_at = time.monotonic()
        try:
            kick(room, whom, reason=options["reason"])
        except Refused as refused:
            raise CommandError(str(refused)) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        # The kick itself has woken the processes: most have put them out by now.
        receipt = confirm_from_thread(namespace, since=began_at)
        self.stdout.write(f"Kicked. Sockets put out: {receipt.evicted}, in {receipt.took_s:.2f} s.")
        if receipt.missing:
            self.stdout.write(f"Not confirmed yet by: {', '.join(receipt.missing)}.")
