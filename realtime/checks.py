"""System checks of the engine: what would go wrong later is said at the start, with a remedy."""

from collections.abc import Sequence

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 -- its name
from django.utils.module_loading import import_string

from realtime.conf import options

# Each brings a ``runserver`` of its own, and the app that stands first has its way.
_RUNSERVERS = ("daphne", "django.contrib.staticfiles")
_OWN_LAYERS = frozenset({"", "channels.layers.InMemoryChannelLayer"})
_OWN_CACHES = frozenset({"locmem.LocMemCache", "dummy.DummyCache"})


@register(Tags.security)
def check_authenticators(
    app_configs: Sequence[AppConfig] | None, **kwargs: object
) -> list[CheckMessage]:
    """Refuse an authenticator that cannot be called: every client would hear ``internal``."""
    return [
        Error(
            f"REALTIME['AUTHENTICATORS'] names {path!r}, and {problem}.",
            hint="Give the dotted path of an `async def name(scope, auth)`.",
            id="realtime.E001",
        )
        for path in options().authenticators
        if (problem := _authenticator_problem(path))
    ]


@register(Tags.compatibility)
def check_runserver(
    app_configs: Sequence[AppConfig] | None, **kwargs: object
) -> list[CheckMessage]:
    """Warn where another app's ``runserver`` wins: it logs queries, which hold secrets."""
    names = [config.name for config in apps.get_app_configs()]
    before = [name for name in _RUNSERVERS if name in names[: names.index("realtime")]]
    if not before:
        return []
    return [
        Warning(
            f"{before[0]} stands before realtime in INSTALLED_APPS, so that its runserver is run: "
            "its log shows the ids of sessions, and close codes and limits are not ours.",
            hint=f'Put "realtime" before "{before[0]}".',
            id="realtime.W001",
        )
    ]


@register(Tags.caches)
def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Warn of a cache that keeps nothing, or that the processes of a shared layer do not share."""
    backend = str(settings.CACHES.get("default", {}).get("BACKEND", ""))
    cache = backend.removeprefix("django.core.cache.backends.")
    layers = getattr(settings, "CHANNEL_LAYERS", None) or {}
    layer = str(layers.get("default", {}).get("BACKEND", ""))
    is_shared = layer not in _OWN_LAYERS
    if cache not in _OWN_CACHES or (cache.startswith("locmem") and not is_shared):
        return []
    return [
        Warning(
            f"The default cache is {backend}: tickets are not found again, and tries at passwords "
            + ("are counted by each process alone." if is_shared else "are not counted."),
            hint="Set CACHES to a cache that all processes share, such as Redis.",
            id="realtime.W002",
        )
    ]


def _authenticator_problem(path: str) -> str:
    try:
        authenticator = import_string(path)
    except ImportError as error:
        return f"it cannot be imported: {error}"
    return "" if callable(authenticator) else "it cannot be called"
