"""Reads stay flat as history and presence grow: each is served by an index, on every database."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from rooms import history, records
from rooms.models import Message, Room
from rooms.models.records import RecordKind
from rooms.policy import unknown_room
from rooms.presence import Occupancy
from rooms.reading import read_missed
from rooms.records import Denial, RecentDenials, record_denials
from rooms.sending import Draft, store_draft
from tests.rooms.people import make_guest, make_process, make_room

pytestmark = pytest.mark.django_db

MESSAGES = 50_000
PEOPLE = 2_000


@pytest.fixture
def room() -> Room:
    """A room of many messages and people, beside another as large."""
    rooms = [make_room("csgo", history_size=10**6), make_room("bt1", history_size=10**6)]
    make_process()
    for room in rooms:
        _fill(room)
    Room.objects.update(last_offset=MESSAGES)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if not is_sqlite():
            # PostgreSQL rightly reads small tables whole; what counts is that it need not.
            cursor.execute("SET LOCAL enable_seqscan = off")
    rooms[0].refresh_from_db()
    return rooms[0]


def test_reads_do_not_grow_with_what_is_stored(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    # One claim with several parts: filling the tables is what takes the time.
    check_history(room)
    check_resend(room)
    check_people(room)
    check_denial(monkeypatch)


def check_history(room: Room) -> None:
    """Pages of history are read along the index of room and offset."""
    now = timezone.now()
    reads: list[Callable[[], Any]] = [
        lambda: history.latest(room, 100, now),
        lambda: history.before(room, MESSAGES // 2, 100, now),
        lambda: history.after(room, 5, 100, now),
        lambda: history.snapshot(room, MESSAGES - 3, None, 100, now),
        lambda: read_missed("/games", "csgo", room.epoch, MESSAGES - 3, MESSAGES),
        lambda: Message.objects.prune(room, now),
    ]
    for read in reads:
        with plans() as found:
            read()
        require_index(found, "rooms_message", most_rows=1_200)


def check_resend(room: Room) -> None:
    """A resend is found by its nonce."""
    draft = Draft(room="csgo", text="again", author=make_guest(), nonce="n1")
    store_draft(room.pk, draft)
    with plans() as found:
        _room, sent = store_draft(room.pk, draft)
    assert not sent.is_new
    require_index(found, "rooms_message", most_rows=10)


def check_people(room: Room) -> None:
    """People are counted within their room."""
    with plans() as found:
        occupancy = Occupancy.read([room.pk], ["guest:g1"], timezone.now())
    assert occupancy.persons(room.pk) == PEOPLE
    require_index(found, "rooms_seat", most_rows=PEOPLE + 10)


def check_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A denial's equal is found by person."""
    monkeypatch.setattr(records, "recent", RecentDenials())
    guest = make_guest()
    with plans() as found:
        record_denials(
            [Denial(RecordKind.JOIN, "/games", "x", guest, unknown_room("x"))], timezone.now()
        )
    require_index(found, "rooms_decisionrecord", most_rows=10)


# The machinery: the plan of each SELECT, reduced to how it reads a table.


@contextmanager
def plans() -> Iterator[list[tuple[str, Any]]]:
    """Note each SELECT with its plan."""
    found: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            with connection.cursor() as cursor:
                prefix = "EXPLAIN QUERY PLAN " if is_sqlite() else "EXPLAIN (FORMAT JSON) "
                cursor.cursor.execute(prefix + sql, params)
                rows = cursor.cursor.fetchall()
            found.append((sql, rows))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def require_index(found: list[tuple[str, Any]], table: str, *, most_rows: int) -> None:
    """Fail where a table is read as a whole, or more of it than ``most_rows`` is expected."""
    about = [(sql, plan) for sql, plan in found if f'"{table}"' in sql]
    assert about, f"nothing read {table}"
    for sql, plan in about:
        if is_sqlite():
            steps = [row[3] for row in plan]
            assert not [step for step in steps if step.startswith(f"SCAN {table}")], (sql, steps)
            continue
        tree = plan[0][0]
        tree = json.loads(tree) if isinstance(tree, str) else tree
        for node in nodes(tree[0]["Plan"]):
            if node.get("Relation Name") == table:
                assert node["Node Type"] != "Seq Scan", (sql, node)
            if node["Node Type"] == "Limit":
                assert node["Plan Rows"] <= most_rows, (sql, node)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk a PostgreSQL plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def is_sqlite() -> bool:
    """Say whether the tests run on SQLite."""
    return bool(connection.vendor == "sqlite")


def _fill(room: Room) -> None:
    """Write many messages and seats, by statements that both databases run at once."""
    now = timezone.now()
    _insert(
        "INSERT INTO rooms_message"
        " (room_id, {offset}, author, author_key, text, nonce, created_at)",
        "SELECT %s, i, 'Somebody', 'guest:g' || (i %% 50), 'hello', 'nonce-' || i, %s FROM series",
        MESSAGES,
        [room.pk, now],
    )
    _insert(
        "INSERT INTO rooms_connection"
        " (id, process_id, namespace, guest_id, name, transport, connected_at)",
        "SELECT %s || i, 'process-1', '/games', 'g' || i, 'G' || i, '', %s FROM series",
        PEOPLE,
        [f"{room.name}-", now],
    )
    _insert(
        "INSERT INTO rooms_seat"
        " (room_id, connection_id, process_id, person_key, joined_at, kick_reason)",
        "SELECT %s, %s || i, 'process-1', 'guest:g' || i, %s, '' FROM series",
        PEOPLE,
        [room.pk, f"{room.name}-", now],
    )


def _insert(insert: str, select: str, count: int, params: list[Any]) -> None:
    series = (
        "WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < %s)"
    )
    columns = insert.format(offset=connection.ops.quote_name("offset"))
    with connection.cursor() as cursor:
        cursor.execute(f"{columns} {series} {select}", [count, *params])
