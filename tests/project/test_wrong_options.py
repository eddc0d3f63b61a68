"""Each kind of wrong option is named, whichever way it was given."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from realtime.conf import forget_options, options, trusted_proxies

WRONG = {
    "EVENTS_PER_SECOND": "5",
    "EVENTS_PER_S": "many",
    "MAX_FRAME_BYTES": "-1",
    "MAX_ROOMS": "1.5",
    "PING_INTERVAL_S": "0",
    "LEASE_S": "nan",
    "DRAIN_S": "inf",
    "ALLOWED_ORIGINS": "example.com",
    "METRICS_NETWORKS": "10.0.0.1/8",
    "SOCKETIO_PATH": "/",
    "WS_PREFIX": "ws",
    "TRANSPORTS": "pigeon",
    "PARSER": "yaml",
    "SERVE_CLIENT": "perhaps",
}


@pytest.fixture(autouse=True)
def _fresh_options() -> Iterator[None]:
    forget_options()
    yield
    forget_options()


@pytest.mark.parametrize("name", WRONG)
def test_the_environments_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"REALTIME_{name}", WRONG[name])
    with pytest.raises(ImproperlyConfigured, match=f"REALTIME_{name}"):
        options()


@pytest.mark.parametrize("name", WRONG)
def test_the_settings_is_named(name: str, settings: Settings) -> None:
    settings.REALTIME = {name: WRONG[name]}
    with pytest.raises(ImproperlyConfigured, match=f"REALTIME.*{name}"):
        options()


def test_the_environment_wins_over_the_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"MAX_ROOMS": 7, "EVENTS_BURST": 9}
    monkeypatch.setenv("REALTIME_MAX_ROOMS", "8")
    forget_options()
    assert (options().max_rooms, options().events_burst) == (8, 9)


def test_the_doors_have_each_a_path_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_WS_PREFIX", "/socket.io/")
    with pytest.raises(ImproperlyConfigured, match="SOCKETIO_PATH and WS_PREFIX"):
        options()


@pytest.mark.parametrize("network", ["everybody", "0.0.0.0/0", "::/0"])
def test_a_wrong_proxy_is_named(settings: Settings, network: str) -> None:
    settings.TRUSTED_PROXIES = [network]
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        trusted_proxies()
