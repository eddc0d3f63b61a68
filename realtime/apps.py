"""The engine's app config."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """Checks the options when Django starts."""

    name = "realtime"
    verbose_name = "Realtime"
