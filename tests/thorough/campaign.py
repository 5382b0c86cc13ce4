"""A long search that can be broken off and taken up again: so many cases by one seed, each of which can be had alone."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(kw_only=True)
class Campaign:
    """Cases of one kind; a case counts once it was seen to hold, so that what failed comes first the next time."""

    name: str
    folder: Path
    """Where it is kept how far this seed is."""
    seed: int
    wanted: int
    minutes: float
    counted: int = 0
    """What was tried in all cases, in the words of the campaign: mails, answers, kills."""
    case: int = 0
    found: dict[str, int] = field(default_factory=dict)
    """What was seen meanwhile, for the report."""

    def __post_init__(self) -> None:
        self._path = self.folder / f"{self.name}-{self.seed}.json"
        if self._path.exists():
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self.counted, self.case, self.found = kept["counted"], kept["case"], kept["found"]

    def dice(self, case: int) -> Random:
        return Random(f"{self.name} {self.seed} {case}")  # noqa: S311  # a search, not a secret

    def cases(self) -> Iterator[Random]:
        """Yield the dice of one case after the other, until enough was tried or the time is over."""
        ends = time.monotonic() + self.minutes * 60
        while self.counted < self.wanted and time.monotonic() < ends:
            yield self.dice(self.case)
            self.case += 1
            self._keep()

    def count(self, number: int, **found: int) -> None:
        self.counted += number
        for name, more in found.items():
            self.found[name] = self.found.get(name, 0) + more

    def most(self, **found: int) -> None:
        for name, value in found.items():
            self.found[name] = max(self.found.get(name, 0), value)

    def __str__(self) -> str:
        return f"{self.name}: seed {self.seed}, {self.counted} of {self.wanted} in {self.case} cases {self.found}"

    def _keep(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"counted": self.counted, "case": self.case, "found": self.found})
        self._path.with_suffix(".tmp").write_text(text, encoding="utf-8")
        self._path.with_suffix(".tmp").replace(self._path)


class Begin(Protocol):
    def __call__(self, name: str, *, wanted: int, minutes: float) -> Campaign: ...
