"""Django's cache where something is counted or kept in it: it may be away, as any server may.

Whoever needs it is then told that we are busy, and nobody is let through uncounted.
"""

import contextlib
import logging
import time
from collections.abc import Iterator

from django.utils.translation import gettext as _

from realtime.exceptions import Refused

logger = logging.getLogger(__name__)

# A cache that is away fails everybody: that is said once in so long.
FAILURE_LOGGED_EVERY_S = 10.0
_logged_at: list[float] = []


@contextlib.contextmanager
def asking_cache() -> Iterator[None]:
    """Raise ``Refused("busy")`` for whatever the cache raises within."""
    try:
        yield
    except Exception as error:
        _log(error)
        raise Refused("busy", _("The server is busy. Try again in a moment.")) from error


def _log(error: Exception) -> None:
    now = time.monotonic()
    if not _logged_at or now - _logged_at[0] >= FAILURE_LOGGED_EVERY_S:
        _logged_at[:] = [now]
        logger.error("the cache does not answer", extra={"error": repr(error)})
