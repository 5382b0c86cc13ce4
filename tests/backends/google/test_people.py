"""People's own calendars at Google: the service account acts for each of them, and asks when they can't."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.backends.examples import OWNER
from tests.backends.google.desk import settings_of
from tests.backends.people_contract import (
    DENTIST,
    END,
    ORGANIZER,
    START,
    BusyContract,
    OwnersContract,
    Village,
    by_href,
    create,
    entry,
    meeting,
    person,
    series,
    utc,
)
from tests.fakes import programs
from tests.fakes.settings import said_to, with_maker

from beklijf.backends.google.settings import CalendarByGoogle
from beklijf.backends.per_person.calendar import Owners
from beklijf.backends.registry import open_calendar
from beklijf.model.conversation import Busy
from beklijf.model.domain import Contact, Override
from beklijf.model.errors import Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.google import GoogleServer

    from beklijf.model.domain import Person


KARIM = person("karim@voorbeeld.example")


@pytest.fixture
def village(google: GoogleServer) -> Iterator[Village]:
    settings = replace(settings_of(google), organized_by="mentee")
    company, service = google.service.company, google.service
    service.hire("joris@voorbeeld.example", "Joris")
    calendars: list[Owners] = []

    def opened(*persons: Person) -> Owners:
        calendar = open_calendar(settings, ORGANIZER.email, persons)
        assert isinstance(calendar, Owners)
        calendars.append(calendar)
        return calendar

    yield Village(
        settings=settings,
        sanne=person("sanne@voorbeeld.example"),
        joris=person("joris@voorbeeld.example"),
        open=opened,
        read=lambda whose, href: programs.read(company, service.core(whose.email, href)),
        write=lambda whose, href, data: programs.write(company, whose.email, "main", service.core(whose.email, href), data),
        remove=lambda whose, href: programs.delete(company, service.core(whose.email, href)),
        leave=lambda whose: service.leave(whose.email),
        come_back=lambda whose: service.hire(whose.email, whose.name),
        place=lambda _, name: name,
        requests=lambda _: len(google.requests),
    )
    for calendar in calendars:
        calendar.close()


class TestGoogle(OwnersContract, BusyContract):
    def test_each_event_stands_in_its_organizers_own_calendar(self, village: Village) -> None:
        """As elsewhere, but that Google gives it a UID of its own."""
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        ours = create(calendar, meeting(ORGANIZER, "reminder"))

        read = by_href(village.calendar.changes(None))

        assert read == {stored.href: stored for stored in (hers, his, ours)}
        assert (hers.event, his.event) == (series(village.sanne), meeting(village.joris))
        assert hers.href.startswith(f"{village.sanne.email}|")
        assert "|" not in ours.href
        assert f"UID:{hers.icaluid}".encode() in village.read(village.sanne, village.inner(hers)).replace(b"\r\n ", b"")
        assert calendar.fetch(hers.href) == hers

    def test_of_what_is_not_ours_nothing_but_ids_is_read(self, village: Village, google: GoogleServer) -> None:
        village.write(village.sanne, "dentist", entry())
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))

        token = calendar.changes(None).token
        village.write(village.sanne, "doctor", entry(name="doctor"))
        changes = calendar.changes(token)

        assert changes.changed == ()
        listed = [each for each in google.requests if each.startswith("GET /calendars/primary/events?") and "iCalUID=" not in each]
        assert any("summary" in each for each in listed)  # the service's own calendar
        assert sum("summary" not in each for each in listed) == 4  # two persons, twice
        assert calendar.fetch(hers.href) == hers

    def test_an_attendees_copy_is_not_taken_for_an_event_of_theirs(self, village: Village) -> None:
        """Google gives the copy the same id; who is invited may be somebody else's mentee."""
        both = village.open(village.sanne, KARIM)
        event = replace(series(village.sanne), people=(Contact(KARIM.name, KARIM.email),))
        token = both.changes(None).token
        hers = both.create(event, sequence=0, agent=Agent.SERVER)

        since, full = both.changes(token), village.open(village.sanne, KARIM).changes(None)

        assert set(by_href(since)) == set(by_href(full)) == {hers.href}
        both.delete(hers)
        assert hers.href in both.changes(since.token).gone
        assert both.changes(None).changed == ()

    def test_who_has_no_calendar_is_away_and_named_by_the_check(self, village: Village, google: GoogleServer) -> None:
        calendar = village.calendar
        his = create(calendar, meeting(village.joris))
        google.service.switched_off.add(village.sanne.email)
        google.service.roles[village.joris.email] = "reader"

        changes, problems = calendar.changes(None), calendar.check_people()

        assert changes.away.keys() == {village.sanne.email}
        assert by_href(changes) == {his.href: his}
        assert "notACalendarUser" in problems[village.sanne.email]
        assert "may be read, but not written" in problems[village.joris.email]
        with pytest.raises(Refused, match=village.sanne.email):
            create(calendar, series(village.sanne))

    def test_an_unknown_user_is_away_and_the_others_are_read(self, village: Village) -> None:
        stranger = person("vreemd@voorbeeld.example")
        calendar = village.open(stranger, village.joris)
        his = create(calendar, meeting(village.joris))

        changes = calendar.changes(None)

        assert changes.away.keys() == {stranger.email}
        assert isinstance(changes.away[stranger.email], Refused)
        assert by_href(changes) == {his.href: his}
        assert "no such user" in calendar.check_people()[stranger.email]

    def test_a_person_may_have_said_which_of_their_calendars_it_is(self, village: Village, google: GoogleServer) -> None:
        folder = google.service.company.make_folder(village.sanne.email, "Leren")
        sanne = replace(village.sanne, calendar=f"{folder}@group.calendar.google.com")

        hers = create(village.open(sanne), meeting(sanne))

        assert [each.id for each in google.service.company.inside(sanne.email, folder)] == [f"{sanne.email}/{folder}/{village.inner(hers)}"]
        assert by_href(village.open(sanne).changes(None)) == {hers.href: hers}

    def test_a_server_that_is_gone_is_everybodys_and_not_theirs(self, village: Village) -> None:
        login = replace(said_to(CalendarByGoogle, village.settings).login, url="http://127.0.0.1:1/calendar/v3")
        calendar = open_calendar(with_maker(village.settings, login=login), ORGANIZER.email, (village.sanne,))

        with pytest.raises(Exception, match=r"127\.0\.0\.1:1"):
            calendar.changes(None)

        calendar.close()

    def test_what_the_mentee_organizes_google_invites_to_in_the_mentees_name(self, village: Village, google: GoogleServer) -> None:
        event = replace(series(village.sanne), people=(Contact("Karim", KARIM.email),), overrides=(Override(utc("2027-04-13"), None),))
        village.calendar.create(event, sequence=0, agent=Agent.SERVER)

        [copy] = google.service.company.inside(KARIM.email, "main")
        assert google.service.company.mailboxes[KARIM.email].news == ["REQUEST"]
        assert (copy.organizer.address, google.service.company.inside(OWNER, "main")) == (village.sanne.email, [])

    def test_fifty_people_are_asked_about_at_once_and_ninety_days(self, village: Village, google: GoogleServer) -> None:
        people = [person(f"p{n:03}@voorbeeld.example") for n in range(120)]
        for each in people[:110]:
            google.service.hire(each.email)
        village.write(people[7], "dentist", entry())
        google.service.closed.add(people[8].email)

        found = village.calendar.busy(people, START, END)
        after = len(google.requests)
        longer = village.calendar.busy(people[:2], START, START + timedelta(days=200))

        assert (after, len(google.requests) - after) == (3, 3)
        assert found == {each.key: (DENTIST,) if each is people[7] else () for each in people[:110] if each is not people[8]}
        assert longer == {each.key: () for each in people[:2]}

    def test_a_meeting_over_the_edge_of_two_questions_is_one_busy_time(self, village: Village) -> None:
        edge = START + timedelta(days=90)
        start, end = edge - timedelta(hours=1), edge + timedelta(hours=1)
        village.write(village.sanne, "trip", entry(start=f"{start:%Y%m%dT%H%M%SZ}", end=f"{end:%Y%m%dT%H%M%SZ}"))

        assert village.calendar.busy((village.sanne,), START, edge + timedelta(days=9)) == {village.sanne.key: (Busy(start, end),)}
