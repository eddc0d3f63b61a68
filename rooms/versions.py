"""The versions of what decisions are made of: raised with each change, read to find what changed.

Raised in the transaction of the change, so that whoever sees the one sees the other, and told to
every process on commit; the telling may get lost. Source: DESIGN section 11, and
``docs/decisions/0011-live-permissions.md`` on why a version is a sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count, Sum

from realtime.namespaces.notices import notify
from rooms.models import PolicyChange
from rooms.models.versions import SITE_KEY

# The notice that something has changed.
CHANGED = "rooms.changed"
# Rows of a key that are left alone; more are put together.
ROWS_MOST = 50


@dataclass(frozen=True, slots=True)
class _Announcement:
    """What runs on commit for one key."""

    key: str

    def __call__(self) -> None:
        notify(CHANGED, self.key)


def raise_versions(*keys: str) -> None:
    """Raise these versions in the caller's transaction, and tell all processes on commit.

    A key is a namespace's path, ``SITE_KEY`` or ``PEOPLE_KEY``. Each call raises it: what was read
    in between must not count as read after. Waits for no other transaction.
    """
    PolicyChange.objects.bulk_create(PolicyChange(key=key) for key in sorted(set(keys)))
    for key in sorted(set(keys)):
        announcement = _Announcement(key)
        if not connection.in_atomic_block or not _is_announced(announcement):
            transaction.on_commit(announcement, robust=True)


def read_versions() -> dict[str, int]:
    """Read all versions by their keys, in one query."""
    changes = PolicyChange.objects.order_by().values_list("key")
    return dict(changes.annotate(version=Sum("count")))


def version_in(versions: Mapping[str, int], namespace: str) -> int:
    """Give the version of what holds in a namespace; ``SITE_KEY`` is the site's alone."""
    site = versions.get(SITE_KEY, 0)
    return site if namespace == SITE_KEY else versions.get(namespace, 0) + site


def fold_changes() -> int:
    """Put the rows of each key together where there are many; say how many went.

    No version changes by that, and nobody waits: rows that somebody else is folding are skipped.
    """
    changes = PolicyChange.objects.order_by().values_list("key", flat=True)
    crowded = changes.annotate(rows=Count("pk")).filter(rows__gt=ROWS_MOST)
    return sum(_fold(key) for key in sorted(crowded))


def _fold(key: str) -> int:
    can_skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        rows = PolicyChange.objects.select_for_update(skip_locked=can_skip).filter(key=key)
        found = dict(rows.order_by("pk").values_list("pk", "count"))
        if not found:
            return 0
        PolicyChange.objects.filter(pk__in=found).delete()
        PolicyChange.objects.create(key=key, count=sum(found.values()))
    return len(found) - 1


def _is_announced(announcement: _Announcement) -> bool:
    """Say whether this transaction will tell of the key already.

    Django forgets what was to run on commit with the savepoint that it was said in.
    """
    return any(waiting[1] == announcement for waiting in connection.run_on_commit)
