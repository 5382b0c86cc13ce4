"""How many requests Exchange, Graph and Google get: the first write of everything, and a quiet tick; on the fakes of the tests.

Requests are counted, and no time: fake and engine share a process. What throttles there is the number.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import town
from tests.fakes.company import Company
from tests.fakes.makers import MAKERS
from tests.fakes.tokens import Pair

from beklijf import config as configs
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from pathlib import Path

HEARTBEAT = timedelta(minutes=5)
DAYS = 3
"""Ticks on so many mornings: letters first, then what opens."""


@dataclass(frozen=True, slots=True)
class Counted:
    maker: str
    size: int
    events: int
    first: int
    """Requests until all of them stand there, with everybody invited."""
    quiet: int
    start: int
    """Of the first tick of a process, which has forgotten what is there."""
    illegal: int


def measure(name: str, size: int, folder: Path) -> Counted:
    folder.mkdir()
    company = Company()
    company.hire("mentor@voorbeeld.example", "Mentorprogramma")
    for n in range(size):
        company.hire(f"mentee{n}@voorbeeld.example")
        company.hire(f"mentor{n}@voorbeeld.example")
    with ExitStack() as stack:
        maker = MAKERS[name](folder, company, Pair.made(), stack)
        path = town.build(folder / "town", size, calendar=maker.calendar, invitations="server")
        now = town.JOINING
        with opened(configs.load(path)) as engine:
            before = len(maker.requests)
            for day in range(DAYS):
                for _ in range(3):
                    now += HEARTBEAT
                    outcome = engine.tick(now)
                    assert outcome.errors == [], outcome.errors
                now = town.JOINING + timedelta(days=day + 1)
            first = len(maker.requests) - before
            engine.tick(now + HEARTBEAT)  # once a day everything is read
            before = len(maker.requests)
            assert engine.tick(now + 2 * HEARTBEAT).done == []
            quiet = len(maker.requests) - before
            events = len(engine.ledger.rows())
        with opened(configs.load(path)) as engine:
            before = len(maker.requests)
            engine.tick(now + 3 * HEARTBEAT)
            start = len(maker.requests) - before
    return Counted(maker=name, size=size, events=events, first=first, quiet=quiet, start=start, illegal=len(maker.illegal))
