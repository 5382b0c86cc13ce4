"""Today's build beside that of an older commit, in one run on one machine: CPU time and memory, the ratio, and what is wanted.

Each build makes a ledger and a calendar of its own, in processes of its own (``scenarios``); only the TOML is the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import baseline
import commands
import town
from measure import print_table, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Work = Callable[[Path, Path], "Found"]
    """What one build does in a folder: the folder, and the Python that has the build."""

Found = dict[str, float]
"""By name: seconds of CPU, MB, or how many."""

RESTING, LARGE = 1_000, 10_000
"""The sizes of which something is wanted. At the first, a service is watched for two days."""
PATIENT = LARGE
"""Beyond this size only today's build is measured: the older one would take days."""
COMMANDS = 7
"""How often each is run."""
REHEARSED = {24: Fraction(1, 4), 240: Fraction(1, 6)}
SCENARIOS = Path(__file__).with_name("scenarios.py")
NAMES = {
    "quiet": "a quiet tick",
    "answer": "somebody accepts, by mail",
    "refusal": "somebody declines, by mail",
    "move": "somebody moves a meeting in the calendar",
    "pair": "one pair added to the config",
    "letter": "one letter due",
    "night": "a fifth as many answers as mentorships, in one night",
    "start": "the first ticks of a process",
    "invitations": "everybody welcomed and invited, from nothing",
}
SHAPES = {
    "threes": "mentors of three",
    "sixes": "mentors of six",
    "twice": "everybody who learns in two trainings",
    "one": "everybody connected through shared people: the worst case",
}
SHARES = {
    ("answer", RESTING): Fraction(1, 20),
    ("answer", LARGE): Fraction(1, 50),
    ("move", LARGE): Fraction(1, 20),
    ("pair", LARGE): Fraction(1, 20),
    ("letter", LARGE): Fraction(1, 20),
    ("night", LARGE): Fraction(1, 20),
}
QUIET = {LARGE: 3.0}
"""How many of them an answer may cost."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One thing in both builds; wanted is a share of what it was, or so much and no more."""

    name: str
    old: float | None
    new: float
    share: Fraction | None = None
    most: float | None = None
    unit: Callable[[float], str] = seconds

    def row(self) -> list[str]:
        old = "" if self.old is None else self.unit(self.old)
        ratio = "" if not self.old else f"{self.new / self.old:.2g}"
        return [self.name, old, self.unit(self.new), ratio, self._wanted(), self._verdict()]

    def _wanted(self) -> str:
        if self.share is not None:
            return str(self.share)
        return "" if self.most is None else self.unit(self.most)

    def _verdict(self) -> str:
        most = self.most
        if self.share is not None and self.old is not None:
            most = self.old * float(self.share)
        return "" if most is None else "reached" if self.new <= most else "not yet"


# -- ticks -------------------------------------------------------------------------------------------------------------


def ticks(folder: Path, sizes: Sequence[int], shapes: Sequence[str]) -> None:
    """Measure what a change costs in a running service, by size and by who is with whom."""
    for shape in shapes:
        grows = {}
        for size in sizes:
            old, new = _each(partial(_life, size, shape), folder, size=size)
            grows[size] = new
            _print(
                f"What a change costs: {size:,} mentorships, {SHAPES[shape]}",
                _changes(size, old, new),
                f"CPU time of all ticks until nothing is left to do: {_ticks(new)}. {new['events']:,} events and {new['mails']:,} mails "
                f"when all are invited; {new['answers']:,} answers in one night.",
            )
        if len(grows) > 1:
            _print_growth(shape, grows)


def _life(size: int, shape: str, folder: Path, python: Path) -> Found:
    """Return all that one organisation costs one build."""
    town.build(folder / "town", size, shape=town.SHAPES[shape], invitations="mail", hears=True)
    found = _scenario(python, "invitations", folder / "town")
    if size == RESTING:
        shutil.copytree(folder / "town", folder / "resting")
        found |= _scenario(python, "rest", folder / "resting")
    return found | _scenario(python, "changes", folder / "town")


def _changes(size: int, old: Found, new: Found) -> Iterator[Measured]:
    for key, name in NAMES.items():
        yield Measured(name, old.get(key), new[key], share=SHARES.get((key, size)))
    before = old["answer"] / old["quiet"] if old else None
    yield Measured("an acceptance, in quiet ticks", before, new["answer"] / new["quiet"], most=QUIET.get(size), unit=_plain)
    peak, most = "peak of invitations", 300 if size == LARGE else None
    yield Measured("most memory while all are invited", old.get(peak), new[peak], most=most, unit=_mb)
    if size == RESTING:
        peak, first, second = "peak of day 1", "resident on day 1", "resident on day 2"
        yield Measured("most memory of a service, after a day of answers", old.get(peak), new[peak], most=60, unit=_mb)
        before = old[second] - old[first] if old else None
        yield Measured("what it has at rest grows by, on another such day", before, new[second] - new[first], most=1, unit=_mb)


def _ticks(found: Found) -> str:
    return ", ".join(f"{found[f'ticks of {key}']:g} for {key}" for key in NAMES)


def _print_growth(shape: str, grows: dict[int, Found]) -> None:
    *_, before, last = grows
    rows = [
        [name, *(seconds(found[key]) for found in grows.values()), _times(grows[before][key], grows[last][key])]
        for key, name in NAMES.items()
    ]
    head = ["mentorships", *(f"{size:,}" for size in grows), f"{before:,} to {last:,}"]
    print_table(f"How the cost of a change grows today: {SHAPES[shape]}", head, rows)


# -- from nothing ------------------------------------------------------------------------------------------------------


def whole(folder: Path, sizes: Sequence[int]) -> None:
    """Measure plans from nothing, rehearsals of a whole track, and the commands of the example."""
    plans = [measured for size in sizes for measured in _plans(folder, size)]
    _print("Plan from nothing", plans, "CPU time, without the start of the process.")
    rehearsals = [_compared(partial(_rehearsal, pairs), folder, f"{pairs} pairs", share=share) for pairs, share in REHEARSED.items()]
    _print("Rehearse a whole track", rehearsals, "CPU time of the process.")
    names = ("plan", "status", "check")
    _print("Commands on the example", [_compared(partial(_command, name), folder, f"`beklijf {name}`", most=0.3) for name in names])


def _plans(folder: Path, size: int) -> Iterator[Measured]:
    old, new = _each(partial(_plan, size), folder, size=size)
    share, most = (Fraction(1, 2), 250) if size == LARGE else (None, None)
    yield Measured(f"{size:,} mentorships", old.get("plan"), new["plan"], share=share)
    yield Measured("most memory", old.get("peak of plan"), new["peak of plan"], most=most, unit=_mb)


def _compared(work: Work, folder: Path, name: str, *, share: Fraction | None = None, most: float | None = None) -> Measured:
    old, new = _each(work, folder)
    return Measured(name, old["cpu"], new["cpu"], share=share, most=most)


def _print(title: str, found: Iterable[Measured], *notes: str) -> None:
    print_table(title, ["", baseline.COMMIT, "today", "ratio", "wanted at most", ""], [measured.row() for measured in found], *notes)


def _plan(size: int, folder: Path, python: Path) -> Found:
    town.build(folder, size)
    return _scenario(python, "plan", folder)


def _rehearsal(size: int, folder: Path, python: Path) -> Found:
    town.build(folder, size)
    return {"cpu": commands.timed(python, folder, "rehearse", "--into", str(folder / "rehearsal")).cpu}


def _command(name: str, folder: Path, python: Path) -> Found:
    commands.init(folder, python)
    return {"cpu": median(commands.timed(python, folder, name).cpu for _ in range(COMMANDS))}


# -- either build ------------------------------------------------------------------------------------------------------


def _each(work: Work, folder: Path, *, size: int = 0) -> tuple[Found, Found]:
    """Return what *work* finds in the older build, nothing if that is too much for it, and in today's."""
    old = _alone(work, folder, baseline.older()) if size <= PATIENT else {}
    return old, _alone(work, folder, baseline.todays())


def _alone(work: Work, folder: Path, python: Path) -> Found:
    try:
        return work(folder, python)
    finally:
        shutil.rmtree(folder)


def _scenario(python: Path, name: str, folder: Path) -> Found:
    """Run a scenario in a process of its own, as that build."""
    answer = subprocess.run([python, SCENARIOS, name, folder], stdout=subprocess.PIPE, text=True, check=True)
    found: Found = json.loads(answer.stdout)
    return found


def _times(before: float, after: float) -> str:
    return f"x {after / before:.1f}"


def _mb(value: float) -> str:
    return f"{value:.0f} MB"


def _plain(value: float) -> str:
    return f"{value:.3g}"
