"""The connection breaks, or the power fails, around any request to a maker's server: what comes after is as if nothing had been.

The whole engine, at Exchange, Exchange Online and Google: a tick in which the n-th request is dropped, before the server did it or
after, and with it all that follow; then a new process, and ordinary ticks. Held against a town to which nothing happened: what
stands in everybody's calendar, what they got of the server and of us, and what the ledger knows. What comes before that tick is
lived through once: files and server are put back to it each time.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conversation import DAY, INVITED, SERIES, SOON, Speaking
from tests.fakes.company import Company
from tests.fakes.makers import MAKERS
from tests.firm import CANCELS, INVITES, PEOPLE, Account, Firm, firm_on
from tests.town import QUIET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.fakes.makers import Maker, Making
    from tests.fakes.tokens import Pair

MOST = 60
"""More requests than any tick in here makes."""


@dataclass(frozen=True)
class Line:
    """The connection to a maker's server."""

    maker: Maker
    inside: bool
    """It breaks inside of batches, with what stood before in one done."""

    def cut(self, at: int, *, after: bool, dead: bool) -> None:
        """Let the request of that number be dropped; *dead*: and all that come after it."""
        broken = self.maker.broken
        self._moods[:] = [None] * (at - 1) + [broken(after)] + [broken(False)] * (MOST if dead else 0)

    def mend(self, *, dead: bool) -> bool:
        """Let everything pass again; return whether anything was dropped."""
        dropped = len(self._moods) <= (MOST if dead else 0)
        self._moods.clear()
        return dropped

    @property
    def _moods(self) -> list[object]:
        return self.maker.parts if self.inside else self.maker.moods


LINES = {**{name: (making, False) for name, making in MAKERS.items()}, "graph, inside of batches": (MAKERS["graph"], True)}


@contextmanager
def town_of(maker: tuple[Making, bool], folder: Path, pair: Pair) -> Iterator[tuple[Firm, Line]]:
    company = Company()
    for address, name in PEOPLE.items():
        company.hire(address, name)
    with ExitStack() as stack:
        making, inside = maker
        line = Line(making(folder, company, pair, stack), inside)
        town = firm_on(folder, line.maker, Speaking(inbox=False))
        stack.callback(town.stop)
        yield town, line
    assert line.maker.illegal == []


def kept(town: Firm, folder: Path) -> Callable[[], None]:
    """Return what puts everything back to what it is now, as often as it is called; no process runs then."""
    town.stop()
    shutil.copytree(town.folder, folder)
    company = town.maker.keep()
    now, mailed = town.now, town.mailed
    read = [(desk, desk.read) for desk in town.desks.values() if isinstance(desk, Account)]

    def put_back() -> None:
        town.stop()
        shutil.rmtree(town.folder)
        shutil.copytree(folder, town.folder)
        company()
        town.now, town.mailed = now, mailed
        for desk, mails in read:
            desk.read = mails

    return put_back


# -- the ticks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """A tick: what comes before it, and what it is about."""

    change: Callable[[Speaking], None]
    begun: bool = True
    """People were invited before."""
    news: list[tuple[str, str]] | None = None
    """What people get of the server; None: as many updates as that server needs."""

    def before(self, town: Firm) -> None:
        if self.begun:
            town.invited()
            town.got()
        self.change(town.words)

    def start(self, town: Firm) -> None:
        town.start()
        if not self.begun:
            town.at(INVITED - DAY)
            town.got()

    def tick(self, town: Firm) -> None:
        if self.begun:
            town.tick()
        else:
            town.at(INVITED)


def set_to(**values: object) -> Callable[[Speaking], None]:
    def change(words: Speaking) -> None:
        for name, value in values.items():
            setattr(words, name, value)

    return change


def around(at: datetime) -> str:
    """Return two weeks of days off around a meeting, which leaves no day for a stand-in."""
    return ", ".join(f"{at + days * DAY:%Y-%m-%d}" for days in range(-7, 8))


OFF = f"{SERIES[1]:%Y-%m-%d}, {around(SERIES[3])}"
"""One day, for which there is a stand-in, and two weeks, for which there is none."""
STORIES = {
    "a series with days off, and a goals meeting": Story(set_to(closed=OFF), begun=False, news=INVITES * 2),
    "another place": Story(set_to(place="Zaal 2")),
    "days that are closed after all": Story(set_to(closed=OFF)),
    "another hour": Story(set_to(at="10:00:00")),
    "the pair leaves": Story(set_to(pairs=()), news=CANCELS * 2),
}
LATER = (SOON, QUIET, timedelta(hours=1), timedelta(hours=2), timedelta(hours=3))


@dataclass(frozen=True)
class State:
    """What there is to be seen at the end."""

    calendars: list[tuple[object, ...]]
    """Of everybody, cancelled events included."""
    got: list[tuple[str, str]]
    ledger: list[tuple[object, ...]]


def finished(town: Firm) -> State:
    """Let a new process go on, until there is nothing to do."""
    town.start()
    for later in LATER:
        town.tick(later)
    assert town.plan().changes == ()
    assert town.plan().held == ()
    return State(calendars=calendars(town.company), got=town.got(), ledger=ledger(town))


def calendars(company: Company) -> list[tuple[object, ...]]:
    found = []
    for each in company.entries.values():
        singles = [
            (recurrence_id, one.start and one.start.timestamp(), one.minutes, one.title, one.text, one.place)
            for recurrence_id, one in sorted(each.singles.items())
        ]
        guests = sorted((guest.address, guest.answer) for guest in each.guests)
        words = (each.title, each.text, each.place, each.cancelled)
        found.append((each.mailbox, *words, each.start.timestamp(), each.minutes, each.rhythm, tuple(singles), tuple(guests)))
    return sorted(found, key=str)


def ledger(town: Firm) -> list[tuple[object, ...]]:
    rows = town.engine.ledger.rows().values()
    return sorted((row.ref, row.generation, row.state, row.uid, row.seen, row.asked) for row in rows)


@pytest.mark.parametrize(("after", "dead"), [(False, False), (True, True)], ids=["request lost", "answer lost, and the line is dead"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("maker", LINES.values(), ids=LINES)
def test_a_connection_that_breaks_at_any_request_leaves_nothing_double_and_nothing_undone(
    maker: tuple[Making, bool], story: Story, after: bool, dead: bool, tmp_path: Path, pair: Pair
) -> None:
    (tmp_path / "town").mkdir()
    with town_of(maker, tmp_path / "town", pair) as (town, line):
        story.before(town)
        put_back = kept(town, tmp_path / "before")
        story.start(town)
        story.tick(town)
        wanted = finished(town)
        assert story.news is None or [said for said in wanted.got if said in INVITES + CANCELS] == sorted(story.news)

        dropped = 0
        for at in range(1, MOST):
            put_back()
            story.start(town)
            line.cut(at, after=after, dead=dead)
            story.tick(town)
            if not line.mend(dead=dead):
                break
            assert finished(town) == wanted, at
            dropped = at
    assert dropped or line.inside  # not every tick has a batch
    assert dropped < MOST - 1
