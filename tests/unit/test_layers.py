"""Imports run one way, and vendor libraries stay inside their backend."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import beklijf

PACKAGE = Path(beklijf.__file__).parent
PURE = (
    "domain",
    "events",
    "canonical",
    "conversation",
    *(f"reconcile.{name}" for name in ("merge", "telling", "plan", "posting", "drafting", "withdrawing", "holding", "guard")),
    *(f"reconcile.{name}" for name in ("hearing", "proposals", "responses", "deciding", "moving")),
    *(f"planning.{name}" for name in ("days", "timeline", "agendas", "pairs", "singles", "reminders", "wishes", "correspondence")),
    *(f"planning.{name}" for name in ("hours", "places", "pauses", "busy", "silence", "in_a_row", "offers")),
    "planning",
    "answers",
    *(f"answers.{name}" for name in ("judging", "reading", "mime", "own_text", "authentication")),
    "config.check",
)
"""Values in, values out: no clock, no network, no logger, no randomness."""

FORBIDDEN = {"logging", "random", "socket", "time", "os", "subprocess", "sqlite3", "threading", "urllib", "http", "caldav", "schedule"}
FORBIDDEN |= {"httpx", "msal", "google", "exchangelib"}

EDGE = {
    "cli",
    "service",
    *(f"reconcile.{name}" for name in ("engine", "survey", "apply", "delivery", "noting")),
    "calendars.caldav",
    "mailers.smtp",
    *(f"accounts.{name}" for name in ("http", "rest", "graph", "google")),
}


def imports(module: str) -> set[str]:
    """Return what *module* imports when it runs; imports for type checking alone bind nothing."""
    path = PACKAGE.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    checking = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", PURE)
def test_the_pure_middle_reaches_for_nothing(module: str) -> None:
    found = imports(module)

    assert not {name.partition(".")[0] for name in found} & FORBIDDEN
    assert not {name.removeprefix("beklijf.") for name in found} & EDGE


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
    assert not {name for name in imports("errors") if name.startswith("beklijf")}


def test_a_folder_calendar_imports_no_vendor_backend() -> None:
    script = "import sys, beklijf.calendars.folder, beklijf.mailers.folder, beklijf.reconcile.opening; print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert not {"caldav", "niquests", "exchangelib", "httpx", "msal", "google.auth", "requests", "smtplib"} & set(said.split())


def test_modules_stay_small_enough_to_read() -> None:
    long = {path.name: n for path in PACKAGE.rglob("*.py") if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}

    assert set(long) <= {"domain.py"}  # values only, one place for all words
