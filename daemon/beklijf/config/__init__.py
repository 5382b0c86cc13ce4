"""Reads config.toml and the training files it includes into values, with all problems at once; plans and connects nothing."""

from __future__ import annotations

import hashlib
import os
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.config.addresses import contact, own_domain
from beklijf.config.inbox import check_hearing, check_mailbox, read_answers, read_inbox
from beklijf.config.installation import read_calendar, read_guard, read_mail, read_service
from beklijf.config.people import check_organizers, read_people
from beklijf.config.trainings import Methods, check_letter_hour, read_trainings
from beklijf.contracts.settings import Config, Source
from beklijf.model.domain import OfficeHours, Organisation
from beklijf.model.errors import ConfigError
from beklijf.model.words import LANGUAGES
from beklijf.planning.days import public_holidays
from beklijf.toml.reader import open_document, span_table
from beklijf.toml.values import Wrong, choice, clock, day, optional_text, span, text, weekdays, zone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beklijf.contracts.maker import Login
    from beklijf.model.errors import Problem
    from beklijf.toml.reader import Document, Table

_WORKING_WEEK = frozenset(range(5))
_NINE, _FIVE = time(9), time(17)


def load(path: Path) -> Config:
    """Return what a config says; raises ConfigError with everything that is wrong with it and with what it names."""
    main, data = open_document(path, hint="beklijf init writes an example to start from; --config names another file")
    folder = path.parent
    root = main.root
    organisation = _organisation(root.table("organisation"))
    logins: dict[str, Login] = {}
    calendar = read_calendar(root.table("calendar"), folder, logins)
    mail = read_mail(root.table("mail"), folder, calendar.organizer, logins)
    answers = read_answers(root.table("answers", needed=False))
    table = root.table("inbox", needed=False)
    inbox = read_inbox(table, folder, calendar, mail, logins) if "inbox" in root else None
    check_hearing(root, calendar, inbox, answers)
    service = read_service(root.table("service", needed=False), folder, calendar.organizer)
    guard = read_guard(root.table("guard", needed=False))
    included, more_data, problems = _included(root, path)
    documents = [main, *included]
    methods = Methods(folder)
    people = read_people(root, organisation, calendar)
    check_mailbox(root, inbox, calendar.organizer, people)
    trainings = read_trainings(documents, organisation, people, methods, teams=calendar.kind.makes_meetings_online)
    check_organizers(root, calendar, trainings)
    check_letter_hour(root, organisation, people, trainings)
    problems = [*(problem for document in documents for problem in document.problems()), *problems, *methods.problems]
    if any(not problem.warning for problem in problems):
        raise ConfigError(problems)
    return Config(
        path=path,
        organisation=organisation,
        calendar=calendar,
        mail=mail,
        inbox=inbox,
        answers=answers,
        service=service,
        guard=guard,
        persons=tuple(people.persons),
        trainings=trainings,
        digest=_digest([data, *more_data, *methods.data]),
        warnings=tuple(problems),
        sources=tuple(Source(document.name, document.text) for document in documents),
    )


def _digest(files: Iterable[bytes]) -> str:
    """Hash each file by itself first, so that text moved from one to the next is a change."""
    return hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in files)).hexdigest()


def _included(root: Table, path: Path) -> tuple[list[Document], list[bytes], list[Problem]]:
    """Return the training files that ``include`` names, each once, in the order of their names."""
    files: dict[Path, None] = {}
    for number, pattern in root.each("include", text).items():
        found = _matching(pattern, path)
        if not found:
            root.document.found(("include", number), f'there is no file "{pattern}"', f"it counts from {path.parent.absolute()}")
        files.update(dict.fromkeys(sorted(found)))
    documents: list[Document] = []
    contents: list[bytes] = []
    problems: list[Problem] = []
    for file in files:
        try:
            document, data = open_document(file)
        except ConfigError as error:
            problems += error.problems
        else:
            documents.append(document)
            contents.append(data)
    return documents, contents, problems


def _matching(pattern: str, config: Path) -> list[Path]:
    """Return the files that a pattern names; it counts from the config, which is never one of them."""
    anchor = Path(pattern).anchor
    try:
        files = list(Path(anchor or config.parent).glob(pattern.removeprefix(anchor)))
    except (ValueError, IndexError):  # pathlib's words for a pattern that it can't make sense of
        return []
    # not Path.resolve(), which raises where a link leads in a circle
    return [file for file in files if os.path.realpath(file) != os.path.realpath(config)]


def _organisation(table: Table) -> Organisation:
    coordinator = contact(table.table("coordinator"))
    return Organisation(
        name=table.need("name", text, ""),
        zone=table.need("time_zone", zone, ZoneInfo("UTC")),
        language=table.need("language", choice(*LANGUAGES), "en"),
        holidays=table.get("holidays", _country, ""),
        closed=tuple(table.each("closed", span, span_table).values()),
        open=frozenset(table.each("open", day).values()),
        office_hours=_office_hours(table.table("office_hours", needed=False)),
        letter_hour=table.get("letter_hour", clock, _NINE),
        coordinator=coordinator,
        administrator=contact(table.table("administrator")) if "administrator" in table else coordinator,
        domains=frozenset(table.each("domains", own_domain).values()),
    )


def _country(value: object) -> str:
    name = optional_text(value)
    try:
        public_holidays(name, ())
    except ConfigError as error:
        raise Wrong(error.problems[0].what, error.problems[0].hint) from error
    return name


def _office_hours(table: Table) -> OfficeHours:
    hours = OfficeHours(
        start=table.get("from", clock, _NINE),
        end=table.get("until", clock, _FIVE),
        days=table.get("days", weekdays, _WORKING_WEEK),
    )
    if hours.end <= hours.start:
        table.wrong("until", "must be later than from")
    return hours
