"""The same series gives the same instants everywhere: our own starts against two programs that share no code.

recurring-ical-events reads the object by icalendar and knows our zones by name. vobject (which Radicale is built on) expands
by dateutil; the zone's name is taken away from it, so that it has nothing but our VTIMEZONE to go by.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
import vobject

from beklijf.ical import ics
from beklijf.model.canonical import meetings
from beklijf.model.domain import Contact, Event, Override, Recurrence

if TYPE_CHECKING:
    from collections.abc import Callable

STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def series(zone: str, start: str, every: int, steps: int) -> Event:
    first = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    return Event(
        uid="series-12345678@beklijf",
        start=first,
        minutes=60,
        recurrence=Recurrence(every, (first + timedelta(weeks=every * steps)).astimezone(UTC)),
        overrides=(),
        title="Mentorgesprek",
        text="",
        location="",
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        people=(Contact("Sanne", "sanne@voorbeeld.example"),),
        alarms=(),
        free=False,
    )


def with_exceptions(event: Event) -> Event:
    """Leave out the second and third meeting and the last but one, and move the fourth to the day after at another hour."""
    recurrence_ids = [event.start + timedelta(weeks=event.recurrence.every * n) if event.recurrence else event.start for n in range(40)]
    recurrence_ids = [p.astimezone(UTC) for p in recurrence_ids if event.recurrence and p.astimezone(UTC) <= event.recurrence.last]
    off = [Override(recurrence_ids[1], None), Override(recurrence_ids[2], None), Override(recurrence_ids[-2], None)]
    moved = Override(recurrence_ids[3], recurrence_ids[3] + timedelta(hours=25), 45)
    return replace(event, overrides=tuple(sorted([*off, moved], key=lambda s: s.at)))


def by_recurring_ical_events(data: bytes) -> list[datetime]:
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
    )
    return sorted(event.start.astimezone(UTC) for event in found)


def by_vobject(data: bytes) -> list[datetime]:
    """Expand the master by vobject, and put its overrides in their places, which vobject leaves to its caller."""
    zone = ics.read(data).event.start.tzinfo
    assert isinstance(zone, ZoneInfo)
    # vobject remembers the first zone of each name for as long as it runs, so each object gets a name of its own
    nameless = data.replace(b"\r\n ", b"").replace(zone.key.encode(), f"Nowhere {sha256(data).hexdigest()}".encode())
    calendar = vobject.readOne(nameless.decode())
    [master] = [event for event in calendar.vevent_list if not hasattr(event, "recurrence_id")]
    starts = {at.astimezone(UTC) for at in master.getrruleset(addRDate=True)}
    for override in calendar.vevent_list:
        if override is not master:
            starts.remove(override.recurrence_id.value.astimezone(UTC))
            starts.add(override.dtstart.value.astimezone(UTC))
    return sorted(starts)


PROGRAMS = {"recurring-ical-events": by_recurring_ical_events, "vobject": by_vobject}

SERIES = {
    "Amsterdam, into summer": series("Europe/Amsterdam", "2027-02-16 10:00", 2, 8),
    "Amsterdam, into winter": series("Europe/Amsterdam", "2026-09-22 15:30", 2, 8),
    "Amsterdam, both changes, every week": series("Europe/Amsterdam", "2027-03-04 09:00", 1, 38),
    "Amsterdam, four-weekly, over a year end": series("Europe/Amsterdam", "2026-09-01 08:45", 4, 9),
    "New York, into summer": series("America/New_York", "2027-02-09 09:00", 2, 8),
    "New York, into winter": series("America/New_York", "2026-09-14 16:00", 2, 8),
    "Lagos, which knows no summer time": series("Africa/Lagos", "2027-02-16 10:00", 2, 8),
    "Kolkata, half an hour off": series("Asia/Kolkata", "2026-09-22 11:00", 2, 20),
    "Dublin, whose summer is its standard": series("Europe/Dublin", "2027-02-16 10:00", 2, 20),
    "a late evening that is tomorrow in UTC": series("America/New_York", "2027-02-09 21:00", 2, 8),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
@pytest.mark.parametrize("event", SERIES.values(), ids=SERIES.keys())
def test_a_series_takes_place_at_the_same_instants_in_every_program(event: Event, program: Callable[[bytes], list[datetime]]) -> None:
    data = ics.build(event, sequence=0, stamp=STAMP)

    assert program(data) == list(meetings(event))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
@pytest.mark.parametrize("event", SERIES.values(), ids=SERIES.keys())
def test_days_off_and_moved_meetings_too(event: Event, program: Callable[[bytes], list[datetime]]) -> None:
    event = with_exceptions(event)

    data = ics.build(event, sequence=0, stamp=STAMP)

    assert program(data) == list(meetings(event))
    assert len(meetings(event)) == len(meetings(replace(event, overrides=()))) - 3


def test_ten_oclock_stays_ten_oclock_over_both_changes_of_the_clock() -> None:
    """Thought out by hand: Amsterdam is at +1 until 28 March 2027 and from 31 October 2027, and at +2 between."""
    spring = series("Europe/Amsterdam", "2027-03-02 10:00", 2, 3)
    autumn = series("Europe/Amsterdam", "2027-10-05 10:00", 2, 3)

    for program in PROGRAMS.values():
        assert program(ics.build(spring, sequence=0, stamp=STAMP)) == [
            datetime(2027, 3, 2, 9, tzinfo=UTC),
            datetime(2027, 3, 16, 9, tzinfo=UTC),
            datetime(2027, 3, 30, 8, tzinfo=UTC),
            datetime(2027, 4, 13, 8, tzinfo=UTC),
        ]
        assert program(ics.build(autumn, sequence=0, stamp=STAMP)) == [
            datetime(2027, 10, 5, 8, tzinfo=UTC),
            datetime(2027, 10, 19, 8, tzinfo=UTC),
            datetime(2027, 11, 2, 9, tzinfo=UTC),
            datetime(2027, 11, 16, 9, tzinfo=UTC),
        ]


def test_vobject_has_nothing_but_our_rules_to_go_by() -> None:
    event = SERIES["Amsterdam, into summer"]
    late = ics.build(event, sequence=0, stamp=STAMP).replace(b"BYMONTH=3", b"BYMONTH=5")

    assert by_vobject(late) != list(meetings(event))
