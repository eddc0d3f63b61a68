"""The settings and the ASGI application of a small site that the commands serve."""

import os

DEBUG = True
DEBUG_BY_DEFAULT = "DEBUG" not in os.environ
SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.servers.site"
INSTALLED_APPS = ["realtime", "daphne", "django.contrib.admin", "django.contrib.staticfiles"]
INSTALLED_APPS += ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STATIC_URL = "/static/"
ASGI_APPLICATION = "tests.servers.site.application"
SILENCED_SYSTEM_CHECKS = ["admin.E403", "admin.E408", "admin.E409", "admin.E410"]
urlpatterns: list[object] = []


def __getattr__(name: str) -> object:
    # Made on first use, as asgi.py does it: the settings come first.
    if name != "application":
        raise AttributeError(name)
    from tests.servers.application import CommandedApplication  # noqa: PLC0415

    made = globals()["application"] = CommandedApplication()
    return made
