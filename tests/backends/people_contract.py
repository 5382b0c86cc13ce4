"""What every calendar backend does with people's own calendars."""

from __future__ import annotations

import base64
import ssl
import urllib.request
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf.backends.per_person.calendar import Token
from beklijf.model.conversation import Busy
from beklijf.model.domain import Contact, Event, Override, Person, Recurrence
from beklijf.model.errors import Conflict, Missing, Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.caldav_servers import Server

    from beklijf.backends.per_person.calendar import Owners
    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.stored import Changes, Stored

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
START, END = datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 2, 15, tzinfo=UTC)


def at(day: str, hour: int = 10) -> datetime:
    value = date.fromisoformat(day)
    return datetime(value.year, value.month, value.day, hour, tzinfo=AMSTERDAM)


def utc(day: str, hour: int = 10) -> datetime:
    return at(day, hour).astimezone(UTC)


def person(email: str, calendar: str = "") -> Person:
    name = email.partition("@")[0].title()
    return Person(key=f"was-{email}", name=name, email=email, language="nl", zone=AMSTERDAM, works=frozenset(range(5)), calendar=calendar)


def meeting(organizer: Person | Contact, name: str = "goals") -> Event:
    return Event(
        uid=f"{name}-12345678@beklijf",
        start=at("2027-01-07", 15),
        minutes=60,
        recurrence=None,
        overrides=(),
        title="Kennismaking",
        text="Waar wil je aan werken?",
        location="Zaal 1",
        organizer=Contact(organizer.name, organizer.email),
        people=(KARIM,),
        alarms=(),
        free=False,
    )


def series(organizer: Person | Contact, name: str = "series") -> Event:
    return replace(
        meeting(organizer, name),
        start=at("2027-03-02"),
        recurrence=Recurrence(2, utc("2027-06-22")),
        overrides=(Override(utc("2027-04-13"), None), Override(utc("2027-04-27"), utc("2027-04-28", 11), 45)),
    )


def entry(*lines: str, name: str = "dentist", start: str = "20270112T090000Z", end: str = "20270112T103000Z") -> bytes:
    """Return something else that a person has in their calendar."""
    said = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//somebody//EN", "BEGIN:VEVENT", f"UID:{name}@elsewhere.example"]
    said += ("DTSTAMP:20261101T120000Z", f"DTSTART:{start}", f"DTEND:{end}", "SUMMARY:Geheim", *lines, "END:VEVENT", "END:VCALENDAR", "")
    return "\r\n".join(said).encode()


LISTING = b'<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
DENTIST = Busy(datetime(2027, 1, 12, 9, 0, tzinfo=UTC), datetime(2027, 1, 12, 10, 30, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Village:
    """The service's calendar, and those of two mentees; what their own programs do there."""

    settings: CalendarSettings
    sanne: Person
    joris: Person
    open: Callable[..., Owners]
    """With other people than these two."""
    read: Callable[[Person, str], bytes]
    write: Callable[[Person, str, bytes], None]
    remove: Callable[[Person, str], None]
    leave: Callable[[Person], None]
    """The person's calendar is no more."""
    come_back: Callable[[Person], None]
    """... and is there again, empty."""
    place: Callable[[Person, str], str]
    """What an object of that name is called in the person's calendar."""
    requests: Callable[[Owners], int]

    @property
    def calendar(self) -> Owners:
        return self.open(self.sanne, self.joris)

    def inner(self, stored: Stored) -> str:
        return stored.href.partition("|")[2]

    def edit(self, whose: Person, stored: Stored, old: str, new: str) -> None:
        text = self.read(whose, self.inner(stored)).replace(b"\r\n ", b"").decode()
        assert old in text, text
        self.write(whose, self.inner(stored), text.replace(old, new).encode())


def create(calendar: Calendar, event: Event) -> Stored:
    return calendar.create(event, sequence=0, agent=Agent.CLIENT, stamp=STAMP)


def by_href(changes: Changes) -> dict[str, Stored]:
    return {stored.href: stored for stored in changes.changed}


class OwnersContract:
    """Events in the calendars of those who organize them."""

    def test_each_event_stands_in_its_organizers_own_calendar(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        ours = create(calendar, meeting(ORGANIZER, "reminder"))

        read = by_href(village.calendar.changes(None))

        assert read == {stored.href: stored for stored in (hers, his, ours)}
        assert (hers.event, his.event) == (series(village.sanne), meeting(village.joris))
        assert hers.href.startswith(f"{village.sanne.email}|")
        assert "|" not in ours.href
        assert b"UID:series-12345678@beklijf" in village.read(village.sanne, village.inner(hers))
        assert b"UID:goals-12345678@beklijf" in village.read(village.joris, village.inner(his))
        assert calendar.fetch(hers.href) == hers

    def test_nothing_new_takes_one_request_a_calendar(self, village: Village) -> None:
        calendar = village.calendar
        for event in (series(village.sanne), meeting(village.joris), meeting(ORGANIZER, "reminder")):
            create(calendar, event)
        token = calendar.changes(None).token
        before = village.requests(calendar)

        changes = calendar.changes(token)

        assert village.requests(calendar) - before <= 3
        assert (changes.full, changes.changed, changes.gone, changes.away) == (False, (), (), {})
        assert changes.token == token

    def test_what_people_do_in_their_own_calendars_is_seen(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        token = calendar.changes(None).token
        village.edit(village.sanne, hers, "Zaal 1", "Kantine")
        village.remove(village.joris, village.inner(his))

        changes = village.calendar.changes(token)  # by another process, with the token of this one

        assert not changes.full
        assert {href: stored.event.location for href, stored in by_href(changes).items()} == {hers.href: "Kantine"}
        assert changes.gone == (his.href,)
        with pytest.raises(Missing):
            calendar.fetch(his.href)

    def test_what_is_known_by_its_etag_is_not_read_again(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        known = {stored.href: stored.etag for stored in calendar.changes(None).changed}
        village.edit(village.sanne, hers, "Zaal 1", "Kantine")

        changes = village.calendar.changes(None, known)

        assert set(by_href(changes)) == {hers.href}
        assert changes.unchanged == {his.href}

    def test_updates_and_deletes_go_where_the_event_is(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))

        updated = calendar.update(hers, replace(hers.event, location="Zaal 9"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)
        calendar.delete(his)

        assert updated.href == hers.href
        assert by_href(village.calendar.changes(None)) == {hers.href: updated}

    def test_a_write_over_what_a_person_changed_is_a_conflict(self, village: Village) -> None:
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))
        village.edit(village.sanne, hers, "Zaal 1", "Kantine")

        with pytest.raises(Conflict):
            calendar.update(hers, replace(hers.event, location="Zaal 9"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)
        with pytest.raises(Conflict):
            calendar.delete(hers)

    def test_other_things_in_peoples_calendars_are_never_returned(self, village: Village) -> None:
        calendar = village.calendar
        village.write(village.sanne, village.place(village.sanne, "dentist"), entry())
        token = calendar.changes(None).token
        village.write(village.sanne, village.place(village.sanne, "doctor"), entry(name="doctor"))

        assert calendar.changes(None).changed == calendar.changes(token).changed == ()

    def test_a_calendar_that_is_gone_is_away_and_hides_nobody_elses(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        first = calendar.changes(None)
        known = {stored.href: stored.etag for stored in first.changed}
        village.leave(village.sanne)
        village.edit(village.joris, his, "Zaal 1", "Kantine")

        since, full = calendar.changes(first.token), village.calendar.changes(None, known)

        for changes in (since, full):
            assert changes.away.keys() == {village.sanne.email}
            assert set(by_href(changes)) == {his.href}
        assert since.gone == ()
        assert full.unchanged == {hers.href}
        assert isinstance(full.away[village.sanne.email], Refused)

    @pytest.mark.parametrize("full", [False, True])
    def test_when_it_is_back_what_is_missing_from_it_is_gone(self, village: Village, full: bool) -> None:
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))
        first = calendar.changes(None)
        village.leave(village.sanne)
        away = calendar.changes(None, {hers.href: hers.etag}) if full else calendar.changes(first.token)
        village.come_back(village.sanne)

        changes = calendar.changes(away.token)

        assert (changes.full, changes.away, changes.gone) == (False, {}, (hers.href,))

    def test_a_calendar_that_forgot_its_token_is_compared_with_what_was_known(self, village: Village) -> None:
        calendar = village.calendar
        hers, his = create(calendar, series(village.sanne)), create(calendar, meeting(village.joris))
        token = calendar.changes(None).token
        assert isinstance(token, Token)
        forgotten = Token({**token.known, village.sanne.email: replace(token.known[village.sanne.email], token="of another time")})
        village.remove(village.sanne, village.inner(hers))
        village.edit(village.joris, his, "Zaal 1", "Kantine")

        changes = calendar.changes(forgotten)

        assert (changes.full, changes.gone, set(by_href(changes))) == (False, (hers.href,), {his.href})

    def test_a_new_mentee_makes_nobody_elses_calendar_be_read_anew(self, village: Village) -> None:
        alone = village.open(village.sanne)
        create(alone, series(village.sanne))
        token = alone.changes(None).token
        both = village.calendar
        his = create(both, meeting(village.joris))

        changes = both.changes(token)

        assert (changes.full, set(by_href(changes))) == (False, {his.href})

    def test_who_left_the_config_is_asked_as_long_as_events_are_there(self, village: Village) -> None:
        hers = create(village.calendar, series(village.sanne))

        changes = village.open(village.joris).changes(None, {hers.href: hers.etag})

        assert changes.unchanged == {hers.href}
        village.open(village.joris).delete(hers)
        assert village.open(village.joris).changes(None, {hers.href: hers.etag}).unchanged == frozenset()

    def test_a_token_of_another_kind_gives_a_full_reading(self, village: Village) -> None:
        hers = create(village.calendar, series(village.sanne))

        for token in ("nonsense", {"sync": "1"}):
            changes = village.calendar.changes(token)
            assert (changes.full, set(by_href(changes))) == (True, {hers.href})

    def test_checking_names_whose_calendar_does_not_work_and_writes_nothing(self, village: Village) -> None:
        calendar = village.calendar
        assert calendar.check_people() == {}
        village.leave(village.sanne)

        problems, said = village.calendar.check_people(), village.calendar.check()

        assert problems.keys() == self.broken(village)
        assert "\n" not in said
        assert f"{2 - len(problems)} of 2 people's own calendars" in said
        assert village.open(village.joris).changes(None).changed == ()

    def broken(self, village: Village) -> set[str]:
        return {village.sanne.email}

    def test_closing_is_not_the_end(self, village: Village) -> None:
        calendar = village.calendar
        hers = create(calendar, series(village.sanne))

        calendar.close()

        assert calendar.fetch(hers.href) == hers


class BusyContract:
    """When people can't, and nothing else about it."""

    def test_busy_times_of_each_person_come_by_key_in_order_and_within_the_window(self, village: Village) -> None:
        for number, data in enumerate(
            (
                entry("RRULE:FREQ=WEEKLY;COUNT=3"),
                entry(name="late", start="20270214T230000Z", end="20270215T010000Z"),
                entry(name="after", start="20270401T090000Z", end="20270401T100000Z"),
                entry("TRANSP:TRANSPARENT", name="free", start="20270113T090000Z", end="20270113T100000Z"),
                entry("STATUS:CANCELLED", name="off", start="20270114T090000Z", end="20270114T100000Z"),
                entry(name="too", start="20270112T100000Z", end="20270112T110000Z"),
            )
        ):
            village.write(village.sanne, village.place(village.sanne, f"n{number}"), data)

        found = village.calendar.busy((village.sanne, village.joris), START, END)

        week = timedelta(weeks=1)
        longer = replace(DENTIST, end=DENTIST.end + timedelta(minutes=30))
        assert found == {
            village.sanne.key: (
                longer,
                *(Busy(DENTIST.start + n * week, DENTIST.end + n * week) for n in (1, 2)),
                Busy(datetime(2027, 2, 14, 23, tzinfo=UTC), END),
            ),
            village.joris.key: (),
        }

    def test_our_own_meetings_count_like_all_others(self, village: Village) -> None:
        calendar = village.calendar
        create(calendar, meeting(village.joris))

        assert calendar.busy((village.joris,), START, END) == {village.joris.key: (Busy(utc("2027-01-07", 15), utc("2027-01-07", 16)),)}

    def test_who_is_not_known_is_not_in_the_result(self, village: Village) -> None:
        village.write(village.sanne, village.place(village.sanne, "dentist"), entry())

        found = village.calendar.busy((village.sanne, person("niemand@voorbeeld.example")), START, END)

        assert found == {village.sanne.key: (DENTIST,)}


def raw_requests(server: Server, account: str) -> Callable[[str, str, bytes | None], bytes]:
    token = base64.b64encode(f"{account}:mentorpw".encode()).decode()
    context = ssl.create_default_context(cafile=server.ca) if server.ca else None

    def ask(method: str, path: str, data: bytes | None) -> bytes:
        request = urllib.request.Request(server.url.rstrip("/") + path, data=data, method=method)  # noqa: S310 (loopback)
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "text/calendar; charset=utf-8" if method == "PUT" else "application/xml")
        request.add_header("Depth", "1")
        with urllib.request.urlopen(request, timeout=30, context=context) as response:  # noqa: S310 (loopback)
            content: bytes = response.read()
            return content

    return ask


def requests_sent(calendar: object) -> int:
    """Return how many requests went out since this was asked first."""
    session = calendar.connection._client.session  # type: ignore[attr-defined]  # the wire is not in the contract
    counting = [hook for hook in session.hooks["response"] if isinstance(hook, _Counting)]
    if not counting:
        counting.append(_Counting())
        session.hooks["response"].append(counting[0])
    return counting[0].count


class _Counting:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_: object, **__: object) -> None:
        self.count += 1
