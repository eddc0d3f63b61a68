"""The options of each profile, and what serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Rates and session counts are not what the suites look at, and they come from one address.
_UNLIMITED: Mapping[str, Any] = {
    "EVENTS_PER_S": 0,
    "JOINS_PER_S": 0,
    "MAX_SESSIONS_PER_ADDRESS": 0,
    "MAX_SESSIONS_PER_USER": 0,
    "AUTHENTICATORS": ["tests.conformance.identities.anybody"],
}
_SUITE: Mapping[str, Any] = {
    "PING_INTERVAL_S": 0.3,
    "PING_TIMEOUT_S": 0.2,
    "CONNECT_TIMEOUT_S": 1,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """``routes`` names the list of namespaces; None is a bare Engine.IO echo."""

    options: Mapping[str, Any]
    routes: str | None
    handshake_delay_s: float = 0.0


PROFILES: Mapping[str, Profile] = {
    "engine": Profile({**_UNLIMITED, **_SUITE, "SOCKETIO_PATH": "/engine.io/"}, None),
    "socketio": Profile({**_UNLIMITED, **_SUITE}, "tests.conformance.suite_namespaces"),
    "client": Profile(
        {**_UNLIMITED, "PING_INTERVAL_S": 2, "PING_TIMEOUT_S": 20, "RECOVERY_S": 120},
        "tests.conformance.client_namespaces",
        # The client's own tests want a time-out of 0 ms to fire before the connection is there.
        handshake_delay_s=0.01,
    ),
    "check": Profile(
        {
            **_UNLIMITED,
            "PING_INTERVAL_S": 25,
            "PING_TIMEOUT_S": 20,
            "CONNECT_TIMEOUT_S": 1.5,
            "RECOVERY_S": 120,
            "ALLOWED_ORIGINS": ["*"],
        },
        "tests.conformance.check_namespaces",
    ),
}


def installed_apps() -> Sequence[str]:
    """Return what Django needs to know of."""
    return ["django.contrib.contenttypes", "django.contrib.auth", "realtime"]
