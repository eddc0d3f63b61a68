"""The engine's system checks, each with what it warns of and what it lets pass."""

from typing import Any

import pytest
from django.apps import apps
from django.core.checks import CheckMessage
from django.test import override_settings
from pytest_django import Settings

from realtime import checks
from realtime.namespaces.identity import Identity

HERE = "tests.namespaces.test_checks"
MEMORY = "channels.layers.InMemoryChannelLayer"
REDIS = "channels_redis.pubsub.RedisPubSubChannelLayer"


def ids(found: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in found]


async def good(scope: Any, auth: dict[str, Any]) -> Identity | None:
    del scope, auth
    return None


class ByObject:
    async def __call__(self, scope: Any, auth: dict[str, Any]) -> Identity | None:
        del scope, auth
        return None


by_object = ByObject()


@pytest.mark.parametrize("name", ["missing", "HERE"])
def test_an_authenticator_that_cannot_be_called_is_an_error(name: str) -> None:
    with override_settings(REALTIME={"AUTHENTICATORS": [f"{HERE}.good", f"{HERE}.{name}"]}):
        (error,) = checks.check_authenticators(None)
    assert error.id == "realtime.E001"
    assert f"{HERE}.{name}" in error.msg


@pytest.mark.parametrize("path", ["nothing", "nothing.at.all"])
def test_an_authenticator_of_no_module_is_an_error(path: str) -> None:
    with override_settings(REALTIME={"AUTHENTICATORS": [path]}):
        assert ids(checks.check_authenticators(None)) == ["realtime.E001"]


def test_the_default_authenticators_and_good_ones_pass() -> None:
    assert checks.check_authenticators(None) == []
    with override_settings(REALTIME={"AUTHENTICATORS": [f"{HERE}.good", f"{HERE}.by_object"]}):
        assert checks.check_authenticators(None) == []


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        (["realtime", "daphne", "django.contrib.staticfiles"], []),
        (["daphne", "realtime", "django.contrib.staticfiles"], ["realtime.W001"]),
        (["django.contrib.staticfiles", "realtime", "daphne"], ["realtime.W001"]),
    ],
)
def test_a_runserver_that_wins_over_ours_is_warned_of(
    installed: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = [apps.get_app_config(name.rpartition(".")[2]) for name in installed]
    monkeypatch.setattr(apps, "get_app_configs", lambda: configs)
    assert ids(checks.check_runserver(None)) == expected


@pytest.mark.parametrize(
    ("cache", "layer", "expected"),
    [
        ("locmem.LocMemCache", MEMORY, []),
        ("locmem.LocMemCache", None, []),
        ("locmem.LocMemCache", REDIS, ["realtime.W002"]),
        ("redis.RedisCache", REDIS, []),
        ("dummy.DummyCache", MEMORY, ["realtime.W002"]),
        ("dummy.DummyCache", REDIS, ["realtime.W002"]),
    ],
)
def test_a_cache_that_counts_nothing_or_alone_is_warned_of(
    cache: str, layer: str | None, expected: list[str], settings: Settings
) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{cache}"}}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": layer}} if layer else {}
    assert ids(checks.check_cache(None)) == expected
