"""The engine's app config."""

from django.apps import AppConfig
from django.core.signals import setting_changed

from realtime.conf import forget_options, options, trusted_proxies
from realtime.namespaces.declared import is_checking


class RealtimeConfig(AppConfig):
    """Reads the options when Django starts, so that a wrong one stops it at once."""

    name = "realtime"
    verbose_name = "Realtime"

    def ready(self) -> None:
        """Check the options; follow settings that a test overrides."""
        options()
        trusted_proxies()
        setting_changed.connect(_follow_settings, dispatch_uid="realtime.conf")


def _follow_settings(*, setting: str, **_: object) -> None:
    if setting in {"REALTIME", "TRUSTED_PROXIES"}:
        forget_options()
    elif setting == "DEBUG":
        is_checking.cache_clear()
