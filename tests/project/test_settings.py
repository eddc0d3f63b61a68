"""The settings as a start sees them: each test runs manage.py in an environment of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.environment import clean_environment
from tests.helpers.services import ROOT

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-of-fifty-characters-and-more-than-five-kinds-0123456789",
    "ALLOWED_HOSTS": "rooms.example",
    "CSRF_TRUSTED_ORIGINS": "https://rooms.example",
    "HTTPS_ONLY": "1",
}
SHOW = """
import json
from django.conf import settings
names = (
    "ALLOWED_HOSTS CACHES CHANNEL_LAYERS CONTENT_SECURITY_POLICY DEBUG DEBUG_BY_DEFAULT "
    "SECRET_KEY SECURE_HSTS_SECONDS SESSION_COOKIE_SECURE USE_X_FORWARDED_HOST"
)
print(json.dumps({name: getattr(settings, name) for name in names.split()}))
"""


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings_with(**environment: str) -> dict[str, Any]:
    done = manage("shell", "--verbosity", "0", "--command", SHOW, **environment)
    assert done.returncode == 0, done.stderr
    settings: dict[str, Any] = json.loads(done.stdout)
    return settings


def test_a_fresh_clone_needs_no_setting() -> None:
    settings = settings_with()
    assert settings["DEBUG"] is True
    assert settings["DEBUG_BY_DEFAULT"] is True
    assert settings["SECRET_KEY"] == (ROOT / ".secret_key").read_text().strip()
    assert settings["CHANNEL_LAYERS"]["default"]["BACKEND"].endswith("InMemoryChannelLayer")


def test_debug_that_was_asked_for_is_not_by_default() -> None:
    settings = settings_with(DEBUG="1")
    assert settings["DEBUG"] is True
    assert settings["DEBUG_BY_DEFAULT"] is False
    assert settings["SECRET_KEY"]


def test_a_secret_key_alone_turns_debug_off() -> None:
    # Any character may stand in a key, the first one included.
    settings = settings_with(SECRET_KEY="$HOME,#", ALLOWED_HOSTS="localhost")
    assert settings["DEBUG"] is False
    assert settings["SECRET_KEY"] == "$HOME,#"


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"DEBUG": "0"}, "SECRET_KEY and ALLOWED_HOSTS"),
        ({"DEBUG": "0", "ALLOWED_HOSTS": "a.example"}, "SECRET_KEY"),
        ({"SECRET_KEY": "k"}, "ALLOWED_HOSTS"),
        ({"SECRET_KEY": "k", "ALLOWED_HOSTS": " , "}, "ALLOWED_HOSTS"),
    ],
)
def test_a_start_without_debug_names_what_it_lacks(
    environment: dict[str, str], missing: str
) -> None:
    done = manage("check", **environment)
    assert done.returncode != 0
    assert f"DEBUG is off: set {missing} in the environment." in done.stderr


def test_serve_is_never_debug_by_default() -> None:
    done = manage("serve")
    assert done.returncode != 0
    assert "DEBUG is off: set SECRET_KEY and ALLOWED_HOSTS in the environment." in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"REALTIME_EVENTS_PER_S": "many"},
        {"REALTIME_EVENTS_PER_SECOND": "1"},
        {"TRUSTED_PROXIES": "10.0.0.0/33"},
        {"TRUSTED_PROXIES": "0.0.0.0/0"},
        {"DEBUG": "perhaps"},
        {"DATABASE_URL": "mysql://localhost/x"},
        {"HSTS_SECONDS": "soon"},
        {"REDIS_URL": "cache.example:6379"},
        {"REDIS_URL": "http://cache.example:6379"},
        {"REDIS_URL": "redis://one.example:6379,two.example:6379"},
        {"REDIS_URL": "redis://cache.example:70000/0"},
        {"REDIS_URL": "redis://cache.example:port/0"},
        {"REDIS_URL": "redis://cache.example:6379/rooms"},
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(environment: dict[str, str]) -> None:
    done = manage("check", **environment)
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert next(iter(environment)) in line


def test_where_a_wrong_setting_was_read_is_told_who_asks() -> None:
    done = manage("check", "--traceback", DEBUG="perhaps")
    assert "Traceback" in done.stderr
    assert "DEBUG" in done.stderr.splitlines()[-1]


def test_a_redis_without_its_package_is_said(tmp_path: Path) -> None:
    # A finder that is asked first knows of no channels_redis.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name.startswith('channels_redis'):\n"
        "            return None\n"
        "        return super().find_spec(name, path, target)\n"
        "sys.meta_path = [each for each in sys.meta_path if each is not PathFinder] + [Without]\n"
    )
    done = manage("check", PYTHONPATH=str(tmp_path), REDIS_URL="redis://cache.example:6379/0")
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert "REDIS_URL" in line
    assert "channels-redis" in line


def test_redis_carries_the_layer_and_the_cache() -> None:
    first, second = "redis://one.example:6379/1", "redis://two.example:6379/1"
    settings = settings_with(REDIS_URL=f"{first},{second}", REDIS_PREFIX="mine")
    layer, cache = settings["CHANNEL_LAYERS"]["default"], settings["CACHES"]["default"]
    assert layer["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert layer["CONFIG"] == {"hosts": [first, second], "prefix": "mine"}
    assert cache["LOCATION"] == first
    assert cache["KEY_PREFIX"] == "mine"


def test_forwarding_headers_count_only_with_trusted_proxies() -> None:
    assert settings_with()["USE_X_FORWARDED_HOST"] is False
    assert settings_with(TRUSTED_PROXIES="10.0.0.1")["USE_X_FORWARDED_HOST"] is True


def test_production_settings_pass_the_deployment_check() -> None:
    done = manage(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        REDIS_URL="redis://cache.example:6379/0",
        DATABASE_URL="postgres://db.example/rooms",
        **PRODUCTION,
    )
    assert done.returncode == 0, done.stderr


def test_a_site_over_plain_http_still_signs_people_in() -> None:
    settings = settings_with(SECRET_KEY="k", ALLOWED_HOSTS="localhost")
    assert settings["SESSION_COOKIE_SECURE"] is False
    assert settings["SECURE_HSTS_SECONDS"] == 0


def test_no_script_or_style_may_stand_in_a_page() -> None:
    directives = settings_with()["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
    assert directives["script-src"] == ["'self'"]
    assert directives["style-src"] == ["'self'"]
    assert directives["default-src"] == ["'none'"]
    assert "unsafe" not in json.dumps(directives)


def test_the_models_have_their_migrations(tmp_path: Path) -> None:
    done = manage(
        "makemigrations", "--check", "--dry-run", DATABASE_URL=f"sqlite:///{tmp_path / 'db'}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
