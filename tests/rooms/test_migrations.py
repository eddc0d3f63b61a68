"""Migrations that change what is there: on each database, with rows that they have to change."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.rooms.people import make_room

pytestmark = pytest.mark.django_db(transaction=True)


def test_times_beyond_the_bounds_are_brought_within_them() -> None:
    make_room("plain", history_days=5, slow_mode_s=7)
    pk = make_room("endless").pk
    executor = MigrationExecutor(connection)
    before = executor.migrate([("rooms", "0007_kicked_seats_index")]).apps.get_model(
        "rooms", "Room"
    )
    try:
        before.objects.filter(pk=pk).update(history_days=10**9, slow_mode_s=2 * 10**9)
    finally:
        executor = MigrationExecutor(connection)
        state = executor.migrate(executor.loader.graph.leaf_nodes())
    after = state.apps.get_model("rooms", "Room")
    rows = after.objects.order_by("name").values_list("history_days", "slow_mode_s")
    assert list(rows) == [(None, 366 * 86_400), (5, 7)]
