"""A project that leaves Django's admin out has the pages all the same."""

import subprocess
import sys

from tests.helpers.environment import clean_environment
from tests.helpers.services import ROOT

PROJECT = """
import sys
from types import ModuleType
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="urls", STATIC_URL="static/",
    INSTALLED_APPS=[
        "realtime", "daphne", "rooms", "channels", "django.contrib.auth",
        "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
        ]},
    }],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.core.management import call_command
from django.test import Client
from django.urls import include, path
sys.modules["urls"] = urls = ModuleType("urls")
urls.urlpatterns = [path("", include("rooms.urls"))]
from django.urls import include, path
call_command("migrate", verbosity=0)
from rooms.models import Namespace
Namespace.objects.create(path="/games")
for page in ("", "games/", "games/csgo/", "accounts/login/"):
    assert Client().get(f"/{page}").status_code == 200, page
"""


def test_the_pages_need_no_admin() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROJECT],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
