"""The house: rooms import what docs/architecture.md lets them, no module in a circle, and vendor libraries stay with their maker."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.without import MAKERS, delete

import beklijf

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = Path(beklijf.__file__).parent
TABLE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| room |")[2].partition("\n\n")[0]
ROOMS = {
    room: (may.split(), int(lines.replace(",", "")))
    for room, may, lines in re.findall(r"^\| `([\w.]+)` \|[^|]*\| ([^|]+?) \| ([\d,]+) \|$", TABLE, re.MULTILINE)
}

PURE: tuple[str, ...] = ("model", "planning", "ical", "mime", "decide", "replies.verdict", "replies.judge", "replies.reader")
PURE += ("replies.own_text", "replies.authentication", "decide.from_calendar", "relocate.decide", "config.check")
"""Values in, values out: no clock, no network, no logger, no randomness."""

SENTENCE = ["take", "decide", "record", "carry_out"]
"""What a tick does, in this order."""

FORBIDDEN = {"logging", "random", "socket", "time", "os", "subprocess", "sqlite3", "threading", "urllib", "http", "caldav", "schedule"}
FORBIDDEN |= {"httpx", "msal", "google", "exchangelib"}
PARSES_URLS = {"urllib.parse", "urllib.parse.quote", "urllib.parse.unquote", "urllib.parse.urlsplit"}
EDGE = {"cli", "service", "tick", "backends"}
"""Rooms that do things; of the ledger the values are known everywhere, and nobody but the edge has one open."""


def modules() -> dict[str, Path]:
    """Return every module of the package by its name in it; the package itself left out."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: path for name, path in found.items() if name not in {"", "__main__"}}


MODULES = modules()


def room(module: str) -> str:
    """Return the room that *module* is in: a maker's folder is one."""
    head, _, rest = module.partition(".")
    maker = rest.partition(".")[0]
    return f"{head}.{maker}" if head == "backends" and maker and (PACKAGE / head / maker).is_dir() else head


@cache
def imports(module: str, *, running: bool = False) -> frozenset[str]:
    """Return what *module* imports, what it imports for types alone included unless *running*; functions' own imports count."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for block in [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]:
        if running:
            block.body = [ast.Pass()]
    return frozenset(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            ours = node.module.split(".")[0] == "beklijf"
            yield from (name if not ours or name.removeprefix("beklijf.") in MODULES else str(node.module) for name in inside)


def ours(module: str) -> set[str]:
    """Return the modules of ours that *module* imports."""
    return {name.removeprefix("beklijf.") for name in imports(module) if name.startswith("beklijf.")}


def test_every_room_has_a_line_and_every_line_a_room() -> None:
    assert {room(module) for module in MODULES} == ROOMS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_what_its_line_lets_it(module: str) -> None:
    allowed = ROOMS[room(module)][0]
    if allowed[0] == "all":
        assert "service" not in map(room, ours(module)) or "but" not in allowed
        return

    known = {name for name in ours(module) if "settings" in allowed and is_of_a_makers_settings(name)}
    assert {name for name in ours(module) - known if room(name) not in {room(module), *allowed}} == set()


def is_of_a_makers_settings(module: str) -> bool:
    return module.startswith("backends.") and module.endswith(".settings")


def test_no_module_imports_one_that_imports_it_in_turn() -> None:
    graph = {module: ours(module) & MODULES.keys() for module in MODULES}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_a_maker_knows_no_other_maker() -> None:
    makers = {name for name in ROOMS if name.startswith("backends.")} - {"backends.rest"}

    known = {(module, name) for module in MODULES for name in ours(module) if {room(module), room(name)} <= makers}
    assert {(module, name) for module, name in known if room(module) != room(name)} == set()


def test_rooms_stay_as_large_as_their_lines_say() -> None:
    sizes: defaultdict[str, int] = defaultdict(int)
    for module, path in MODULES.items():
        sizes[room(module)] += len(path.read_text(encoding="utf-8").splitlines())

    assert {name: size for name, size in sizes.items() if size > ROOMS[name][1]} == {}


def test_modules_are_called_for_what_they_are_and_not_for_what_they_do() -> None:
    names = {part for module in MODULES for part in module.split(".")}

    assert {name for name in names if name.endswith("ing")} == {"planning", "wiring"}  # two things


def test_the_tick_is_one_function_that_reads_like_a_sentence() -> None:
    tree = ast.parse(MODULES["tick.engine"].read_text(encoding="utf-8"))
    [tick] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "tick"]
    calls = {ast.unparse(node.func).rpartition(".")[2].lstrip("_"): node.lineno for node in ast.walk(tick) if isinstance(node, ast.Call)}

    assert (tick.end_lineno or 0) - tick.lineno < 40
    assert [name for name, _ in sorted(calls.items(), key=lambda call: call[1]) if name in SENTENCE] == SENTENCE


@pytest.mark.parametrize("module", [name for name in MODULES if name in PURE or room(name) in PURE])
def test_the_pure_middle_reaches_for_nothing(module: str) -> None:
    found = imports(module, running=True)

    assert not {name.partition(".")[0] for name in found - PARSES_URLS} & FORBIDDEN
    assert not {name for name in found if room(name.removeprefix("beklijf.")).partition(".")[0] in EDGE}


def test_only_the_command_line_prints_or_exits() -> None:
    guilty = []
    for path in PACKAGE.rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        names = {call.id for call in calls if isinstance(call, ast.Name)} | {
            ast.unparse(call) for call in calls if isinstance(call, ast.Attribute)
        }
        if names & {"print", "exit", "sys.exit"} and path.stem not in {"cli", "__main__"}:
            guilty.append(path.name)

    assert guilty == []


def test_what_others_wrote_comes_to_a_screen_by_one_function_only() -> None:
    tree = ast.parse((PACKAGE / "cli.py").read_text(encoding="utf-8"))
    printing = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "print"
    }

    assert printing == {"_print", "_print_json", "_agreed", "_progress"}  # escapes of JSON; a question and a date of ours


def test_the_errors_know_nothing_of_the_rest() -> None:
    assert not ours("model.errors")


def test_a_folder_calendar_imports_no_vendor_backend() -> None:
    script = "import sys, beklijf.backends.folder.calendar, beklijf.backends.folder.mailer, beklijf.tick.wiring; print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert not {"caldav", "niquests", "exchangelib", "httpx", "msal", "google.auth", "requests", "smtplib"} & set(said.split())


@pytest.mark.parametrize("maker", MAKERS)
def test_a_maker_can_be_deleted_with_its_folder_and_its_name_in_the_registry(maker: str, tmp_path: Path) -> None:
    """What is left imports, and a config of another kind loads; ``make house`` runs the tests that are left."""
    shutil.copytree(PACKAGE, tmp_path / "daemon" / "beklijf", ignore=shutil.ignore_patterns("__pycache__"))
    delete(maker, tmp_path)
    left = sorted(f"beklijf.{name}" for name in MODULES if room(name) != f"backends.{maker}")
    script = (
        "import sys; from importlib import import_module; from pathlib import Path\n"
        f"modules = [import_module(name) for name in {left}]\n"
        "assert all(module.__file__.startswith(sys.argv[1]) for module in modules)\n"
        f"from beklijf.config import load; print(load(Path({str(PACKAGE.parents[1] / 'config.example.toml')!r})).calendar.kind.name)"
    )

    said = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "daemon")},
    )

    assert (said.stdout, said.stderr) == ("folder\n", "")


def test_no_module_imports_from_a_test() -> None:
    """What tests share stands in modules of its own, and fixtures in ``conftest.py``: a test can be changed without the others."""
    paths = [path for folder in ("tests", "bench") for path in (ROOT / folder).rglob("*.py")]

    named = {path.relative_to(ROOT).as_posix(): {*_imported(ast.parse(path.read_text(encoding="utf-8")))} for path in paths}
    taken = {path: sorted(name for name in names if re.search(r"(^|\.)(test_\w+|conftest)\b", name)) for path, names in named.items()}
    assert {path: names for path, names in taken.items() if names} == {}
