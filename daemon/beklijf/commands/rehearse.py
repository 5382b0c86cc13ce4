"""The whole track in seconds: the same engine on a virtual clock, with folders for calendar and mail and a ledger of its own.

Reads the config and nothing else: no secret, no network, never the real ledger. The clock jumps from one ``next`` to the
next, so a rehearsal takes as many ticks as there are moments at which something happens.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from beklijf.calendars import NOTHING, Changes
from beklijf.calendars.folder import FolderCalendar
from beklijf.commands.entries import entry, entry_json, instant
from beklijf.commands.report import counted, grouped_lines
from beklijf.domain import Kind
from beklijf.errors import ConfigError, Problem, UsageError
from beklijf.ledger import Ledger
from beklijf.letters import Letters
from beklijf.mailers.folder import FolderMailer
from beklijf.reconcile.engine import Engine
from beklijf.reconcile.plan import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from beklijf.commands.entries import Entry, Json
    from beklijf.commands.report import Words
    from beklijf.domain import Programme
    from beklijf.settings import Config

MARK = ".beklijf-rehearsal"
"""A file that says: all this may be thrown away."""

BEFORE = timedelta(minutes=1)
AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One moment at which something happened."""

    now: datetime
    changes: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    mails: int


class Undisturbed(FolderCalendar):
    """A folder that nobody else writes to while the rehearsal lasts: there is never anything new in it."""

    def changes(self, token: str | None, known: Mapping[str, str] = NOTHING) -> Changes:  # noqa: ARG002  # the contract's
        return Changes(token=token or "rehearsal", full=False, changed=())


def rehearse(
    config: Config, into: Path, *, start: datetime | None = None, until: datetime | None = None, progress: Callable[[datetime], None]
) -> Rehearsed:
    """Let everything happen that people would get; raises UsageError when *into* holds other files."""
    config = on_folders(config, into)
    ledger = Ledger(None, durable=False)
    with closing(ledger):
        engine = Engine(
            config,
            ledger=ledger,
            calendar=Undisturbed(config.calendar, config.calendar.organizer.email, durable=False),
            mailer=FolderMailer(config.mail, durable=False),
            letters=Letters(config.mail.templates),
            enforced=False,
        )
        first, last = _span(engine, start)
        _empty(into)
        steps: list[Step] = []
        problems: dict[Problem, None] = {}
        mails = 0
        now: datetime | None = start or first
        while now is not None and now <= (until or last):
            progress(now)
            outcome = engine.tick(now, patient=False)
            if outcome.done:
                made = (entry(change, installation=config.service.installation, now=now) for change in outcome.done)
                steps.append(Step(now=now, changes=tuple(made)))
            mails += len(outcome.delivered.sent)
            problems |= dict.fromkeys(outcome.problems)
            if outcome.delivered.problems:
                _give_up(engine)
            now = outcome.next
    return Rehearsed(steps=tuple(steps), problems=tuple(problems), mails=mails)


def as_json(rehearsed: Rehearsed) -> dict[str, Json]:
    return {"steps": [{"now": instant(step.now), "changes": [entry_json(each) for each in step.changes]} for step in rehearsed.steps]}


def lines(rehearsed: Rehearsed, words: Words, into: Path) -> Iterator[str]:
    """Yield the track step by step, and where its files are."""
    for step in rehearsed.steps:
        yield from grouped_lines(step.changes, words, why=False)
    changes = [change for step in rehearsed.steps for change in step.changes]
    events = sum(change.action is Action.CREATE for change in changes)
    letters = sum(change.kind is Kind.LETTER for change in changes)
    yield ""
    yield f"{counted(events, 'event', 'events')} in {into / 'calendars'}"
    others = counted(rehearsed.mails - letters, "other mail", "other mails")
    yield f"{counted(letters, 'letter', 'letters')} and {others} in {into / 'outbox'}"
    yield "Nobody got anything: these are files."


def on_folders(config: Config, into: Path) -> Config:
    """Return *config* with folders in *into* for its servers: nothing of it needs a secret or a network."""
    invitations: Literal["none", "mail"] = "none" if config.calendar.invitations == "none" else "mail"
    return replace(
        config,
        calendar=replace(
            config.calendar, kind="folder", path=into / "calendars", invitations=invitations, url="", user="", password=None, ca=None
        ),
        mail=replace(config.mail, kind="folder", path=into / "outbox", host="", user="", password=None, ca=None),
    )


def _span(engine: Engine, start: datetime | None) -> tuple[datetime, datetime]:
    """Return when the track begins and ends for people who join at *start*, or long before all of it."""
    long_ago = start or datetime(1970, 1, 1, tzinfo=UTC)
    programme = engine.surveyor.programme(_reference(engine, start), engine.surveyor.facts(long_ago))
    moments = sorted(_moments(programme))
    if not moments:
        raise ConfigError([Problem(what="there is no training with a mentorship to rehearse", hint="add a [[training.mentorship]]")])
    return moments[0] - BEFORE, moments[-1] + AFTER


def _reference(engine: Engine, start: datetime | None) -> datetime:
    sessions = [session.date for training in engine.config.trainings for session in training.sessions]
    return start or datetime.combine(min(sessions), datetime.min.time(), UTC)


def _moments(programme: Programme) -> Iterator[datetime]:
    """Yield when items open and take place, and the days of letters from the letter hour to the last day that they may have."""
    hour = programme.organisation.letter_hour
    for track in programme.tracks.values():
        for item in track.items:
            yield item.opens
            yield item.starts[-1]
        for wish in track.wishes:
            yield datetime.combine(wish.due, hour, wish.person.zone)
            yield datetime.combine(wish.due + timedelta(weeks=2, days=2 * wish.rule.late), hour, wish.person.zone)


def _give_up(engine: Engine) -> None:
    """Let go of mails that could not be rendered: nobody mends a template while a rehearsal lasts."""
    with engine.ledger.write():
        for mail in engine.outbox.open_mails():
            if mail.retry_at is not None:
                engine.outbox.failed(mail, mail.note)


def _empty(into: Path) -> None:
    """Make room for a rehearsal; only an earlier one is thrown away."""
    hint = "name a new folder, or one that an earlier rehearsal made"
    try:
        if into.is_dir() and any(into.iterdir()) and not (into / MARK).is_file():
            raise UsageError(f"{into} holds other files", hint=hint)
        for name in ("calendars", "outbox"):
            if (into / name).exists():
                shutil.rmtree(into / name)
        into.mkdir(parents=True, exist_ok=True)
        (into / MARK).write_text("Made by beklijf rehearse; the next one there replaces it.\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{into}: {error.strerror or error}", hint=hint) from error
