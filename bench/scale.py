"""One organisation of a given size, from its config to a quiet tick on three calendars; one process, so that memory is its own."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Self

import niquests
import servers
import town
from measure import Cost, median_cost, peak_memory, timed
from servers import PASSWORD

from beklijf import config as configs
from beklijf import planning
from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.registry import open_calendar
from beklijf.contracts.mailer import nothing
from beklijf.ledger import Ledger
from beklijf.letters import Letters
from beklijf.mime.messages import Rendered
from beklijf.model.errors import ConfigError
from beklijf.planning import correspondence
from beklijf.tick.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from email.message import EmailMessage
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import Config
    from beklijf.mime.links import Links
    from beklijf.model.conversation import Offer
    from beklijf.model.domain import Letter, Programme

HEARTBEAT = timedelta(minutes=5)
QUIET_TICKS = 7


@dataclass(slots=True)
class Quiet:
    """What a tick with nothing new costs on one calendar."""

    calendar: str
    events: int
    cost: Cost
    requests: float
    start: Cost
    """The first tick of a process, which reads everything."""


@dataclass(slots=True)
class Scale:
    size: int
    costs: dict[str, Cost] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    quiet: list[Quiet] = field(default_factory=list)
    said: str = ""


class Blank(Letters):
    """Words nothing: thousands of letters must have gone out before a tick is quiet, and their words cost no tick later."""

    def letter(self, letter: Letter, programme: Programme, links: Links | None = None, *, offers: Sequence[Offer] = ()) -> Rendered:
        del letter, programme, links, offers
        return Rendered(subject="Welkom", text="Welkom.\n", html="<p>Welkom.</p>")


class Nobody:
    """Takes every mail and keeps none."""

    target = "nobody"

    def check(self) -> str:
        return self.target

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Let it go."""

    def close(self) -> None:
        """Have nothing to close."""


def measure(size: int, folder: Path, on: Sequence[str]) -> Scale:
    """Return everything about *size*, with the servers named *on*.

    A small organisation goes first, so that what is loaded once is not counted.
    """
    _warm_up(folder / "warm")
    scale = Scale(size)
    path = town.build(folder / "town", size)
    config = _load(scale, path)
    _plan(scale, config)
    _fill(scale, config)
    _folder(scale, config)
    for name in on:
        with servers.SERVERS[name](folder / name) as running:
            _caldav(scale, running, path, folder / f"on-{name}")
    return scale


def _warm_up(folder: Path) -> None:
    config = configs.load(town.build(folder, 20))
    with closing(_engine(config, Ledger(None)).ledger) as ledger:
        _engine(config, ledger).plan(town.JOINING)


def _engine(config: Config, ledger: Ledger, calendar: Calendar | None = None, letters: Letters | None = None) -> Engine:
    calendar = calendar or open_calendar(config.calendar, config.calendar.organizer.email)
    return Engine(config, ledger=ledger, calendar=calendar, mailer=Nobody(), letters=letters or Letters(config.mail.templates))


# -- config and plan ---------------------------------------------------------------------------------------------------


def _load(scale: Scale, path: Path) -> Config:
    config, scale.costs["load"] = timed(lambda: configs.load(path))
    last = max((path.parent / "trainings").iterdir())
    text = last.read_text(encoding="utf-8")
    last.write_text(text.replace('mentee = "', 'mentee = "x', 1), encoding="utf-8")
    scale.said, scale.costs["load, one error"] = timed(lambda: _error(path))
    last.write_text(text, encoding="utf-8")
    return config


def _error(path: Path) -> str:
    try:
        configs.load(path)
    except ConfigError as error:
        return "; ".join(str(problem).replace(f"{path.parent}/", "") for problem in error.problems)
    raise AssertionError("the error was not found")


def _plan(scale: Scale, config: Config) -> None:
    """Plan a calendar without events: first the two stages by themselves, then all that `beklijf plan` does."""
    with closing(Ledger(None)) as ledger:
        engine = _engine(config, ledger)
        facts, holidays = engine.taker.facts(town.JOINING), engine.taker.holidays(town.JOINING)
        tracks, scale.costs["tracks"] = timed(lambda: planning.plan_tracks(config.organisation, config.trainings, facts, holidays))
        wishes = [wish for track in tracks.values() for wish in track.wishes]
        limits = {training.id: training.method.limits for training in config.trainings}
        schedule = partial(
            correspondence.schedule, wishes, organisation=config.organisation, holidays=holidays, limits=limits, sent=(), now=town.JOINING
        )
        letters, scale.costs["letters"] = timed(schedule)
        scale.counts = {"items": sum(len(track.items) for track in tracks.values()), "letters": len(letters)}
        del tracks, wishes, letters, schedule
        plan, scale.costs["plan"] = timed(lambda: engine.plan(town.JOINING))
        scale.counts["changes"] = len(plan.changes)
        scale.memory["plan"] = peak_memory()


# -- a quiet tick ------------------------------------------------------------------------------------------------------


def _fill(scale: Scale, config: Config) -> None:
    """Let everybody be welcomed and invited, by the engine itself but without waiting for the disk."""
    with closing(Ledger(config.service.state, durable=False)) as ledger:
        calendar = FolderCalendar(config.calendar, config.calendar.organizer.email, durable=False)
        engine = _engine(config, ledger, calendar, Blank())
        engine.tick(town.JOINING)
        scale.counts["events"] = len(ledger.rows())


def _folder(scale: Scale, config: Config) -> None:
    with closing(Ledger(config.service.state)) as ledger:
        engine = _engine(config, ledger)
        scale.quiet.append(_quiet("folder", engine, scale))
        plan, scale.costs["plan of a full calendar"] = timed(lambda: engine.plan(town.JOINING + HEARTBEAT * (QUIET_TICKS + 3)))
        if plan.changes:
            raise AssertionError("the calendar was not as the ledger knows it")
    scale.memory["ticks"] = peak_memory()


def _quiet(name: str, engine: Engine, scale: Scale) -> Quiet:
    """Tick until nothing is new, and then some more; each of those must plan nothing."""
    now = town.JOINING + HEARTBEAT
    outcome, start = timed(lambda: engine.tick(now))
    for _ in range(3):
        if outcome.plan is None:
            break
        if outcome.errors or outcome.done:
            raise AssertionError(f"{name}: {outcome.errors or outcome.done[0].ref}")
        now += HEARTBEAT
        outcome = engine.tick(now)
    costs = []
    with _Counter() as counter:
        for _ in range(QUIET_TICKS):
            now += HEARTBEAT
            outcome, cost = timed(partial(engine.tick, now))
            if outcome.plan is not None or outcome.errors:
                raise AssertionError(f"{name}: a tick that should have been quiet was not")
            costs.append(cost)
    return Quiet(name, scale.counts["events"], median_cost(costs), counter.requests / QUIET_TICKS, start)


class _Counter:
    """Counts what the CalDAV backend's HTTP library sends, repeated logins and redirects included."""

    def __enter__(self) -> Self:
        self.requests = 0
        self._send = niquests.Session.send
        counter, send = self, self._send

        def counting(session: niquests.Session, request: niquests.PreparedRequest, **named: object) -> niquests.Response:
            counter.requests += 1
            return send(session, request, **named)

        # the one place that all its requests pass; its own signature is not to be copied
        niquests.Session.send = counting  # type: ignore[assignment, method-assign]  # see above
        return self

    def __exit__(self, *_: object) -> None:
        niquests.Session.send = self._send  # type: ignore[method-assign]  # as it was


def _caldav(scale: Scale, server: servers.Server, path: Path, folder: Path) -> None:
    """Move the town to a server: its files into the server's storage, since by PUT ten thousand take an hour there."""
    folder.mkdir()
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    shutil.copytree(path.parent / "trainings", folder / "trainings")
    shutil.copy(path.parent / "state.sqlite3", folder / "state.sqlite3")
    text = path.read_text(encoding="utf-8").replace('kind = "folder"\npath = "calendars"', server.settings("Mentorprogramma"))
    (folder / "config.toml").write_text(text, encoding="utf-8")
    config = configs.load(folder / "config.toml")
    [calendar] = (path.parent / "calendars").iterdir()
    server.take_in(calendar, "Mentorprogramma")
    with closing(Ledger(config.service.state)) as ledger:
        engine = _engine(config, ledger)
        scale.quiet.append(_quiet(server.name, engine, scale))
        engine.calendar.close()
