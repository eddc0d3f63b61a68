"""``manage.py tail --user alice``: packets and decisions as they pass, from whichever process.

Redacted: secrets never show, texts only with ``--texts``. Each look is kept as a decision record.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import CommandError, CommandParser

from realtime.exceptions import UsageError
from realtime.namespaces.tapping import Entry, TapRequest
from rooms.explaining import find_user, guest_of, person_of, split_place
from rooms.management.arguments import seconds
from rooms.management.base import RoomsCommand
from rooms.models import DecisionRecord, Room
from rooms.onlookers import Sight, look, record_look, tap_request
from rooms.people import Person
from rooms.shapes import GUEST_PREFIX

_ARROWS = {"in": "<-", "out": "->", "note": "--"}
# What an entry says in its own place.
_PLACED = frozenset(
    {"at", "process", "namespace", "socket", "user", "way", "kind", "event", "args"}
)


class Command(RoomsCommand):
    """Look on."""

    help = (
        "Show packets and decisions of a person, a socket or a room as they pass, redacted, from "
        "all processes. Ctrl-C ends it. Needs a channel layer that joins processes (REDIS_URL)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whom to look at, and how."""
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--user", help="a username, a user's id, or guest:<id>")
        whom.add_argument("--socket", help="a socket's id, as manage.py who shows it")
        whom.add_argument("--room", help="such as /games/csgo")
        parser.add_argument("--namespace", help="only there, such as /games")
        parser.add_argument("--texts", action="store_true", help="show texts; secrets stay hidden")
        parser.add_argument("--as", dest="actor", help="the staff user who looks, for the record")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--seconds", type=seconds, help="end after so many seconds")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Record the look, then print what passes."""
        namespace, room = _place(options["namespace"], options["room"])
        person = _find(options["user"]) if options["user"] else None
        request = tap_request(
            namespace=namespace,
            room=room,
            person=person,
            socket_id=options["socket"],
            texts=options["texts"],
        )
        actor = _find_staff(options["actor"]) if options["actor"] else None
        self._as_json = options["json"]
        self._rules: dict[str, str] = {}
        try:
            asyncio.run(self._run(request, person, actor, options["seconds"]))
        except UsageError as error:
            raise CommandError(f"{error}.") from None
        except KeyboardInterrupt:
            # Ctrl-C is how this ends.
            self.stderr.write("")

    async def _run(
        self,
        request: TapRequest,
        person: Person | None,
        actor: AbstractBaseUser | None,
        seconds: float | None,
    ) -> None:
        known: set[str] = set()
        is_recorded = False
        looking = look(request)
        try:
            async with asyncio.timeout(seconds):
                async for sight in looking:
                    if not is_recorded:
                        # Somebody is there to be looked at: from here on it is a look.
                        ref = await sync_to_async(record_look)(request, person, actor)
                        self.stderr.write(f"Recorded as {ref}. Ctrl-C ends it.")
                        if (hint := await sync_to_async(_hint)(request, sight)) is not None:
                            self.stderr.write(hint)
                        is_recorded = True
                    await self._show(sight, known)
        except TimeoutError:
            pass
        finally:
            await looking.aclose()  # type: ignore[attr-defined]  # it is a generator

    async def _show(self, sight: Sight, known: set[str]) -> None:
        for process in sight.processes:
            if process not in known:
                self.stderr.write(f"Looking at process {process}.")
        for process in sorted(known.difference(sight.processes)):
            self.stderr.write(f"Process {process} does not answer.")
        known.clear()
        known.update(sight.processes)
        for error in sight.errors:
            self.stderr.write(f"Not looking: {error}.")
        for entry in sight.entries:
            if entry.get("ref"):
                entry["rule"] = await sync_to_async(self._rule)(entry["ref"])
            self.stdout.write(json.dumps(entry) if self._as_json else line_of(entry))
        if sight.dropped:
            self.stderr.write(f"{sight.dropped} more passed than could be shown.")
        self.stdout.flush()

    def _rule(self, ref: str) -> str:
        """Give what decided, which clients are never told."""
        if ref not in self._rules:
            record = DecisionRecord.objects.filter(ref=ref).first()
            self._rules[ref] = record.rule if record is not None else ""
        return self._rules[ref]


def line_of(entry: Entry) -> str:
    """Return an entry as one line for people."""
    at = datetime.fromtimestamp(float(entry["at"]), UTC).strftime("%H:%M:%S.%f")[:-3]
    head = [at, entry["process"], entry["namespace"], entry["user"], entry["socket"][-6:]]
    words = [*head, _ARROWS[entry["way"]], entry["kind"]]
    if entry.get("event"):
        words.append(json.dumps(entry["event"], ensure_ascii=False))
    if "args" in entry:
        words.append(json.dumps(entry["args"], ensure_ascii=False))
    words += [
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in entry.items()
        if name not in _PLACED
        and value not in ("", None, False, 0)
        and (name, value) != ("sockets", 1)
    ]
    # What clients sent stays inside its line.
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in " ".join(words))


def _place(namespace: str | None, room: str | None) -> tuple[str | None, str | None]:
    """Give the namespace and the room to look at, each None where any will do."""
    if room is not None:
        if namespace is not None:
            raise CommandError("--room names its namespace: leave --namespace out.")
        place = split_place(room)
        if place[1] is None:
            raise CommandError("--room is such as /games/csgo.")
        return place
    if namespace is None:
        return None, None
    path, rest = split_place(namespace)
    if rest is not None:
        raise CommandError("--namespace is such as /games; a room is --room.")
    return path, None


def _hint(request: TapRequest, sight: Sight) -> str | None:
    """Say why it may stay silent: a look takes whoever comes later, too."""
    if request.room is not None:
        rooms = Room.objects.filter(namespace__path=request.namespace, name=request.room)
        if rooms.exists():
            return None
        return "The registry has no such room; whatever names it is shown."
    # Processes of the release before this one do not say.
    if sight.sockets is None or sight.sockets:
        return None
    if request.socket_id is not None:
        return "No socket has this id now, and none will again: manage.py who shows them."
    return "No socket matches now; those that come are shown."


def _find(text: str) -> Person:
    if text.startswith(GUEST_PREFIX):
        return guest_of(text)
    user = find_user(text)
    if user is None:
        raise CommandError(f"There is no user {text!r}. A guest is written guest:<id>.")
    return person_of(user)


def _find_staff(name: str) -> AbstractBaseUser:
    user = find_user(name)
    if user is None or not user.is_active or not getattr(user, "is_staff", False):
        raise CommandError(f"--as: {name!r} is no active staff user.")
    return user
