"""One after the other: transactions that must not run at once, where there is no row to lock yet.

Knows nothing of rooms.
"""

import hashlib
from collections.abc import Iterable

from django.db import connection


def wait_turn(name: str) -> None:
    """Wait until no other transaction has the turn of this name; ours lasts as long as we do.

    To be called before anything is read: a statement that waits does not see what was waited for.
    On SQLite whoever writes is alone anyway.
    """
    wait_turns([name])


def wait_turns(names: Iterable[str]) -> None:
    """Wait for several turns at once, in one order for all, so that nobody waits in a circle."""
    numbers = sorted({_number(name) for name in names})
    if connection.vendor != "postgresql" or not numbers:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number", [numbers]
        )


def _number(name: str) -> int:
    digest = hashlib.sha256(f"roomkey:{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
