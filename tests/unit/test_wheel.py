"""The wheel carries all that a checkout has: code, schema, methods, templates and the example."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_is_complete(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]

    subprocess.run(command, check=True, capture_output=True)

    [wheel] = tmp_path.glob("beklijf-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = {f"beklijf/{path.relative_to(ROOT)}" for path in (ROOT / "templates").rglob("*.j2")}
    assert templates
    assert {
        "beklijf/ledger/schema.sql",
        "beklijf/config/methods/default.toml",
        "beklijf/config.example.toml",
        "beklijf/py.typed",
    } | templates <= names
