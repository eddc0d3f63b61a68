"""``manage.py drain [ID…]``: have processes send their clients to others, as SIGTERM does.

Without a name it lists them. A drained process goes on, not ready, until its supervisor ends it;
with ``--exit`` it ends by itself. Works over the channel layer, from any machine of the site.
"""

import json
import time
from typing import Any

import msgspec
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from realtime.conf import options as realtime_options
from realtime.exceptions import UsageError
from realtime.namespaces.notices import ask_from_thread
from realtime.namespaces.steering import STEER, SteerRequest
from rooms.management.arguments import seconds
from rooms.management.base import RoomsCommand
from rooms.models import Process

ANSWER_WITHIN_S = 2.0
LOOK_EVERY_S = 0.5
# What a drain may take beyond its spread.
WAIT_SLACK_S = 10.0

Answer = dict[str, Any]


class Command(RoomsCommand):
    """List processes, or drain some."""

    help = (
        "List the processes that serve, or have some send their clients away and take no new ones. "
        "Needs a channel layer that joins processes (REDIS_URL)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which, and how."""
        parser.add_argument("process", nargs="*", help="ids, as manage.py who and the logs show")
        parser.add_argument("--host", help="all processes of this host")
        parser.add_argument("--seconds", type=seconds, help="spread over (default: their DRAIN_S)")
        parser.add_argument("--exit", action="store_true", help="end them as SIGTERM does")
        parser.add_argument(
            "--wait", action="store_true", help="return once their sockets are gone"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """List or drain."""
        if options["exit"] and options["seconds"] is not None:
            raise CommandError("--exit takes the process's own DRAIN_S: leave --seconds out.")
        is_act = options["exit"] or options["wait"] or options["seconds"] is not None
        if is_act and not options["process"] and options["host"] is None:
            raise CommandError("Drain which? Name processes by their ids, or --host.")
        known = _ask(SteerRequest())
        wanted = _wanted(known, options["process"], options["host"])
        if wanted:
            request = SteerRequest(tuple(wanted), options["seconds"], options["exit"])
            known = _ask(request)
            if options["wait"]:
                given_s = options["seconds"]
                spread_s = realtime_options().drain_s if given_s is None else given_s
                known = _wait(wanted, spread_s + WAIT_SLACK_S)
        rows = {row.pk: row for row in Process.objects.all()}
        shown = [each for key, each in known.items() if not wanted or key in wanted]
        if not wanted and not shown:
            self.stderr.write("No process serves sockets now.")
        for each in shown:
            self._print(each, rows.get(each["process"]), as_json=options["json"])
        for key in [key for key in wanted if key not in known]:
            self.stdout.write(f"{key}\tgone")

    def _print(self, answer: Answer, row: Process | None, *, as_json: bool) -> None:
        about = {
            "process": answer["process"],
            "state": answer["state"],
            "host": row.host if row is not None else "",
            "pid": row.pid if row is not None else None,
            "started_at": row.started_at.isoformat() if row is not None else "",
            "lease_s": _lease_s(row),
            "connections": answer["connections"],
            "sockets": answer["sockets"],
        }
        if as_json:
            self.stdout.write(json.dumps(about))
        else:
            self.stdout.write(
                "\t".join("-" if each in ("", None) else str(each) for each in about.values())
            )


def _ask(request: SteerRequest) -> dict[str, Answer]:
    """Give what each process answers, by its id."""
    try:
        echoes = ask_from_thread(STEER, msgspec.to_builtins(request), timeout_s=ANSWER_WITHIN_S)
    except UsageError as error:
        raise CommandError(
            f"{error}. A process on the in-memory layer is drained by SIGTERM alone."
        ) from None
    if not echoes.answers and echoes.is_lost:
        raise CommandError("Redis does not answer, so that no process can be asked (REDIS_URL).")
    if missing := set(echoes.missing) & set(request.process_ids):
        raise CommandError(f"No answer from: {', '.join(sorted(missing))}.")
    found = {answer["process"]: answer for answer in echoes.answers}
    return dict(sorted(found.items()))


def _wanted(known: dict[str, Answer], ids: list[str], host: str | None) -> list[str]:
    wanted = list(ids)
    if host is not None:
        of_host = Process.objects.filter(host=host).values_list("pk", flat=True)
        found = [key for key in of_host if key in known]
        if not found:
            hosts = Process.objects.order_by("host").values_list("host", flat=True).distinct()
            raise CommandError(
                f"No process serves on {host!r}: there is {', '.join(hosts) or 'none'}."
            )
        wanted += found
    unknown = [key for key in wanted if key not in known]
    if unknown:
        raise CommandError(
            f"No process {', '.join(unknown)} answers: there is {', '.join(known) or 'none'}."
        )
    return list(dict.fromkeys(wanted))


def _wait(wanted: list[str], within_s: float) -> dict[str, Answer]:
    """Wait until none of these has a socket, or all have ended."""
    deadline = time.monotonic() + within_s
    while True:
        known = _ask(SteerRequest())
        if not any(known[key]["connections"] for key in wanted if key in known):
            return known
        if time.monotonic() >= deadline:
            raise CommandError(f"Not all sockets are gone after {within_s:.0f} s.")
        time.sleep(LOOK_EVERY_S)


def _lease_s(row: Process | None) -> float | None:
    """Give for how long the process's lease still runs; below 0 it has run out."""
    if row is None:
        return None
    return round((row.lease_until - timezone.now()).total_seconds(), 1)
