"""Environments for programs that a test starts."""

import os

OWN_NAMES = frozenset(
    {
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "DATABASE_URL",
        "DEBUG",
        "DJANGO_SETTINGS_MODULE",
        "HSTS_SECONDS",
        "HTTPS_ONLY",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "METRICS_TOKEN",
        "REDIS_PREFIX",
        "REDIS_URL",
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "TRUSTED_PROXIES",
    }
)


def clean_environment(**values: str) -> dict[str, str]:
    """Return this process's environment without the project's own names, and with ``values``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OWN_NAMES and not name.startswith("REALTIME_")
    }
    return kept | values
