"""Reads persons, and finds out who is meant by an address."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf.config.addresses import address
from beklijf.config.reading import span_table
from beklijf.config.values import Wrong, choice, span, text, weekdays, zone
from beklijf.domain import Person
from beklijf.words import LANGUAGES

if TYPE_CHECKING:
    from beklijf.config.reading import Table
    from beklijf.domain import Contact, Organisation

_SUGGESTIONS = 5
"""Finding the closest of 20,000 addresses takes a while; whoever mistyped more than this many has seen the pattern."""


@dataclass(slots=True)
class People:
    """Everybody in the config, by every address that they have or had."""

    persons: list[Person] = field(default_factory=list)
    by_address: dict[str, Person] = field(default_factory=dict)
    suggestions: int = _SUGGESTIONS

    def find(self, value: object) -> Person:
        """Take an address and return whose it is; raises Wrong."""
        given = address(value)
        folded = given.casefold()
        person = self.by_address.get(folded)
        if person is None:
            raise Wrong(f"nobody has the address {given}", self._closest(folded) or "add a [[person]] with it")
        if person.email.casefold() != folded:
            raise Wrong(f"{given} is a former address of {person.name}", f"write {person.email}")
        return person

    def _closest(self, folded: str) -> str:
        """Compare what stands before the @ only: colleagues share the rest, which makes everybody look alike."""
        if not self.suggestions:
            return ""
        self.suggestions -= 1
        by_name = {other.partition("@")[0]: person.email for other, person in self.by_address.items()}
        close = difflib.get_close_matches(folded.partition("@")[0], by_name, n=1)
        return f"did you mean {by_name[close[0]]}?" if close else ""


def read_people(root: Table, organisation: Organisation, organizer: Contact) -> People:
    people = People()
    for table in root.tables_of("person"):
        email = table.need("email", address, "")
        former = table.each("was", address)
        person = Person(
            key=next(iter(former.values()), email).casefold(),
            name=table.need("name", text, ""),
            email=email,
            language=table.get("language", choice(*LANGUAGES), organisation.language),
            zone=table.get("time_zone", zone, organisation.zone),
            works=table.get("works", weekdays, organisation.office_hours.days),
            away=tuple(table.each("away", span, span_table).values()),
        )
        people.persons.append(person)
        if table.sound and not person.works & organisation.office_hours.days:
            table.wrong("works", "none of these is a working day of the organisation", "see days in office_hours")
        for given in (email, *former.values()) if email else ():
            other = people.by_address.setdefault(given.casefold(), person)
            if other is not person:
                hint = "each person stands here once" if other.name == person.name else ""
                table.wrong("email" if given == email else "was", f"{given} is the address of {other.name} already", hint)
        if email and email.casefold() == organizer.email.casefold():
            table.wrong("email", f"{email} is the organizer's mailbox, which cannot be invited to its own meetings", "use the person's own")
    return people
