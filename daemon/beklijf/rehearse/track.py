"""The whole track in seconds: the same engine on a virtual clock, with folders for calendar and mail and a ledger of its own.

Reads the config and nothing else: no secret, no network, never the real ledger. The clock jumps from one ``next`` to the
next, so a rehearsal takes as many ticks as there are moments at which something happens. Without answers nobody answers, and
nothing is concluded from that; with them (``acts``) people answer, move and stay silent, and the ladder is climbed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from beklijf.backends.folder.mailer import FolderMailer
from beklijf.backends.registry import open_inbox
from beklijf.commands.plan_json import entry, entry_json, instant, mailed
from beklijf.commands.report import Words, columns, counted, grouped_lines
from beklijf.decide.plan import Action, Resend, Respond
from beklijf.ledger import Ledger
from beklijf.letters import Letters
from beklijf.model.errors import ConfigError, Problem
from beklijf.rehearse import sandbox
from beklijf.rehearse.people import Deed, People
from beklijf.tick.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from beklijf.commands.plan_json import Entry, Json
    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Change
    from beklijf.ledger.outbox import Mail
    from beklijf.model.domain import Programme
    from beklijf.rehearse.script import Act
    from beklijf.tick.outcome import Outcome

BEFORE = timedelta(minutes=1)
AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One moment at which something happened: what people did, and what came of it."""

    now: datetime
    heard: tuple[Deed, ...]
    changes: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    mails: int
    letters: int
    """Of the mails."""


def rehearse(
    config: Config,
    into: Path,
    *,
    start: datetime | None = None,
    until: datetime | None = None,
    acts: Sequence[Act] | None = None,
    progress: Callable[[datetime], None],
) -> Rehearsed:
    """Let everything happen that people would get, and that *acts* say they do (None: nobody answers anything).

    Raises UsageError when *into* holds other files.
    """
    config = sandbox.on_folders(config, into, answered=acts is not None)
    with closing(Ledger(None, durable=False)) as ledger:
        engine = _engine(config, ledger, answered=acts is not None)
        first, last = _span(engine, start)
        sandbox.empty(into)
        with ledger.write():
            ledger.set("secret", sha256(sandbox.MARK.encode()).hexdigest())  # the same links each time
        rehearsal = _Rehearsal(engine, acts, until or max([last, *(act.at + AFTER for act in acts or ())]))
        rehearsal.play(start or first, progress)
    return Rehearsed(steps=tuple(rehearsal.steps), problems=tuple(rehearsal.problems), mails=rehearsal.mails, letters=rehearsal.letters)


def _engine(config: Config, ledger: Ledger, *, answered: bool) -> Engine:
    return Engine(
        config,
        ledger=ledger,
        calendar=sandbox.calendar(config, answered=answered),
        mailer=FolderMailer(config.mail, durable=False),
        letters=Letters(config.mail.templates),
        inbox=open_inbox(config.inbox) if answered and config.inbox else None,
        enforced=False,
        ladder=answered,
    )


class _Rehearsal:
    """What happens, step by step."""

    def __init__(self, engine: Engine, acts: Sequence[Act] | None, end: datetime) -> None:
        self.steps: list[Step] = []
        self.problems: dict[Problem, None] = {}
        self.mails = self.letters = 0
        self._engine = engine
        self._answered = acts is not None
        self._acts = list(acts or ())
        """What people have yet to do, in order of time."""
        self._end = end

    def play(self, begin: datetime, progress: Callable[[datetime], None]) -> None:
        self._problem([act for act in self._acts if act.at < begin], "comes before the first day that is rehearsed", warning=False)
        self._acts = [act for act in self._acts if act.at >= begin]
        people = People(self._engine, Words.of(self._engine.config, begin)) if self._acts else None
        now: datetime | None = begin
        while now is not None and now <= self._end:
            progress(now)
            done = [people.do(act) for act in self._acts if act.at <= now] if people else []
            self._acts = [act for act in self._acts if act.at > now]
            outcome = self._engine.tick(now, patient=False)
            self._note(now, tuple(deed for deed in done if isinstance(deed, Deed)), outcome)
            self.problems |= dict.fromkeys((*(each for each in done if isinstance(each, Problem)), *outcome.problems))
            if outcome.delivered.problems:
                _give_up(self._engine)
            now = min((at for at in (outcome.next, *(act.at for act in self._acts), *self._heartbeats(now, outcome)) if at), default=None)
        self._problem(self._acts, "comes after the last day that is rehearsed", warning=True)

    def _problem(self, acts: Iterable[Act], what: str, *, warning: bool) -> None:
        self.problems |= dict.fromkeys(Problem(file=a.file, line=a.line, where=a.where, what=what, warning=warning) for a in acts)

    def _heartbeats(self, now: datetime, outcome: Outcome) -> Iterator[datetime]:
        """Yield when the service would look again by itself: soon after something happened, and every day.

        Where nobody answers, only what is planned happens, and each plan knows when the next thing is due.
        """
        if not self._answered:
            return
        config = self._engine.config
        if outcome.done or outcome.delivered.sent:
            yield now + config.service.every
        tomorrow = now.astimezone(config.organisation.zone).date() + timedelta(days=1)
        yield datetime.combine(tomorrow, config.organisation.letter_hour, config.organisation.zone)

    def _note(self, now: datetime, heard: tuple[Deed, ...], outcome: Outcome) -> None:
        installation = self._engine.config.service.installation
        made = [entry(change, installation=installation, now=now) for change in outcome.done]
        planned = {_mail_name(change) for change in outcome.done}
        made += [mailed(mail, now=now) for mail in outcome.delivered.sent if _is_unplanned(mail) and mail.name not in planned]
        if made or heard:
            self.steps.append(Step(now=now, heard=heard, changes=tuple(made)))
        self.mails += len(outcome.delivered.sent)
        self.letters += sum(mail.kind == "letter" for mail in outcome.delivered.sent)


def _mail_name(change: Change) -> str:
    match change.work:
        case Respond(name=name):
            return name
        case Resend(mail=mail):
            return mail.name
        case _:
            return ""


def _is_unplanned(mail: Mail) -> bool:
    """Say whether no change of a plan stands for a mail: staff are written to, and who opens a link, while a tick takes notes."""
    return mail.kind == "notice" or mail.is_answer


def as_json(rehearsed: Rehearsed) -> dict[str, Json]:
    return {
        "steps": [
            {
                "now": instant(step.now),
                "heard": [_deed_json(deed) for deed in step.heard],
                "changes": [entry_json(each) for each in step.changes],
            }
            for step in rehearsed.steps
        ]
    }


def _deed_json(deed: Deed) -> Json:
    act = deed.act
    return {
        "who": act.person.email,
        "what": act.what,
        "item": deed.item,
        "meeting": None if act.meeting is None else act.meeting.isoformat(),
        "to": instant(act.to),
        "said": deed.said,
    }


def lines(rehearsed: Rehearsed, words: Words, into: Path) -> Iterator[str]:
    """Yield the track step by step, and where its files are."""
    for step in rehearsed.steps:
        for deed in step.heard:
            yield from columns(words.moment(step.now), f"{deed.said}.")
        yield from grouped_lines(step.changes, words, why=False)
    changes = [change for step in rehearsed.steps for change in step.changes]
    events = sum(change.action is Action.CREATE for change in changes)
    yield ""
    yield f"{counted(events, 'event', 'events')} in {into / 'calendars'}"
    others = counted(rehearsed.mails - rehearsed.letters, "other mail", "other mails")
    yield f"{counted(rehearsed.letters, 'letter', 'letters')} and {others} in {into / 'outbox'}"
    yield "Nobody got anything: these are files."


def _span(engine: Engine, start: datetime | None) -> tuple[datetime, datetime]:
    """Return when the track begins and ends for people who join at *start*, or long before all of it."""
    programme = engine.taker.programme(_reference(engine, start), joining=start or datetime(1970, 1, 1, tzinfo=UTC))
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
