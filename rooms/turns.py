"""One after the other: transactions that must not run at once, where there is no row to lock yet.

Knows nothing of rooms.
"""

import hashlib

from django.db import connection


def wait_turn(name: str) -> None:
    """Wait until no other transaction has the turn of this name; ours lasts as long as we do.

    To be called before anything is read: a statement that waits does not see what was waited for.
    On SQLite whoever writes is alone anyway.
    """
    if connection.vendor != "postgresql":
        return
    digest = hashlib.sha256(f"roomkey:{name}".encode("utf-8", "surrogatepass")).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)]
        )
