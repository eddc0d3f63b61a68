"""Felt at once: telling all processes to ask again, and waiting until they have.

For whoever has committed a change and has to know that it is in force. Whatever else changes is
found by each process's own watch. Source: DESIGN section 7, "Live" and "Races".
"""

import time
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import run_from_thread
from realtime.namespaces.database import in_database
from realtime.namespaces.notices import Echoes, ask, ask_from_thread, asking
from realtime.namespaces.process import current_process_id
from realtime.namespaces.signals import process_noticed
from rooms.backstage import backstages
from rooms.evicting import NewRole
from rooms.models import Process
from rooms.models.versions import SITE_KEY
from rooms.versions import CHANGED, raise_versions, read_versions, version_in
from rooms.watching import ROLE

RECHECK = "rooms.recheck"
CONFIRM = "rooms.confirm"
# How long somebody who asked waits for all processes that live.
CONFIRM_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a re-check everywhere has done.

    ``evicted`` counts sockets that had to leave a room, or ended. ``processes`` have confirmed that
    nothing reaches those any more; ``missing`` live and have not, within ``CONFIRM_WITHIN_S``.
    """

    evicted: int
    processes: tuple[str, ...]
    missing: tuple[str, ...]
    took_s: float

    @property
    def is_complete(self) -> bool:
        """Whether every process that lives has confirmed."""
        return not self.missing


async def recheck_everywhere(namespace: str | None = None) -> Receipt:
    """Have every process ask again about its sockets of a namespace, or all; call it on commit.

    Once a process has confirmed, no message of a room reaches a socket that it evicted.
    """
    began_at = time.monotonic()
    living = await in_database(_living_processes)
    try:
        echoes = await ask(RECHECK, namespace, timeout_s=CONFIRM_WITHIN_S)
    except UsageError:
        # In-memory layer: whoever serves elsewhere finds the change by itself.
        echoes = Echoes([])
    return _receipt(living, echoes, began_at)


async def confirm_everywhere(namespace: str) -> Receipt:
    """Return once all processes have asked about a namespace's sockets since this was called.

    For changes that raise its version, which all do that send signals. Cheaper than
    ``recheck_everywhere``: a look that the change itself has brought about is enough. Whom that
    has evicted before the call is not counted.
    """
    began_at = time.monotonic()
    living, version = await in_database(_living_at, namespace)
    try:
        echoes = await ask(CONFIRM, namespace, version, 0.0, timeout_s=CONFIRM_WITHIN_S)
    except UsageError:
        echoes = Echoes([])
    return _receipt(living, echoes, began_at)


def recheck_from_thread(namespace: str | None = None) -> Receipt:
    """Do what ``recheck_everywhere`` does, from synchronous code outside of a transaction."""
    began_at = time.monotonic()
    living = _living_processes()
    try:
        echoes = ask_from_thread(RECHECK, namespace, timeout_s=CONFIRM_WITHIN_S)
    except UsageError:
        echoes = Echoes([])
    return _receipt(living, echoes, began_at)


def confirm_from_thread(namespace: str, *, since: float) -> Receipt:
    """Do what ``confirm_everywhere`` does, from synchronous code outside of a transaction.

    ``namespace`` may be ``SITE_KEY``: all of them. Counts everybody who was evicted there
    ``since``, in monotonic seconds, be it by this change or by another.
    """
    began_at = time.monotonic()
    living, version = _living_at(namespace)
    try:
        echoes = run_from_thread(_ask_to_confirm(namespace, version, since), "confirm_everywhere")
    except UsageError:
        echoes = Echoes([])
    return _receipt(living, echoes, began_at)


async def _ask_to_confirm(namespace: str, version: int, since: float) -> Echoes:
    async with asking() as ask_all:
        # A process that serves no sockets has taken its time to find the others.
        ago_s = time.monotonic() - since
        return await ask_all(CONFIRM, namespace, version, ago_s, timeout_s=CONFIRM_WITHIN_S)


def recheck(namespace: str | None = None, name: str = "") -> None:
    """Say, on commit, that rooms which are rows of another model ask for something else now.

    ``name`` says which room it is; all of the namespace, or without one of the site, is asked.
    """
    del name
    raise_versions(SITE_KEY if namespace is None else namespace)


async def hear_notice(*, topic: str, args: list[Any], **_: object) -> dict[str, Any] | None:
    """Do here what some process asks of all; others' topics are no concern of ours."""
    if topic not in {CHANGED, RECHECK, CONFIRM, ROLE}:
        return None
    process_id = current_process_id()
    watch = backstages.of(process_id).watch
    if topic == CHANGED:
        watch.wake()
        return None
    if topic == CONFIRM:
        namespace, version, ago_s = args
        since = time.monotonic() - ago_s
        await watch.catch_up(namespace, version)
        evicted = watch.count_evicted(None if namespace == SITE_KEY else namespace, since)
        return {"process": process_id, "evicted": evicted}
    if topic == ROLE:
        watch.tell_role(NewRole(*args))
        return None
    (namespace,) = args
    return {"process": process_id, "evicted": await watch.recheck(namespace)}


def connect_notices() -> None:
    """Listen to what processes tell each other."""
    process_noticed.connect(hear_notice, dispatch_uid="rooms.live.hear_notice")


def _living_processes() -> list[str]:
    live = Process.objects.filter(lease_until__gt=timezone.now())
    return list(live.order_by("pk").values_list("pk", flat=True))


def _living_at(namespace: str) -> tuple[list[str], int]:
    """Give the processes that live, and the version of what holds in a namespace by now."""
    versions = read_versions()
    return _living_processes(), version_in(versions, namespace)


def _receipt(living: list[str], echoes: Echoes, began_at: float) -> Receipt:
    confirmed = {answer["process"]: answer["evicted"] for answer in echoes.answers}
    return Receipt(
        evicted=sum(confirmed.values()),
        processes=tuple(sorted(confirmed)),
        missing=tuple(key for key in living if key not in confirmed),
        took_s=time.monotonic() - began_at,
    )
