"""The project without one maker: its folder, its name in the registry and its line in the table of rooms are gone.

``make house`` runs what tests are left in it. Left out are those that know the maker: by importing it, or by its kinds' names.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from beklijf.backends import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
MAKERS = tuple(sorted({path.parent.name for path in ROOT.glob("daemon/beklijf/backends/*/settings.py")} - {"folder"}))
"""Folders are always there: rehearsals take place in them."""

_COPIED = ("daemon", "tests", "docs", "templates", "systemd", "findings", "bench")


def delete(maker: str, root: Path) -> None:
    """Take *maker* out of the project at *root*."""
    backends = root / "daemon" / "beklijf" / "backends"
    shutil.rmtree(backends / maker)
    text = (backends / "registry.py").read_text(encoding="utf-8")
    line = re.search(rf"^from beklijf\.backends\.{maker}\.settings import (\w+)\n", text, re.MULTILINE)
    assert line, "each maker has an import of its own"
    left = re.sub(rf", {line[1]}\b|\b{line[1]}, ", "", text.replace(line[0], ""), count=1)
    (backends / "registry.py").write_text(left, encoding="utf-8")
    table = root / "docs" / "architecture.md"
    if table.exists():
        rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
        table.write_text("".join(row for row in rows if not row.startswith(f"| `backends.{maker}` |")), encoding="utf-8")


def kinds(maker: str) -> set[str]:
    """Return what the config calls that which *maker* makes."""
    parts = (*registry.CALENDARS.values(), *registry.MAILERS.values(), *registry.INBOXES.values())
    return {part.kind.name for part in parts if part.kind.opens.startswith(f"beklijf.backends.{maker}.")}


def left_out(maker: str, root: Path) -> Iterator[str]:
    """Yield the tests that know *maker*, whole files first, after taking its bad configs away."""
    named = re.compile(rf"\b({'|'.join(kinds(maker))})\b")
    for path in root.glob("tests/bad/*.toml"):
        if named.search(path.read_text(encoding="utf-8", errors="replace")):
            path.unlink()
    texts = {path.relative_to(root): path.read_text(encoding="utf-8") for path in root.glob("tests/**/*.py")}
    gone = {f"beklijf.backends.{maker}"}
    knowing: set[Path] = set()
    while more := {path for path, text in texts.items() if path not in knowing and any(re.search(rf"{name}\b", text) for name in gone)}:
        knowing |= more
        gone |= {".".join(path.with_suffix("").parts) for path in more}
    yield from map(str, sorted(knowing))
    for path in texts.keys() - knowing:
        tree = ast.parse(texts[path])
        owners: list[ast.Module | ast.ClassDef] = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
        for owner in owners:
            names = [path.as_posix(), *([owner.name] if isinstance(owner, ast.ClassDef) else [])]
            for test in owner.body:
                if isinstance(test, ast.FunctionDef) and named.search(ast.unparse(test)):
                    yield "::".join((*names, test.name))


def main() -> int:
    """Run the tests that are left without each of the makers; return 1 when some fail."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("makers", nargs="*", default=MAKERS, metavar="MAKER", help=", ".join(MAKERS))
    parser.add_argument("--tests", default="tests/unit", help="where the tests are that run; default: %(default)s")
    arguments = parser.parse_args()
    worst = 0
    for maker in arguments.makers:
        with TemporaryDirectory() as folder:
            root = Path(folder)
            for name in _COPIED:
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            for path in (path for path in ROOT.iterdir() if path.is_file()):
                shutil.copy(path, root)
            delete(maker, root)
            out = [f"--deselect={test}" if "::" in test else f"--ignore={root / test}" for test in left_out(maker, root)]
            command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-m", "not full and not thorough"]
            print(f"without {maker}:", flush=True)  # noqa: T201  # a program of its own
            ended = subprocess.run([*command, *out, arguments.tests], cwd=root, env=os.environ | {"PYTHONPATH": "daemon"}, check=False)
            worst |= ended.returncode
    return min(worst, 1)


if __name__ == "__main__":
    sys.exit(main())
