"""The versions of what decisions are made of: raised with each change, read to find what changed.

Raised in the transaction of the change, so that whoever sees the one sees the other, and told to
every process on commit; the telling may get lost. Source: DESIGN section 11.
"""

from dataclasses import dataclass

from django.db import connection, transaction

from realtime.namespaces.notices import notify
from rooms.models import PolicyVersion

# The notice that something has changed.
CHANGED = "rooms.changed"


@dataclass(frozen=True, slots=True)
class _Announcement:
    """What runs on commit for one key."""

    key: str

    def __call__(self) -> None:
        notify(CHANGED, self.key)


def raise_versions(*keys: str) -> None:
    """Raise these counters in the caller's transaction, and tell all processes on commit.

    A key is a namespace's path, ``SITE_KEY`` or ``PEOPLE_KEY``. Each call raises it: what was read
    in between must not count as read after.
    """
    # In one order, so that two who raise the same ones wait and never deadlock.
    for key in sorted(set(keys)):
        _raise(key)
        announcement = _Announcement(key)
        if not connection.in_atomic_block or not _is_announced(announcement):
            transaction.on_commit(announcement, robust=True)


def read_versions() -> dict[str, int]:
    """Read all counters by their keys, in one query."""
    return dict(PolicyVersion.objects.order_by().values_list("key", "version"))


def _is_announced(announcement: _Announcement) -> bool:
    """Say whether this transaction will tell of the key already.

    Django forgets what was to run on commit with the savepoint that it was said in.
    """
    return any(waiting[1] == announcement for waiting in connection.run_on_commit)


def _raise(key: str) -> None:
    table = connection.ops.quote_name(PolicyVersion._meta.db_table)  # noqa: SLF001 - documented
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, version) VALUES (%s, 1) "  # noqa: S608 - our own table
            f"ON CONFLICT (key) DO UPDATE SET version = {table}.version + 1",
            [key],
        )
