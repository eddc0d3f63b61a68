"""The laws of rooms that are hidden, read in the very statement that looks for the rooms.

A second query, or one that is remembered, would tell by its time that a name is some room's: so
what ``rooms.laws`` reads of other rooms comes here as a column, of JSON. Decides nothing.
"""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Model, TextField
from django.db.models.sql.compiler import SQLCompiler

from rooms.models import AccessRule, Ban, Mute, Room
from rooms.people import Person
from rooms.policy_values import Laws, RuleSet

_GROUP = ("group_id",)
_RULE = ("id", "effect", "subject", "action", "user_id", "group_id", "starts_at", "ends_at")
_SANCTION = ("id", "user_id", "guest_id", "network", "guests_only", "expires_at", "reason")
# An array of a row's fields, and one of all rows, in each database's words.
_ARRAYS = {
    "sqlite": ("json_array", "json_group_array"),
    "postgresql": ("json_build_array", "json_agg"),
}
_Read = TypeVar("_Read", bound=Model)


class HiddenLaws(Func):
    """A column of the laws of ``room``, null where it is listed, for a query of namespaces.

    Of bans and mutes it has those that could concern these persons. Written out, since Django
    takes longer over four subqueries than the database does.
    """

    output_field = TextField()

    def __init__(self, persons: Collection[Person], now: datetime) -> None:
        super().__init__(F("room__pk"), F("room__is_listed"))
        self._persons = persons
        self._now = now

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        *_: Any,  # noqa: ANN401 - Func's own, of no use here
        **__: Any,  # noqa: ANN401
    ) -> tuple[str, list[Any]]:
        """Write the subqueries, one behind the other into one array."""
        (room, _none), (is_listed, _neither) = map(compiler.compile, self.source_expressions)
        now = connection.ops.adapt_datetimefield_value(self._now)
        users = [
            Ban._meta.get_field("user").get_db_prep_value(person.user_id, connection)  # noqa: SLF001 - documented
            for person in self._persons
            if person.user_id is not None
        ]
        guests = [person.guest_id for person in self._persons if person.guest_id is not None]
        concerning = (
            f"(network <> '' OR {_among('user_id', users)} OR {_among('guest_id', guests)})"
        )
        kept = f"(expires_at IS NULL OR expires_at > %s) AND {concerning}"
        parts: list[tuple[type[Model], Sequence[str], str, list[Any]]] = [
            (Room.groups.through, _GROUP, "1 = 1", []),
            (AccessRule, _RULE, "(ends_at IS NULL OR ends_at > %s)", [now]),
            (Ban, _SANCTION, kept, [now, *users, *guests]),
            (Mute, _SANCTION, kept, [now, *users, *guests]),
        ]
        of_row, of_rows = _ARRAYS[connection.vendor]
        listed = [
            f"(SELECT COALESCE(CAST({of_rows}({of_row}({', '.join(names)})) AS TEXT), '[]') "  # noqa: S608 - of models
            f"FROM {connection.ops.quote_name(model._meta.db_table)} "  # noqa: SLF001 - documented
            f"WHERE room_id = {room} AND {condition})"
            for model, names, condition, _params in parts
        ]
        array = " || ',' || ".join(listed)
        params = [value for *_parts, values in parts for value in values]
        return f"CASE WHEN {is_listed} THEN NULL ELSE '[' || {array} || ']' END", params


def laws_of(column: str) -> Laws:
    """Give what the column says of a hidden room."""
    groups, rules, bans, mutes = json.loads(column)
    return Laws(
        group_ids=frozenset(str(key) for (key,) in groups),
        rules=RuleSet(tuple(row.as_rule() for row in _rows(AccessRule, _RULE, sorted(rules)))),
        bans=tuple(row.as_sanction() for row in _rows(Ban, _SANCTION, bans)),
        mutes=tuple(row.as_sanction() for row in _rows(Mute, _SANCTION, mutes)),
    )


def _among(column: str, values: Sequence[object]) -> str:
    return f"{column} IN ({', '.join(['%s'] * len(values))})" if values else "1 = 0"


def _rows(model: type[_Read], names: Sequence[str], arrays: Sequence[Sequence[Any]]) -> list[_Read]:
    fields = {field.attname: field for field in model._meta.concrete_fields}  # noqa: SLF001 - documented
    return [
        model(
            **{
                name: _aware(fields[name].to_python(value))
                for name, value in zip(names, values, strict=True)
            }
        )
        for values in arrays
    ]


def _aware(value: Any) -> Any:  # noqa: ANN401 - any field's
    """Say that an instant is UTC's: SQLite keeps it without a word of that."""
    # Where USE_TZ is off, all instants are naive, and this one is the site's own.
    is_naive = isinstance(value, datetime) and value.tzinfo is None and settings.USE_TZ
    return value.replace(tzinfo=UTC) if is_naive else value
