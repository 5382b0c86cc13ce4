"""Reads persons, finds out who is meant by an address, and sees to it that nobody gets somebody else's calendar."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf.backends.registry import CALENDARS
from beklijf.config.addresses import address
from beklijf.config.installation import refuse_address
from beklijf.contracts.people import filled
from beklijf.model.domain import Person
from beklijf.model.words import LANGUAGES
from beklijf.toml.locations import calendar_address
from beklijf.toml.reader import span_table
from beklijf.toml.values import Wrong, choice, span, text, weekdays, zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.domain import Organisation, Training
    from beklijf.toml.reader import Table

_SUGGESTIONS = 5
"""Finding the closest of 20,000 addresses takes a while; whoever mistyped more than this many has seen the pattern."""

_NAMED = 5
"""So many names in one sentence; of more, the number."""


@dataclass(slots=True)
class People:
    """Everybody in the config, by every address that they have or had."""

    persons: list[Person] = field(default_factory=list)
    by_address: dict[str, Person] = field(default_factory=dict)
    former: set[str] = field(default_factory=set)
    suggestions: int = _SUGGESTIONS

    def find(self, value: object) -> Person:
        """Take an address and return whose it is; raises Wrong."""
        given = address(value)
        folded = given.casefold()
        person = self.by_address.get(folded)
        if person is None:
            raise Wrong(f"nobody has the address {given}", self._closest(folded) or "add a [[person]] with it")
        if person.email.casefold() != folded:
            kind = "a former" if folded in self.former else "another"
            raise Wrong(f"{given} is {kind} address of {person.name}", f"write {person.email}")
        return person

    def _closest(self, folded: str) -> str:
        """Compare what stands before the @ only: colleagues share the rest, which makes everybody look alike."""
        if not self.suggestions:
            return ""
        self.suggestions -= 1
        by_name = {other.partition("@")[0]: person.email for other, person in self.by_address.items()}
        close = difflib.get_close_matches(folded.partition("@")[0], by_name, n=1)
        return f"did you mean {by_name[close[0]]}?" if close else ""


def read_people(root: Table, organisation: Organisation, calendar: CalendarSettings) -> People:
    people = People()
    calendars: dict[str, Person] = {}
    for table in root.tables_of("person"):
        email = table.need("email", address, "")
        former, aliases = table.each("was", address), table.each("also", address)
        person = Person(
            key=next(iter(former.values()), email).casefold(),
            name=table.need("name", text, ""),
            email=email,
            language=table.get("language", choice(*LANGUAGES), organisation.language),
            zone=table.get("time_zone", zone, organisation.zone),
            works=table.get("works", weekdays, organisation.office_hours.days),
            away=tuple(table.each("away", span, span_table).values()),
            other_addresses=frozenset(map(str.casefold, (*former.values(), *aliases.values()))),
            calendar=table.get("calendar", calendar_address, ""),
        )
        people.persons.append(person)
        people.former |= {given.casefold() for given in former.values()}
        if table.sound and not person.works & organisation.office_hours.days:
            table.wrong("works", "none of these is a working day of the organisation", "see days in office_hours")
        if email:
            _claim(table, person, people, {"email": (email,), "was": former.values(), "also": aliases.values()})
        organizer = calendar.organizer.email.casefold()
        if email and email.casefold() == organizer:
            table.wrong("email", f"{email} is the organizer's mailbox, which cannot be invited to its own meetings", "use the person's own")
        if organizer in map(str.casefold, aliases.values()):
            table.wrong("also", f"{calendar.organizer.email} is the organizer's mailbox, from which nobody answers", "leave it out")
        _check_calendar(table, person, calendar, calendars)
    return people


def _claim(table: Table, person: Person, people: People, said: Mapping[str, Iterable[str]]) -> None:
    """Note whose the addresses under each key are, unless they are somebody else's already."""
    for key, addresses in said.items():
        for given in addresses:
            other = people.by_address.setdefault(given.casefold(), person)
            if other is not person:
                hint = "each person stands here once" if other.name == person.name else ""
                table.wrong(key, f"{given} is the address of {other.name} already", hint)


# -- people's own calendars --------------------------------------------------------------------------------------------


def _check_calendar(table: Table, person: Person, settings: CalendarSettings, calendars: dict[str, Person]) -> None:
    """Refuse two persons with one calendar: what is written into it would stand in somebody else's agenda."""
    if person.calendar:
        if settings.kind.finds_everybody:
            refuse_address(table, settings.kind, "calendar")
            return
        check_address = CALENDARS[settings.kind.name].check_address
        if check_address is None:
            kinds = [f'kind = "{name}"' for name, part in CALENDARS.items() if part.check_address]
            table.wrong("calendar", f"only goes with {' or '.join(kinds) or 'calendars that have a URL'}")
            return
        check_address(table, settings.maker, person.calendar)
    if not person.email:
        return
    place = person.calendar or filled(settings.maker.people, person.email, str)
    if not place:
        return
    other = calendars.setdefault(place.rstrip("/"), person)
    if other is not person and other.email.casefold() != person.email.casefold():
        hint = "every person has a calendar of their own" if person.calendar else "[calendar] people needs {email}, or a calendar here"
        table.wrong("calendar" if person.calendar else "email", f"leads to the calendar of {other.name}", hint)


def check_organizers(root: Table, settings: CalendarSettings, trainings: Iterable[Training]) -> None:
    """Refuse mentees who should hold their meetings in a calendar of their own that nothing leads to."""
    wants_addresses = CALENDARS[settings.kind.name].check_address is not None
    if settings.organized_by == "service" or settings.maker.people or not wants_addresses:
        return
    mentees = {pair.mentee.key: pair.mentee for training in trainings if training.live for pair in training.mentorships}
    names = [mentee.name for mentee in mentees.values() if not mentee.calendar]
    if not names:
        return
    said = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} others" if len(names) > _NAMED else "")
    hint = 'say people = "https://../{email}/.." in [calendar], or calendar = "https://.." with each of these persons'
    root.document.found(("calendar", "organized_by"), f"nothing says where the own calendar of these mentees is: {said}", hint)
