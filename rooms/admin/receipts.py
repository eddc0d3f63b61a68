"""The receipt after a change: who was put out, on which processes, how fast; who did not answer."""

import logging
from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from realtime.exceptions import RealtimeError
from rooms.live import Receipt, confirm_from_thread

logger = logging.getLogger(__name__)


def tell_receipts(request: HttpRequest, namespaces: Iterable[str], *, since: float) -> None:
    """Wait until every process has acted on a change in each of these namespaces, and tell it.

    ``since`` is when it was asked for, in monotonic seconds: who was put out by then is counted. A
    process that has heard of the change at once has done it before it is asked.
    """
    for namespace in sorted(set(namespaces)):
        _tell_receipt(request, namespace, since)


def _tell_receipt(request: HttpRequest, namespace: str, since: float) -> None:
    try:
        receipt = confirm_from_thread(namespace, since=since)
    except RealtimeError:
        # The change stands, and each process finds it by itself.
        logger.warning("no receipt of a change", extra={"namespace": namespace}, exc_info=True)
        messages.warning(
            request,
            gettext("Saved. The servers could not be asked, and find the change by themselves."),
        )
        return
    _show(request, receipt)


def _show(request: HttpRequest, receipt: Receipt) -> None:
    text = ngettext(
        "%(count)d socket was put out, on %(processes)s, within %(ms)d ms.",
        "%(count)d sockets were put out, on %(processes)s, within %(ms)d ms.",
        receipt.evicted,
    ) % {
        "count": receipt.evicted,
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
