"""What a fresh clone rests on: the locks, the ignored files, the commands."""

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.environment import clean_environment
from tests.helpers.services import ROOT

LOCKS = ["base", "dev", "node", "audit"]


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_is_pinned_with_hashes_and_no_place(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^[a-z0-9][\w.\[\]-]*==\S+", lock, re.MULTILINE)
    assert pins
    assert len(re.findall(r"^\S", lock, re.MULTILINE)) == len(pins)
    entries = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index|--extra-index|--find-links|file:", lock)


def test_what_runs_is_what_was_tested() -> None:
    pins = [
        set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.M))
        for name in ("base", "dev")
    ]
    assert pins[0] <= pins[1]


def test_the_node_lock_holds_no_addresses() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages["node_modules/socket.io-client"]["version"] == "4.8.4"
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert package["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize(
    "path", [".secret_key", "db.sqlite3", "db.sqlite3-wal", ".venv", "node_modules"]
)
def test_what_a_run_makes_is_not_committed(path: str) -> None:
    done = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False, timeout=10)
    assert done.returncode == 0


def test_a_wheel_holds_the_engine_and_the_app_alone() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert tools["packages"]["find"]["include"] == ["realtime*", "rooms*"]
    assert {"static/**/*", "templates/**/*", "py.typed"} <= set(tools["package-data"]["rooms"])
    assert "py.typed" in tools["package-data"]["realtime"]


@pytest.mark.parametrize(
    "target",
    ["setup", "run", "test", "lint", "check", "bench", "audit", "wheel", "docs"],
)
def test_the_command_is_there(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").touch()
    done = subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), ".venv/.installed"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("Roomkey needs Python 3.11 or newer")
    assert "apt install python3 python3-venv" in done.stderr.splitlines()[0]


def test_the_docs_become_html_once_each_link_in_them_leads_somewhere(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.OUTPUT = tmp_path / "html"
    build.ROOT = tmp_path.parent
    source = build.SOURCE = tmp_path / "docs"
    source.mkdir()
    (source / "index.md").write_text("# Start\n\n[on](more.md#two) [out](https://example.com/)\n")
    (source / "more.md").write_text("# One\n\n## Two\n\n[back](index.md)\n")
    assert build.main() == 0
    page = (tmp_path / "html" / "index.html").read_text()
    assert 'href="more.html#two"' in page
    assert "<title>Start</title>" in page
    assert '<h2 id="two">' in (tmp_path / "html" / "more.html").read_text()
    for wrong in ("[on](gone.md)", "[on](more.md#three)", "![seen](none.png)"):
        (source / "index.md").write_text(f"# Start\n\n{wrong}\n")
        assert build.main() == 1
