"""Reading the versions that every change of what decisions are made of raises.

Expressions for other queries, so that a version costs no query of its own.
"""

from django.db import connection
from django.db.models import BigIntegerField, CharField, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from rooms.models import PolicyChange, Room
from rooms.models.versions import PEOPLE_KEY, SITE_KEY

_Key = OuterRef | Value


def policy_version(path: str) -> Coalesce:
    """Give the version of what holds in a namespace, its own and the site's; ``path`` is a field.

    The sum of two counters that never fall is one that never falls.
    """
    return _version(OuterRef(path), _text(SITE_KEY))


def people_version() -> Coalesce:
    """Give the version of users, groups, permissions and sessions."""
    return _version(_text(PEOPLE_KEY))


def raise_offset(room: Room, offset: int) -> tuple[int, int]:
    """Write a locked room's last offset; give the versions of its policy and of people by then.

    What a lock had to wait for may have changed them since they were read together with it.
    """
    rooms = connection.ops.quote_name(Room._meta.db_table)  # noqa: SLF001 - documented
    changes = connection.ops.quote_name(PolicyChange._meta.db_table)  # noqa: SLF001
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {rooms} SET last_offset = %s WHERE id = %s RETURNING "  # noqa: S608
            f"(SELECT COALESCE(SUM(count), 0) FROM {changes} WHERE key IN (%s, %s)), "
            f"(SELECT COALESCE(SUM(count), 0) FROM {changes} WHERE key = %s)",
            [offset, room.pk, room.namespace.path, SITE_KEY, PEOPLE_KEY],
        )
        policy, people = cursor.fetchone()
    return int(policy), int(people)


def _version(*keys: _Key) -> Coalesce:
    changes = PolicyChange.objects.filter(key__in=keys).order_by()
    # Grouped by what is the same for all, since a subquery cannot be an aggregate.
    total = changes.annotate(all=Value(1)).values("all").annotate(total=Sum("count"))
    return Coalesce(
        Subquery(total.values("total"), output_field=BigIntegerField()),
        Value(0),
        output_field=BigIntegerField(),
    )


def _text(key: str) -> Value:
    return Value(key, output_field=CharField())
