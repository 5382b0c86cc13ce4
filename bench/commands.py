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
    cost = median_cost(timed(sys.executable, folder, *arguments) for _ in range(rounds))
    answer = _run(sys.executable, "-X", "importtime", *_beklijf(folder, *arguments))
    modules = [line.rpartition("|")[2].strip() for line in answer.stderr.splitlines() if line.startswith("import time:")]
    vendors = tuple(sorted({module for module in modules if module.partition(".")[0] in VENDORS}))
    return Command(cost, len(modules) - 1, vendors, answer.stdout.strip())


def init(folder: Path, python: str | Path = sys.executable) -> None:
    _run(python, "-m", "beklijf", "init", str(folder))


def timed(python: str | Path, folder: Path, *arguments: str) -> Cost:
    """Run ``beklijf ARGUMENTS`` once, in the build that *python* has."""
    before, start = os.times(), time.perf_counter()
    _run(python, *_beklijf(folder, *arguments))
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu)


def _beklijf(folder: Path, *arguments: str) -> list[str]:
    return ["-m", "beklijf", "--config", str(folder / "config.toml"), *arguments]


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode not in {0, 2}:  # 2: a plan has something to do
        raise RuntimeError(f"{answer.args} ended with {answer.returncode}: {answer.stderr}")
    return answer
