"""The package as other projects install it: whole, and a minimal project runs on it."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from realtime.version import VERSION
from tests.helpers.environment import clean_environment
from tests.helpers.services import ROOT

PROJECT = """
INSTALLED_APPS = ["realtime", "daphne", "rooms", "channels", *INSTALLED_APPS]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend", "rooms.auth_backends.RoomBackend",
]
"""
# From within that project: what an import alone does not show.
TRIAL = """
import asyncio
import json
import django
django.setup()
from pathlib import Path
import realtime, rooms
from django.contrib.staticfiles.finders import find
from django.template.loader import get_template
from realtime.doors.health import HealthDoor
from realtime.doors.metrics import MetricsDoor
from realtime.server import realtime_application
assert str(ROOT) not in realtime.__file__ + rooms.__file__, (realtime.__file__, rooms.__file__)
get_template("rooms/home.html")
assert find("rooms/js/app.js")
application = realtime_application([], http=HealthDoor(MetricsDoor(None)))

async def probe():
    answers = []

    async def send(message):
        answers.append(message)

    await application.lifecycle.start()
    for path in ("/healthz", "/readyz"):
        await application({"type": "http", "method": "GET", "path": path}, None, send)
    await application.lifecycle.stop()
    return [json.loads(each["body"])["status"] for each in answers if "body" in each]

told = asyncio.run(probe())
assert told == ["ok", "ready"], told
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_every_file_of_both_packages(wheel: Path) -> None:
    assert wheel.name == f"roomkey-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "realtime", "rooms"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.splitlines()
    assert {file for file in tracked if not file.endswith(".po")} <= held
    assert not [file for file in held if file.startswith(("tests/", "bench/", "project/"))]


def test_a_minimal_project_runs_on_it(wheel: Path, tmp_path: Path) -> None:
    environment = clean_environment()
    environment.pop("PYTHONPATH", None)

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    run(sys.executable, "-m", "venv", "fresh")
    python = str(tmp_path / "fresh" / "bin" / "python")
    # Its dependencies are those of this checkout; a registry may be out of reach.
    (site,) = (tmp_path / "fresh").glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    run(python, "-m", "django", "startproject", "mysite", ".")
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write(PROJECT)
    run(python, "manage.py", "check")
    run(python, "manage.py", "migrate", "--verbosity", "0")
    assert run(python, "manage.py", "who") == ""
    environment["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
    run(python, "-c", f"ROOT = {str(ROOT)!r}\n{TRIAL}")
