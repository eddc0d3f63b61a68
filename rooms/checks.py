"""System checks: what would go wrong later is said at the start, with what to do about it."""

import sqlite3
from collections.abc import Sequence

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 -- its name
from django.db import DatabaseError
from django.urls import NoReverseMatch, reverse

from realtime.conf import client_folder, options
from rooms.demo import USERS
from rooms.models import Namespace
from rooms.site_paths import words_in_use

# Deleting the seats of a dead process tells which they were, in one statement.
SQLITE_WITH_RETURNING = (3, 35)


@register(Tags.compatibility)
def check_sqlite(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Refuse a SQLite that lacks RETURNING, and warn of one that would answer ``locked``."""
    found: list[CheckMessage] = []
    for alias, config in settings.DATABASES.items():
        if not str(config.get("ENGINE", "")).endswith("sqlite3"):
            continue
        if sqlite3.sqlite_version_info < SQLITE_WITH_RETURNING:
            found.append(
                Error(
                    f"SQLite {sqlite3.sqlite_version} is older than 3.35.",
                    hint="Use a Python with a newer SQLite, or PostgreSQL.",
                    id="rooms.E001",
                )
            )
        if config.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE":
            found.append(
                Warning(
                    f"The database {alias!r} does not begin its transactions as IMMEDIATE: "
                    "messages and joins at once will fail with “database is locked”.",
                    hint='Set OPTIONS = {"transaction_mode": "IMMEDIATE"}, and a "timeout".',
                    id="rooms.W002",
                )
            )
    return found


@register(Tags.compatibility)
def check_engine(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Refuse to do without the engine's own app, which makes the rooms' pages and commands work."""
    if apps.is_installed("realtime"):
        return []
    return [
        Error(
            "rooms is in INSTALLED_APPS, and realtime is not.",
            hint='Add "realtime", before "daphne" and "django.contrib.staticfiles".',
            id="rooms.E002",
        )
    ]


@register(Tags.urls)
def check_client(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Warn of pages that would find no Socket.IO client, and so never connect."""
    try:
        reverse("rooms:home")
    except NoReverseMatch:  # rooms without our pages
        return []
    if options().serve_client and (client_folder() / "socket.io.esm.min.js").is_file():
        return []
    reason = f"is not in {client_folder()}" if options().serve_client else "is not served"
    return [
        Warning(
            f"The rooms' pages load Socket.IO's client from {options().socketio_path}, "
            f"where it {reason}: they will not connect.",
            hint="npm install socket.io-client@4, beside manage.py or where CLIENT_FILES says; "
            "SERVE_CLIENT has to be on.",
            id="rooms.W005",
        )
    ]


@register(Tags.database)
def check_namespace_paths(
    app_configs: Sequence[AppConfig] | None, *, databases: Sequence[str] | None, **kwargs: object
) -> list[CheckMessage]:
    """Warn of namespaces that the site's own pages hide, for a route came after the row."""
    try:
        hidden = [path for path in _paths(databases) if path.strip("/") in words_in_use()]
    except DatabaseError:  # before the first migration there is no table
        return []
    return [
        Warning(
            f"The site's own pages stand before the namespace {path}.",
            hint="Give the namespace another path, or move the pages.",
            id="rooms.W003",
        )
        for path in hidden
    ]


@register(Tags.database, deploy=True)
def check_demo_passwords(
    app_configs: Sequence[AppConfig] | None, *, databases: Sequence[str] | None, **kwargs: object
) -> list[CheckMessage]:
    """Warn of the demo's users whose password is their name, on a site that goes public."""
    if not databases:
        return []
    model = get_user_model()
    try:
        users = list(
            model._default_manager.filter(**{f"{model.USERNAME_FIELD}__in": list(USERS)})  # noqa: SLF001
        )
    except DatabaseError:
        return []
    return [
        Warning(
            f"The demo's user {user.get_username()} has its name as password.",
            hint="Delete the user, or set another password.",
            id="rooms.W004",
        )
        for user in users
        if user.check_password(user.get_username())
    ]


def _paths(databases: Sequence[str] | None) -> list[str]:
    return list(Namespace.objects.values_list("path", flat=True)) if databases else []
