"""The environment's words as settings: reading, the DEBUG rule, and the kept secret key.

A value that cannot be read raises
``ImproperlyConfigured`` that names the variable, and never repeats a secret.
"""

import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
BAD_URL = "its port must be a number, and a password's '/', '#', '?' and '@' be written %2F, %23 …"
DATABASE_SCHEMES = frozenset({"sqlite", "postgres", "postgresql"})


def debug_is_default(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Say whether DEBUG is on because nobody said otherwise.

    That is so for each command of ``manage.py`` but ``serve``, where neither ``DEBUG`` nor
    ``SECRET_KEY`` is in the environment: a fresh clone works, and a deployment, which has a key
    or is started by ``serve`` or by a server's own command, never gets DEBUG by accident.
    """
    if not arguments or Path(arguments[0]).name != "manage.py":
        return False
    command = arguments[1] if len(arguments) > 1 else "help"
    return command != "serve" and not {"DEBUG", "SECRET_KEY"} & environment.keys()


def read_flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Read a yes or no; an absent variable is ``default``, an empty one is no."""
    word = environment.get(name, "1" if default else "0").strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {environment[name]!r}.")


def read_choice(environment: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Read one of some words, in whatever case; an absent or empty variable is the first."""
    word = environment.get(name, "").strip()
    known = {choice.lower(): choice for choice in choices}
    if not word:
        return choices[0]
    if word.lower() not in known:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {word!r}.")
    return known[word.lower()]


def read_number(environment: Mapping[str, str], name: str, *, default: int) -> int:
    """Read a whole number of 0 or more; an absent or empty variable is ``default``."""
    word = environment.get(name, "").strip()
    if not word:
        return default
    if not (word.isascii() and word.isdigit()):
        raise ImproperlyConfigured(f"{name} must be a whole number of 0 or more, not {word!r}.")
    return int(word)


def read_list(environment: Mapping[str, str], name: str) -> list[str]:
    """Read words separated by commas; an absent or empty variable is an empty list."""
    return [word for part in environment.get(name, "").split(",") if (word := part.strip())]


def read_database(url: str) -> dict[str, Any]:
    """Read ``DATABASE_URL`` into Django's settings of one database: SQLite or PostgreSQL."""
    wanted = "sqlite:////path/file.sqlite3 or postgres://user:password@host:5432/name"
    # Looked at first: for a scheme it does not know, Env warns with the password in its words.
    if url.partition("://")[0] not in DATABASE_SCHEMES:
        raise ImproperlyConfigured(f"DATABASE_URL must be like {wanted}.")
    try:
        config: dict[str, Any] = Env.db_url_config(url)
    except ValueError:
        # Not in its own words: they repeat what stands behind a colon, a password's first half.
        raise ImproperlyConfigured(f"DATABASE_URL is not like {wanted}: {BAD_URL}.") from None
    # Sockets hold no connection: a unit of database work gives its own back when it ends.
    config["CONN_MAX_AGE"] = 0
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE takes the write lock before the first read, so that two writers queue for
        # `timeout` seconds; a read that turns into a write fails at once with "locked" instead.
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("timeout", 20)
        options.setdefault("init_command", "PRAGMA journal_mode=WAL")
    else:
        options.setdefault("connect_timeout", 5)
    return config


def read_redis(environment: Mapping[str, str], name: str) -> list[str]:
    """Read the hosts that carry the channel layer; an absent or empty variable is no host."""
    urls = read_list(environment, name)
    # Otherwise the process starts, says that the layer is lost, and is alone for ever.
    if not all(url.startswith(REDIS_SCHEMES) for url in urls):
        raise ImproperlyConfigured(
            f"{name} must be like redis://host:6379/0, rediss://… or unix://…; "
            "several are separated by commas."
        )
    for url in urls:
        _require_reachable(name, url)
    if urls and find_spec("channels_redis") is None:
        raise ImproperlyConfigured(
            f"{name} is set, but channels-redis is not installed: pip install channels-redis"
        )
    return urls


def _require_reachable(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        # Reading the port is what checks it.
        _ = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not like redis://host:6379/0: {BAD_URL}.") from None
    database = parts.path.strip("/")
    # The driver takes a name for number 0.
    if parts.scheme != "unix" and database and not (database.isascii() and database.isdigit()):
        raise ImproperlyConfigured(
            f"{name} must end in the number of a database, as redis://host:6379/0 does."
        )


def require(**values: str | list[str]) -> None:
    """Raise ``ImproperlyConfigured`` that names each empty value: DEBUG is off, so it is needed."""
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise ImproperlyConfigured(f"DEBUG is off: set {' and '.join(missing)} in the environment.")


def keep_secret_key(path: Path) -> str:
    """Return the key in the file; make the file, for its owner alone, if it is not there."""
    if not path.exists():
        _write_once(path, secrets.token_urlsafe(50))
    key = path.read_text(encoding="ascii").strip()
    if not key:
        raise ImproperlyConfigured(f"{path} is empty: delete it, and a new key is made.")
    return key


def _write_once(path: Path, text: str) -> None:
    # mkstemp gives mode 0600, and a link fails where another process was first: all of them
    # read the one key that won, whole.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
