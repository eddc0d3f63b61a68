"""Reading the versions that every change of what decisions are made of raises.

Expressions for other queries, so that a version costs no query of its own.
"""

from itertools import chain
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, CharField, F, Func, Value
from django.db.models.sql.compiler import SQLCompiler

from rooms.models import PolicyChange, Room
from rooms.models.versions import PEOPLE_KEY, SITE_KEY


class _Version(Func):
    """The sum of what has changed under some keys: an expression that is cheap to compile.

    A sum of counters that never fall is one that never falls.
    """

    output_field = BigIntegerField()

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        *_: Any,  # noqa: ANN401 - Func's own, of no use here
        **__: Any,  # noqa: ANN401
    ) -> tuple[str, list[Any]]:
        """Write the subquery; its keys are fields of the outer query, or texts."""
        keys, params = zip(*map(compiler.compile, self.source_expressions), strict=True)
        table = connection.ops.quote_name(PolicyChange._meta.db_table)  # noqa: SLF001 - documented
        total = f"SELECT COALESCE(SUM(count), 0) FROM {table}"  # noqa: S608 - a model's table
        return f"({total} WHERE key IN ({', '.join(keys)}))", list(chain.from_iterable(params))


def policy_version(path: str) -> Func:
    """Give the version of what holds in a namespace, its own and the site's.

    ``path`` is the field with the namespace's path.
    """
    return _Version(F(path), _text(SITE_KEY))


def people_version() -> Func:
    """Give the version of users, groups, permissions and sessions."""
    return _Version(_text(PEOPLE_KEY))


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


def _text(key: str) -> Value:
    return Value(key, output_field=CharField())
