"""The system checks of the rooms, each with what it warns of and what it lets pass."""

import sqlite3
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from pytest_django import Settings

from rooms import checks
from rooms.models import Namespace

urlpatterns: list[object] = []


def ids(found: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in found]


def sqlite_with(**options: object) -> dict[str, object]:
    return {"default": {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options}}


@pytest.mark.parametrize(
    ("databases", "expected"),
    [
        (sqlite_with(transaction_mode="IMMEDIATE"), []),
        (sqlite_with(), ["rooms.W002"]),
        (sqlite_with(transaction_mode="DEFERRED"), ["rooms.W002"]),
        ({"default": {"ENGINE": "django.db.backends.postgresql"}}, []),
        ({}, []),
    ],
)
def test_a_sqlite_that_would_answer_locked_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, databases: dict[str, object], expected: list[str]
) -> None:
    monkeypatch.setattr(checks, "settings", type("Settings", (), {"DATABASES": databases}))
    assert ids(checks.check_sqlite(None)) == expected


@pytest.mark.parametrize(("version", "expected"), [((3, 34, 9), ["rooms.E001"]), ((3, 35), [])])
def test_a_sqlite_without_returning_is_an_error(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], expected: list[str]
) -> None:
    databases = sqlite_with(transaction_mode="IMMEDIATE")
    monkeypatch.setattr(checks, "settings", type("Settings", (), {"DATABASES": databases}))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    assert ids(checks.check_sqlite(None)) == expected


def test_rooms_without_the_engine_are_an_error(settings: Settings) -> None:
    assert checks.check_engine(None) == []
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "realtime"]
    assert ids(checks.check_engine(None)) == ["rooms.E002"]


def test_pages_without_a_client_are_warned_of(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "socket.io.esm.min.js").touch()
    settings.REALTIME = {"CLIENT_FILES": tmp_path}
    assert checks.check_client(None) == []
    settings.REALTIME = {"CLIENT_FILES": tmp_path, "SERVE_CLIENT": False}
    assert ids(checks.check_client(None)) == ["rooms.W005"]
    settings.REALTIME = {"CLIENT_FILES": tmp_path / "none"}
    (warning,) = checks.check_client(None)
    assert str(tmp_path / "none") in warning.msg
    settings.ROOT_URLCONF = "tests.rooms.test_checks"  # that of a site without the pages
    assert checks.check_client(None) == []


@pytest.mark.django_db
def test_a_namespace_that_the_sites_pages_hide_is_warned_of(settings: Settings) -> None:
    Namespace.objects.create(path="/games")
    assert checks.check_namespace_paths(None, databases=["default"]) == []
    settings.STATIC_URL = "/games/"
    (warning,) = checks.check_namespace_paths(None, databases=["default"])
    assert warning.id == "rooms.W003"
    assert "/games" in warning.msg
    assert checks.check_namespace_paths(None, databases=None) == []


@pytest.mark.django_db
def test_a_demo_user_with_its_name_as_password_is_warned_of_on_deployment() -> None:
    model = get_user_model()
    model.objects.create_user("alice", password="alice")
    model.objects.create_user("bob", password="not bob")
    model.objects.create_user("carol", password="carol")
    (warning,) = checks.check_demo_passwords(None, databases=["default"])
    assert warning.id == "rooms.W004"
    assert "alice" in warning.msg
    assert checks.check_demo_passwords(None, databases=None) == []
