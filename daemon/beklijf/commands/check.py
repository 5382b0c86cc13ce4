"""What ``beklijf check`` looks at, one part after the other, so that no problem hides another. Read-only; prints nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.registry import open_calendar, open_inbox, open_mailer
from beklijf.commands import rights
from beklijf.commands.report import counted
from beklijf.config.check import answers_problems, holidays_problems, programme_problems
from beklijf.letters import Letters, proof
from beklijf.letters.specimens import OFFERS, Setting
from beklijf.model.errors import BackendError, BeklijfError, ConfigError, Problem, Refused, StateError
from beklijf.planning import plan_tracks
from beklijf.tick.defects import HINT, described
from beklijf.tick.stages import STAGES
from beklijf.tick.wiring import OLDER_HINT, older, opened, organizers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found in one part."""

    lines: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: int = 0


def look(config: Config, now: datetime) -> Iterator[Looked]:
    """Yield what is found in the config, the templates, the programme, the calendar, the mail and the inbox."""
    for part in (_config, _secrets, _templates, _state, _programme, _whereabouts, _calendar, _mail, _inbox, _standing):
        try:
            yield part(config, now)
        except BeklijfError as error:
            yield Looked(problems=error.problems, exit_code=error.exit_code)
        except Exception as error:
            if part not in {_calendar, _mail, _inbox}:
                raise
            what = f"this failed in a way that nobody expected: {described(error)}"
            yield Looked(problems=(Problem(where=part.__name__.strip("_"), what=what, hint=HINT),), exit_code=BackendError.exit_code)


def _config(config: Config, now: datetime) -> Looked:
    """Say what stands in the config, and what nobody has chosen yet: it stops nothing but this command."""
    unchosen = answers_problems(config)
    return Looked(
        lines=(f"{config.path}: {_contents(config)}",),
        problems=(*unchosen, *config.warnings, *holidays_problems(config, now.date())),
        exit_code=ConfigError.exit_code if unchosen else 0,
    )


def _secrets(config: Config, _now: datetime) -> Looked:
    return Looked(problems=tuple(rights.exposed(config)))


def _state(config: Config, _now: datetime) -> Looked:
    """Say whether the ledger can be written; the folders of calendar, mail and inbox are looked at with these."""
    wrong = tuple(problem for problem in rights.unwritable(config) if problem.where == "service.state")
    with opened(config, read_only=True) as engine:
        old = (Problem(what=older(config), hint=OLDER_HINT, warning=True),) if engine.ledger.older else ()
    return Looked(problems=(*wrong, *old), exit_code=StateError.exit_code if wrong else 0)


def _contents(config: Config) -> str:
    drafts = sum(not training.live for training in config.trainings)
    trainings = counted(len(config.trainings), "training", "trainings") + (f" ({drafts} draft)" if drafts else "")
    mentorships = counted(sum(len(t.mentorships) for t in config.trainings), "mentorship", "mentorships")
    return f"{trainings}, {mentorships}, {counted(len(config.persons), 'person', 'persons')}"


def _templates(config: Config, _now: datetime) -> Looked:
    letters = Letters(config.mail.templates)
    setting = Setting(
        organized_by=config.calendar.organized_by,
        reads_mail=bool(config.answers.read and config.inbox),
        mentee_proposal=config.answers.mentee_proposal,
        mentor_proposal=config.answers.mentor_proposal,
    )
    problems = proof.check(letters, [training.method for training in config.trainings], cases=[(setting, count) for count in OFFERS])
    return _looked(problems, f"templates: {len(letters.names)} files, and all of them render")


def _programme(config: Config, now: datetime) -> Looked:
    """Plan everything, drafts included, on what the ledger knows."""
    with opened(config, read_only=True) as engine:
        sender = engine.applier.sender
        everything = engine.taker.including_drafts()
        tracks = plan_tracks(config.organisation, config.trainings, everything.facts(now), everything.holidays(now))
    problems = programme_problems(config, tracks)
    events = counted(len({item.ref for track in tracks.values() for item in track.items}), "event", "events")
    letters = counted(sum(len(track.wishes) for track in tracks.values()), "letter", "letters")
    state = config.service.state
    return _looked(
        problems,
        f"programme: {events} and {letters} in all",
        f"state: {state}{'' if state.exists() else ', which the first tick makes'}",
        f"invitations: {sender or 'auto, settled with the first event'}",
    )


def _whereabouts(config: Config, _now: datetime) -> Looked:
    """Say whether the config leads to the calendar that the events are in."""
    with opened(config, read_only=True) as engine:
        if elsewhere := engine.reader.whereabouts.problem():
            raise elsewhere
    return Looked()


def _calendar(config: Config, now: datetime) -> Looked:
    settings = config.calendar
    with closing(open_calendar(settings, settings.organizer.email, organizers(config))) as calendar:
        lines = (f"calendar: {calendar.check()}", *_busy(config, calendar, now))
        wrong = calendar.check_people() if isinstance(calendar, Owners) else {}
    hint = "" if settings.kind.finds_everybody else _THEIRS
    problems = [Problem(where=address, what=f"their calendar can't be used: {said}", hint=hint) for address, said in wrong.items()]
    return Looked(lines=lines, problems=tuple(problems), exit_code=Refused.exit_code if problems else 0)


def _busy(config: Config, calendar: Calendar, now: datetime) -> tuple[str, ...]:
    """Say of whom the server tells when they can't; of the others, times are chosen as if they always could."""
    if config.calendar.kind.on_disk:
        return ()
    told = calendar.busy(config.persons, now, now + timedelta(days=1))
    hidden = [person.email for person in config.persons if person.key not in told]
    named = f"; not of {', '.join(hidden[:_NAMED])}{' and others' if len(hidden) > _NAMED else ''}" if hidden else ""
    return (f"busy times: seen of {len(config.persons) - len(hidden)} of {counted(len(config.persons), 'person', 'persons')}{named}",)


def _mail(config: Config, _now: datetime) -> Looked:
    with closing(open_mailer(config.mail)) as mailer:
        return Looked(lines=(f"mail: {mailer.check()}",))


def _inbox(config: Config, _now: datetime) -> Looked:
    if config.inbox is None or not config.answers.read:
        return Looked()
    with closing(open_inbox(config.inbox)) as inbox:
        return Looked(lines=(f"inbox: {inbox.check()}",))


def _standing(config: Config, _now: datetime) -> Looked:
    """Say what the service has met with: stages that are down, and what was set aside. It stops nothing, and is no fault of the config."""
    with opened(config, read_only=True) as engine:
        outages = [outage for stage, outage in engine.outages.now().items() if stage in STAGES]
        aside = engine.aside.asides.set_aside()
    problems = [Problem(where=t.target, what=f"is down since {t.since:%Y-%m-%d %H:%M} UTC: {t.what}", warning=True) for t in outages]
    hint = "have it tried again: beklijf retry"
    problems += [Problem(where=f"{a.stage}, {a.name}", what=f"set aside: {a.what}", hint=hint, warning=True) for a in aside]
    return Looked(problems=tuple(problems))


_NAMED = 10
_THEIRS = "share it with the account of beklijf so that it may write there, or say where it is: calendar = .. under [[person]]"


def _looked(problems: list[Problem], *lines: str) -> Looked:
    wrong = any(not problem.warning for problem in problems)
    return Looked(lines=() if wrong else lines, problems=tuple(problems), exit_code=ConfigError.exit_code if wrong else 0)
