"""The engine's app config."""

from importlib import import_module

from django.apps import AppConfig
from django.core.signals import setting_changed

from realtime.conf import forget_options, options, trusted_proxies
from realtime.namespaces.declared import is_checking
from realtime.namespaces.signals import process_noticed
from realtime.namespaces.steering import hear_steering
from realtime.namespaces.tapping import hear_tap


class RealtimeConfig(AppConfig):
    """Reads the options when Django starts, so that a wrong one stops it at once."""

    name = "realtime"
    verbose_name = "Realtime"

    def ready(self) -> None:
        """Check the options; follow settings that a test overrides."""
        import_module("realtime.checks")
        options()
        trusted_proxies()
        process_noticed.connect(hear_tap, dispatch_uid="realtime.tap")
        process_noticed.connect(hear_steering, dispatch_uid="realtime.steer")
        setting_changed.connect(_follow_settings, dispatch_uid="realtime.conf")


def _follow_settings(*, setting: str, **_: object) -> None:
    if setting in {"REALTIME", "TRUSTED_PROXIES"}:
        forget_options()
    elif setting == "DEBUG":
        is_checking.cache_clear()
