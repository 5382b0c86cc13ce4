"""The wheel carries all that a checkout has: code, schema, methods, templates and the example."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def needed(distribution: str, *extras: str) -> set[str]:
    """Return the distributions that an installation brings, by what each says that it requires."""
    found: set[str] = set()
    waiting = [(distribution, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        for text in requires(name) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted or {""}):
                continue
            key = canonicalize_name(requirement.name)
            if key not in found:
                found.add(key)
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


LIBRARIES = {"caldav", "exchangelib", "google-auth", "httpx", "imapclient", "msal", "niquests", "requests", "urllib3-future"}


@pytest.mark.parametrize(
    ("extra", "brings"),
    [
        ("", set()),
        ("caldav", {"caldav", "niquests", "urllib3-future"}),
        ("exchange", {"exchangelib", "requests"}),
        ("google", {"google-auth", "httpx"}),
        ("graph", {"httpx", "msal", "requests"}),  # msal's own; our transport is httpx
        ("imap", {"imapclient"}),
    ],
)
def test_an_extra_brings_the_libraries_of_its_own_backend_only(extra: str, brings: set[str]) -> None:
    assert needed("beklijf", extra) & LIBRARIES == brings
