"""``manage.py explain alice /games/csgo``: may this person, and what decided, step by step.

Exits with 0 whatever the verdict is, with 1 where the question makes no sense.
"""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from rooms.explaining import Explanation, Question, explain, find_user, guest_of, person_of
from rooms.explaining import split_place as split
from rooms.management.base import RoomsCommand
from rooms.models import DecisionRecord
from rooms.people import Person
from rooms.policy_values import Action
from rooms.shapes import GUEST_PREFIX


class Command(RoomsCommand):
    """Explain a decision."""

    help = "Say whether somebody may join (or send …), and what decided."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take who and where, or the reference of a denial."""
        parser.add_argument("person", help="a username, a user's id, guest:<id>, or a reference")
        parser.add_argument(
            "place", nargs="?", help="such as /games/csgo, or /games; not with a reference"
        )
        parser.add_argument("--action", choices=[action.value for action in Action])
        parser.add_argument("--address", help="where they connect from, for bans by network")
        parser.add_argument("--password", default="")
        parser.add_argument("--invitation", default="")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Print the verdict."""
        if options["place"] is None:
            self._print_record(options["person"])
            return
        person = _find(options["person"])
        if options["address"]:
            try:
                person = replace(person, address=ip_address(options["address"]))
            except ValueError as error:
                raise CommandError(f"--address: {error}") from None
        namespace, room = split(options["place"])
        action = Action(options["action"] or (Action.JOIN if room else Action.CONNECT))
        if room is None and action is not Action.CONNECT:
            raise CommandError(f"{action.value} is about a room: name one, such as /games/csgo.")
        question = Question(
            person,
            namespace,
            None if action is Action.CONNECT else room,
            action,
            options["password"],
            options["invitation"],
        )
        self._print(explain(question, timezone.now()))

    def _print(self, answer: Explanation) -> None:
        decision, question = answer.decision, answer.question
        verdict = "allowed" if decision.allowed else f"denied: {decision.code}"
        self.stdout.write(f"{question.person.name}, {question.action.value}: {verdict}")
        if decision.reason:
            self.stdout.write(f"  {decision.reason}")
        if answer.told != decision.code:
            self.stdout.write(f"  The room is hidden from them: they are told {answer.told}.")
        for step in decision.steps:
            self.stdout.write(f"  {step.check}: {step.outcome} {step.rule}".rstrip())
        if answer.row is None:
            return
        seats = f"{answer.persons_present} of {answer.row.capacity or 'any number'}"
        self.stdout.write(f"  seats taken: {seats}; sockets of this person: {answer.sockets}")
        if answer.is_uncounted:
            self.stdout.write("  password tries left: not known, the cache does not answer")
        if answer.tries_left is not None:
            self.stdout.write(f"  password tries left: {answer.tries_left}")
        if answer.throttled_until is not None:
            self.stdout.write(f"  throttled until: {answer.throttled_until.isoformat()}")

    def _print_record(self, ref: str) -> None:
        record = DecisionRecord.objects.filter(ref=ref.strip().lower()).first()
        if record is None:
            raise CommandError(f"There is no record {ref!r}. Or name a place, such as /games/csgo.")
        verdict = "allowed" if record.allowed else f"denied: {record.code}"
        place = f"{record.namespace.rstrip('/')}/{record.room}"
        self.stdout.write(f"{record.name or record.person_key}, {record.kind} {place}: {verdict}")
        self.stdout.write(f"  {record.created_at.isoformat()}, {record.count} times")
        if record.message:
            self.stdout.write(f"  {record.message}")
        for step in record.steps:
            line = f"  {step.get('check', '')}: {step.get('outcome', '')} {step.get('rule', '')}"
            self.stdout.write(line.rstrip())


def _find(text: str) -> Person:
    if text.startswith(GUEST_PREFIX):
        return guest_of(text)
    user = find_user(text)
    if user is None:
        raise CommandError(f"There is no user {text!r}. A guest is written guest:<id>.")
    return person_of(user)
