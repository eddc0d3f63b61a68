"""The receipt after a change: who was put out, on which processes, how fast; who did not answer."""

import logging

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from realtime.exceptions import RealtimeError
from rooms.live import Receipt, recheck_from_thread

logger = logging.getLogger(__name__)


def tell_receipt(request: HttpRequest, namespace: str | None) -> None:
    """Have every process look at its sockets again, and tell what came of it."""
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
    show_receipt(request, receipt)


def show_receipt(request: HttpRequest, receipt: Receipt) -> None:
    """Tell what came of a re-check."""
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
