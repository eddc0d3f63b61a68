"""The receipt after a change: who was put out, on which processes, how fast; who did not answer."""

import logging
import time
from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from realtime.exceptions import RealtimeError
from rooms.impact import Attendance
from rooms.live import Receipt, recheck_from_thread
from rooms.models import Connection, Seat

logger = logging.getLogger(__name__)

# How long a page waits for the seats of those who have left to be free, and how often it looks.
FREED_WITHIN_S = 0.5
LOOK_EVERY_S = 0.02


def tell_receipt(
    request: HttpRequest, namespace: str | None, leaving: Sequence[Attendance] = ()
) -> None:
    """Have every process look at its sockets again, and tell what came of it.

    ``leaving`` were there before the change and have to go: a process that has heard of it at
    once has put them out before it is asked.
    """
    try:
        receipt = recheck_from_thread(namespace)
    except RealtimeError:
        # The change stands, and each process finds it by itself.
        logger.warning("no receipt of a change", extra={"namespace": namespace}, exc_info=True)
        messages.warning(
            request,
            gettext("Saved. The servers could not be asked, and find the change by themselves."),
        )
        return
    here = [at for at in leaving if at.namespace == namespace]
    gone = _wait_for_gone(here) if receipt.processes else _count_gone(here)
    _show(request, receipt, max(receipt.evicted, gone))


def _wait_for_gone(leaving: Sequence[Attendance]) -> int:
    """Count those who are gone once all are; their seats are freed a moment after they heard it."""
    deadline = time.monotonic() + FREED_WITHIN_S
    while (gone := _count_gone(leaving)) < len(leaving) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return gone


def _count_gone(leaving: Sequence[Attendance]) -> int:
    """Count those of them that have no seat any more, or no connection where it was that."""
    sockets = {at.socket_id for at in leaving}
    seats = set(Seat.objects.filter(connection__in=sockets).values_list("connection", "room"))
    here = set(Connection.objects.filter(pk__in=sockets).values_list("pk", flat=True))
    return sum(
        at.socket_id not in here if at.room_id is None else (at.socket_id, at.room_id) not in seats
        for at in leaving
    )


def _show(request: HttpRequest, receipt: Receipt, evicted: int) -> None:
    text = ngettext(
        "%(count)d socket was put out, on %(processes)s, within %(ms)d ms.",
        "%(count)d sockets were put out, on %(processes)s, within %(ms)d ms.",
        evicted,
    ) % {
        "count": evicted,
        "processes": ", ".join(receipt.processes) or gettext("no process"),
        "ms": round(receipt.took_s * 1000),
    }
    messages.info(request, text)
    if receipt.missing:
        messages.warning(
            request,
            gettext("Not confirmed yet by: %(processes)s.")
            % {"processes": ", ".join(receipt.missing)},
        )
