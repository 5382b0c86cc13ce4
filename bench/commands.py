"""Whole commands, from start of the interpreter to exit, on the example of the README."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from measure import Cost, median_cost

if TYPE_CHECKING:
    from pathlib import Path

VENDORS = ("caldav", "niquests", "lxml", "exchangelib", "msal", "google", "smtplib")


@dataclass(frozen=True, slots=True)
class Command:
    cost: Cost
    modules: int
    vendors: tuple[str, ...]
    """Modules of vendors' backends among those that it imported."""
    said: str


def measure(folder: Path, *arguments: str, rounds: int = 7) -> Command:
    """Run ``beklijf ARGUMENTS`` some times; once more to see what it imports."""
    command = ["-m", "beklijf", "--config", str(folder / "config.toml"), *arguments]
    costs = [_timed(command) for _ in range(rounds)]
    answer = _run("-X", "importtime", *command)
    modules = [line.rpartition("|")[2].strip() for line in answer.stderr.splitlines() if line.startswith("import time:")]
    vendors = tuple(sorted({module for module in modules if module.partition(".")[0] in VENDORS}))
    return Command(median_cost(costs), len(modules) - 1, vendors, answer.stdout.strip())


def init(folder: Path) -> None:
    _run("-m", "beklijf", "init", str(folder))


def _timed(command: list[str]) -> Cost:
    before, start = os.times(), time.perf_counter()
    _run(*command)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
