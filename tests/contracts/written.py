"""What ``manage.py asyncapi`` writes, for tests that judge it by programs under Node."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.test import override_settings

from tests.helpers.services import ROOT

DEADLINE_S = 60
Document = dict[str, Any]
# The application of the demo, and that of the lab.
SITE, LAB = "project.asgi.application", "tests.contracts.lab.application"


def write_document(folder: Path, application: str, *options: str) -> Document:
    """Return the AsyncAPI document of an application."""
    path = folder / "asyncapi.json"
    with override_settings(ASGI_APPLICATION=application):
        call_command("asyncapi", "--output", str(path), *options)
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def write_types(folder: Path, application: str, *options: str) -> str:
    """Write the TypeScript types of an application as ``events.ts``; return them."""
    path = folder / "events.ts"
    with override_settings(ASGI_APPLICATION=application):
        call_command("asyncapi", "--typescript", str(path), *options)
    return path.read_text(encoding="utf-8")


def compile_strictly(folder: Path, source: str) -> list[str]:
    """Compile a program beside ``events.ts``; return what ``tsc --strict`` says against it."""
    (folder / "client.ts").write_text(source, encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    compiler = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--strict", "--noEmit", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"]
    target = ["--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
    done = subprocess.run(
        ["node", str(compiler), *options, *target, "client.ts", "events.ts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode in {0, 2}, done.stderr
    return done.stdout.splitlines()


def judge(document: Document, frames: Sequence[tuple[str, Any]] = ()) -> dict[str, Any]:
    """Return the errors of a document, and of frames by the pointers to their payloads."""
    given = {
        "document": document,
        "frames": [{"pointer": pointer, "frame": frame} for pointer, frame in frames],
    }
    done = subprocess.run(
        ["node", str(ROOT / "tests" / "contracts" / "validate.mjs")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    errors: dict[str, Any] = json.loads(done.stdout)
    return errors
