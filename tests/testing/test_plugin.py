"""The pytest plugin in a project of its own."""

import subprocess
import sys
from pathlib import Path

PROJECT = """
SECRET_KEY = "test"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "realtime"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ASGI_APPLICATION = "site_asgi.application"
USE_TZ = True
"""
ASGI = """
from django.core.asgi import get_asgi_application
from django.urls import path
http = get_asgi_application()
from django.contrib.auth import get_user_model
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from realtime.server import realtime_application

class Lobby(NamespaceConsumer):
    @event("users")
    def users(self):
        return list(get_user_model().objects.values_list("username", flat=True))

application = realtime_application([path("lobby", Lobby.as_asgi())], http=http)
"""
TESTS = """
import pytest
from django.contrib.auth import get_user_model

pytestmark = pytest.mark.django_db

def test_sync(realtime_connect):
    alice = get_user_model().objects.create(username="alice")
    with realtime_connect("/lobby", user=alice) as socket:
        assert socket.call("users") == ["alice"]

async def test_async(realtime_connect):
    bob = await get_user_model().objects.acreate(username="bob")
    async with realtime_connect("/lobby", user=bob, door="plain") as socket:
        assert await socket.call("users") == ["bob"]

kept = []

def test_careless(realtime_connect):
    kept.append(realtime_connect("/lobby"))
    kept[0].__enter__()

def test_next(realtime_connect):
    with realtime_connect("/lobby") as socket:
        assert socket.call("users") == []
"""


def test_it_finds_the_application_and_reports_a_client_that_stays(tmp_path: Path) -> None:
    (tmp_path / "site_settings.py").write_text(PROJECT)
    (tmp_path / "site_asgi.py").write_text(ASGI)
    (tmp_path / "test_site.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--ds=site_settings", "-p", "no:cacheprovider"),
            *("-p", "realtime.testing.pytest_plugin", "-W", "ignore", "-v", "."),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert "ERROR test_site.py::test_careless - AssertionError: a client was not left" in said
    assert "4 passed, 1 error" in said, said
