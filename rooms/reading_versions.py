"""Reading the versions that every change of what decisions are made of raises.

Expressions for other queries, so that a version costs no query of its own.
"""

from django.db import connection
from django.db.models import BigIntegerField, CharField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from rooms.models import PolicyVersion, Room
from rooms.models.versions import PEOPLE_KEY, SITE_KEY


def policy_version(path: str) -> Coalesce:
    """Give the version of what holds in a namespace, its own and the site's; ``path`` is a field.

    The sum of two counters that never fall is one that never falls.
    """
    own = Coalesce(_version(OuterRef(path)), Value(0), output_field=BigIntegerField())
    site = Coalesce(
        _version(Value(SITE_KEY, output_field=CharField())),
        Value(0),
        output_field=BigIntegerField(),
    )
    return Coalesce(own + site, Value(0), output_field=BigIntegerField())


def people_version() -> Coalesce:
    """Give the version of users, groups, permissions and sessions."""
    return Coalesce(
        _version(Value(PEOPLE_KEY, output_field=CharField())),
        Value(0),
        output_field=BigIntegerField(),
    )


def raise_offset(room: Room, offset: int) -> tuple[int, int]:
    """Write a locked room's last offset; give the versions of its policy and of people by then.

    What a lock had to wait for may have changed them since they were read together with it.
    """
    rooms = connection.ops.quote_name(Room._meta.db_table)  # noqa: SLF001 - documented
    versions = connection.ops.quote_name(PolicyVersion._meta.db_table)  # noqa: SLF001
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {rooms} SET last_offset = %s WHERE id = %s RETURNING "  # noqa: S608
            f"(SELECT COALESCE(SUM(version), 0) FROM {versions} WHERE key IN (%s, %s)), "
            f"(SELECT COALESCE(SUM(version), 0) FROM {versions} WHERE key = %s)",
            [offset, room.pk, room.namespace.path, SITE_KEY, PEOPLE_KEY],
        )
        policy, people = cursor.fetchone()
    return int(policy), int(people)


def _version(key: OuterRef | Value) -> Subquery:
    return Subquery(
        PolicyVersion.objects.filter(key=key).values("version")[:1],
        output_field=BigIntegerField(),
    )
