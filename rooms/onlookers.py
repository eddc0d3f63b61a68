"""Looking at packets as they pass: which sockets, who looks, and the record that they did.

For ``manage.py tail``. What is seen comes redacted from the processes that serve the sockets.
"""

import asyncio
import getpass
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.exceptions import UsageError
from realtime.namespaces.notices import Ask, asking
from realtime.namespaces.tapping import TAP, Entry, TapRequest
from rooms.models import DecisionRecord
from rooms.models.records import RecordKind
from rooms.people import Person
from rooms.records import keep_act

POLL_EVERY_S = 0.5
# What a process may take to answer; one that is slower has its lines in the next answer.
POLL_TIMEOUT_S = 1.0


@dataclass(slots=True)
class Sight:
    """What one poll brought: entries in the order of their times, and what was not shown.

    ``silent`` processes have not answered; ``errors`` say why others refused. ``sockets`` are those
    that matched as the look began; None where a process does not say.
    """

    entries: list[Entry]
    dropped: int = 0
    processes: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    errors: list[str] = field(default_factory=list)
    sockets: int | None = None


def tap_request(
    *,
    namespace: str | None,
    room: str | None,
    person: Person | None,
    socket_id: str | None,
    texts: bool,
) -> TapRequest:
    """Give what processes are asked for."""
    return TapRequest(
        id=secrets.token_urlsafe(9),
        namespace=namespace,
        room=room,
        user=person.key if person is not None else None,
        socket_id=socket_id,
        texts=texts,
    )


def record_look(request: TapRequest, person: Person | None, actor: AbstractBaseUser | None) -> str:
    """Keep who looks at whom, before anything is shown; give the record's reference."""
    now = timezone.now()
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    what = _("with texts") if request.texts else _("without texts")
    record = DecisionRecord(
        kind=RecordKind.MODERATION,
        namespace=request.namespace or "",
        room=request.room or "",
        user_id=person.user_id if person is not None else None,
        person_key=person.key if person is not None else "",
        name=person.name if person is not None else request.socket_id or "",
        actor_id=actor.pk if actor is not None else None,
        allowed=True,
        message=_("%(who)s looks at packets, %(what)s.") % {"who": who, "what": what},
        rule="tail",
        created_at=now,
        last_at=now,
    )
    keep_act(record)
    return record.ref


async def look(request: TapRequest) -> AsyncIterator[Sight]:
    """Give what has been seen, again and again; whoever stops asking takes the tap away.

    Raises ``UsageError`` where no process can be reached.
    """
    async with asking() as ask:
        try:
            while True:
                yield await _poll(ask, request)
                await asyncio.sleep(POLL_EVERY_S)
        finally:
            # A tap that is not taken away ends by itself.
            with suppress(Exception, asyncio.CancelledError):
                await _poll(ask, msgspec.structs.replace(request, ends=True))


async def _poll(ask: Ask, request: TapRequest) -> Sight:
    echoes = await ask(TAP, msgspec.to_builtins(request), timeout_s=POLL_TIMEOUT_S)
    answers: list[dict[str, Any]] = echoes.answers
    if not answers and echoes.is_lost:
        raise UsageError("Redis does not answer, so that no process can be asked (REDIS_URL)")
    if not answers and not echoes.missing:
        raise UsageError("no process serves sockets now, or none that knows this command")
    entries = [entry for answer in answers for entry in answer["entries"]]
    found: list[int | None] = [answer.get("sockets") for answer in answers]
    return Sight(
        sorted(entries, key=lambda entry: float(entry["at"])),
        sum(answer["dropped"] for answer in answers),
        tuple(sorted(answer["process"] for answer in answers)),
        echoes.missing,
        [f"{answer['process']}: {answer['error']}" for answer in answers if "error" in answer],
        None if None in found else sum(each or 0 for each in found),
    )
