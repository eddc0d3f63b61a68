"""The pages' scripts keep to the types in their comments."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.helpers.services import ROOT

OPTIONS = {
    "allowJs": True,
    "checkJs": True,
    "noEmit": True,
    "strict": True,
    "target": "es2023",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2023", "dom", "dom.iterable"],
    "types": [],
    "skipLibCheck": True,
}


@pytest.mark.node
@pytest.mark.parametrize("folder", ["js", "console", "admin"])
def test_the_scripts_of_the_pages_keep_to_their_types(tmp_path: Path, folder: str) -> None:
    scripts = ROOT / "rooms" / "static" / "rooms" / folder
    assert any(scripts.glob("*.js"))
    project = {"compilerOptions": OPTIONS, "include": [f"{scripts}/*.js"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(project))
    done = subprocess.run(
        ["node", ROOT / "node_modules" / "typescript" / "bin" / "tsc", "-p", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
