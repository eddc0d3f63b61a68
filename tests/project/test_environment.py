import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.environment import (
    debug_is_default,
    keep_secret_key,
    read_choice,
    read_database,
    read_flag,
    read_list,
    read_number,
    read_redis,
    require,
)


@pytest.mark.parametrize("command", ["runserver", "migrate", "seed_demo", "shell"])
def test_manage_turns_debug_on_for_a_fresh_clone(command: str) -> None:
    assert debug_is_default(["manage.py", command], {})
    assert debug_is_default(["/somewhere/manage.py", command], {"PATH": "/bin"})
    assert debug_is_default(["manage.py"], {})


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["manage.py", "serve", "--port", "8000"], {}),
        (["manage.py", "runserver"], {"SECRET_KEY": "k"}),
        (["manage.py", "runserver"], {"SECRET_KEY": ""}),
        (["manage.py", "runserver"], {"DEBUG": "0"}),
        (["manage.py", "runserver"], {"DEBUG": "1"}),
        (["/usr/bin/uvicorn", "project.asgi:application"], {}),
        (["/usr/bin/daphne", "manage.py"], {}),
        ([], {}),
    ],
)
def test_nothing_else_turns_debug_on(arguments: list[str], environment: dict[str, str]) -> None:
    assert not debug_is_default(arguments, environment)


@pytest.mark.parametrize(
    ("word", "flag"),
    [("1", True), ("true", True), ("YES", True), (" on ", True), ("0", False), ("", False)],
)
def test_a_flag_is_read(word: str, flag: bool) -> None:
    assert read_flag({"DEBUG": word}, "DEBUG", default=not flag) is flag


def test_a_choice_is_one_of_its_words() -> None:
    words = ("text", "json")
    assert read_choice({}, "LOG_FORMAT", words) == "text"
    assert read_choice({"LOG_FORMAT": " "}, "LOG_FORMAT", words) == "text"
    assert read_choice({"LOG_FORMAT": "JSON"}, "LOG_FORMAT", words) == "json"
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT must be one of text, json"):
        read_choice({"LOG_FORMAT": "xml"}, "LOG_FORMAT", words)


def test_an_absent_value_is_its_default() -> None:
    assert read_flag({}, "DEBUG", default=True) is True
    assert read_number({}, "HSTS_SECONDS", default=7) == 7
    assert read_number({"HSTS_SECONDS": ""}, "HSTS_SECONDS", default=7) == 7
    assert read_list({}, "ALLOWED_HOSTS") == []


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda: read_flag({"DEBUG": "ture"}, "DEBUG", default=False), "DEBUG"),
        (lambda: read_number({"HSTS_SECONDS": "-1"}, "HSTS_SECONDS", default=0), "HSTS_SECONDS"),
        (lambda: read_number({"HSTS_SECONDS": "²"}, "HSTS_SECONDS", default=0), "HSTS_SECONDS"),
        (lambda: read_database("mysql://localhost/roomkey"), "DATABASE_URL"),
        (lambda: read_database("nonsense"), "DATABASE_URL"),
        (lambda: read_database("postgres://user:pass@host:port/name"), "DATABASE_URL"),
        (lambda: require(SECRET_KEY="", ALLOWED_HOSTS=["a"]), "set SECRET_KEY in"),
    ],
)
def test_a_wrong_value_names_its_variable(read: Callable[[], object], name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        read()


def test_a_list_is_separated_by_commas() -> None:
    assert read_list({"ALLOWED_HOSTS": " a.example, ,b.example,"}, "ALLOWED_HOSTS") == [
        "a.example",
        "b.example",
    ]


def test_sqlite_queues_its_writers() -> None:
    config = read_database("sqlite:////tmp/a%20b.sqlite3")
    assert config["NAME"] == "/tmp/a b.sqlite3"  # noqa: S108 - a name, no file
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in config["OPTIONS"]["init_command"]
    assert config["OPTIONS"]["timeout"] > 0


def test_no_database_connection_outlives_its_work() -> None:
    assert read_database("sqlite:///a")["CONN_MAX_AGE"] == 0
    assert read_database("postgres://u@h/d?conn_max_age=60")["CONN_MAX_AGE"] == 0


def test_a_postgres_url_is_read() -> None:
    config = read_database("postgres://ann:p%40ss@db.example:5433/rooms?sslmode=require")
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["USER"], config["PASSWORD"], config["HOST"]) == ("ann", "p@ss", "db.example")
    assert (config["PORT"], config["NAME"]) == (5433, "rooms")
    assert config["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize(
    "url",
    ["mysql://ann:secret@db.example/rooms", "postgres://ann:secret/word@db.example:5432/rooms"],
)
def test_a_wrong_database_url_does_not_tell_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_database(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret/word@cache.example:6379/0",
        "redis://secret:6379@cache.example:6379/secret",
        "redis://:secret[word@cache.example:6379/0",
        "redis://:secret\N{ACCOUNT OF}word@cache.example:6379/0",
    ],
)
def test_a_wrong_redis_url_does_not_tell_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL") as refusal:
        read_redis({"REDIS_URL": url}, "REDIS_URL")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache.example",
        "redis://cache.example/",
        "rediss://ann:p%2Fss@cache.example:6380/12?ssl_cert_reqs=none",
        "redis://[::1]:6379/0",
        "unix:///run/redis/redis.sock?db=1",
    ],
)
def test_a_redis_url_that_the_driver_takes_is_taken(url: str) -> None:
    assert read_redis({"REDIS_URL": url}, "REDIS_URL") == [url]


def test_a_kept_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / ".secret_key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: keep_secret_key(path), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [".secret_key"]


def test_an_empty_key_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".secret_key"
    path.touch()
    with pytest.raises(ImproperlyConfigured, match=r"\.secret_key is empty"):
        keep_secret_key(path)
