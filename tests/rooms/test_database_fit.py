"""What a process says of a database that cannot serve it yet."""

import logging

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from realtime.exceptions import NotReady
from realtime.namespaces import process
from rooms import backstage
from rooms.database_fit import require_fit_database
from rooms.management.commands import prune
from tests.helpers.waiting import until
from tests.rooms.sockets import serving


@pytest.mark.django_db
def test_a_database_without_the_newest_migration_is_not_fit() -> None:
    require_fit_database()
    recorder = MigrationRecorder(connection)
    newest = max(name for app, name in recorder.applied_migrations() if app == "rooms")
    recorder.record_unapplied("rooms", newest)
    with pytest.raises(NotReady, match=rf"rooms\.{newest}\): run manage.py migrate"):
        require_fit_database()


@pytest.mark.django_db
def test_a_database_of_the_next_release_is_fit() -> None:
    MigrationRecorder(connection).record_applied("rooms", "9999_next")
    require_fit_database()


@pytest.mark.django_db
def test_a_database_that_is_away_is_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused\n")

    monkeypatch.setattr(connection, "cursor", refuse)
    with pytest.raises(NotReady, match=r"does not answer: connection refused$"):
        require_fit_database()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command", [("who",), ("explain", "a", "/games"), ("prune",), ("kick", "a", "/games/csgo")]
)
def test_a_command_says_in_one_line_that_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused\n")

    monkeypatch.setattr(connection, "cursor", refuse)
    with pytest.raises(CommandError, match=r"^The database does not answer: connection refused\.$"):
        call_command(*command)


@pytest.mark.django_db
def test_an_error_that_is_none_of_the_databases_fitness_stays_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_() -> None:
        raise IntegrityError("a row is in the way")

    monkeypatch.setattr(prune, "prune_everything", lambda _days: break_())
    with pytest.raises(IntegrityError, match="in the way"):
        call_command("prune")


@pytest.mark.django_db(transaction=True)
async def test_each_reason_is_logged_once_however_often_it_is_tried(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = iter(["no database", "no database", "no database", "no migrations"])

    def look() -> None:
        reason = next(reasons, None)
        if reason is not None:
            raise NotReady(reason)

    monkeypatch.setattr(backstage, "require_fit_database", look)
    monkeypatch.setattr(process, "START_RETRY_S", 0.001)
    with caplog.at_level(logging.INFO, logger=process.__name__):
        async with serving():
            await until(lambda: "process ready" in caplog.messages)
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [vars(each)["error"] for each in told] == ["no database", "no migrations"]
    assert not any(each.exc_info for each in told)
