"""Wall time, CPU time and memory of this process, and tables to paste into CONTRIBUTING."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds; ``cpu`` is ours alone, whatever servers and neighbours do."""

    wall: float
    cpu: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu)

    def __str__(self) -> str:
        return f"{seconds(self.wall)} ({seconds(self.cpu)} CPU)"


def timed(work: Callable[[], T]) -> tuple[T, Cost]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, Cost(time.perf_counter() - wall, time.process_time() - cpu)


def median_cost(costs: Iterable[Cost]) -> Cost:
    costs = list(costs)
    return Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))


def peak_memory() -> int:
    """Return the most memory that this process ever had, in MB; ``ru_maxrss`` would count the parent's from before exec."""
    return _memory("VmHWM")


def resident_memory() -> int:
    """Return how much memory this process has now, in MB."""
    return _memory("VmRSS")


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) // 1024


def seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], *notes: str) -> None:
    print(f"\n### {title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"| --- |{' ---: |' * (len(head) - 1)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    for note in notes:
        print(f"\n{note}")
    print(flush=True)
