"""The last meeting, as an invitation names it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.backends.examples import SERIES, at, utc

from beklijf.ical import ics
from beklijf.ical.last import last_meeting
from beklijf.model.domain import Event, Override, Recurrence
from beklijf.model.stored import NO_STAMP


def by_rule(rule: str) -> Event:
    """Return a series from Tuesday 2 March 2027, ten o'clock, on by the rule of a person."""
    data = ics.build(
        replace(SERIES, start=at("2027-03-02"), recurrence=Recurrence(1, utc("2027-03-02")), overrides=()), sequence=0, stamp=NO_STAMP
    )
    lines = [f"RRULE:{rule}" if line.startswith("RRULE") else line for line in data.decode().split("\r\n")]
    event = ics.read("\r\n".join(lines).encode()).event
    assert event.recurrence
    return event


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=MONTHLY;BYDAY=1TU;UNTIL=20270701T000000Z", utc("2027-06-01")),
        ("FREQ=MONTHLY;BYDAY=1TU;COUNT=3", utc("2027-05-04")),
        ("FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20270405T000000Z", utc("2027-04-01")),
        ("FREQ=DAILY", None),
        ("FREQ=WEEKLY;UNTIL=99981231T000000Z", None),
    ],
)
def test_a_persons_rule_ends_with_a_meeting_and_not_with_its_last_date(rule: str, last: datetime | None) -> None:
    assert last_meeting(by_rule(rule)) == last


def test_a_series_ends_with_the_last_meeting_that_takes_place() -> None:
    end = utc("2027-05-11")
    series = replace(SERIES, start=at("2027-03-02"), recurrence=Recurrence(2, end), overrides=(Override(end, None),))

    assert last_meeting(series) == utc("2027-04-27")
    assert last_meeting(replace(series, overrides=(Override(end, utc("2027-05-12"), 60),))) == utc("2027-05-12")
    assert last_meeting(replace(series, recurrence=None, overrides=())) == utc("2027-03-02")


@pytest.mark.parametrize("other", ["RULE=MONTHLY;DAY=3", '{"pattern": {}}', "EXRULE:FREQ=DAILY RRULE:FREQ=DAILY"])
def test_a_rule_that_is_not_icalendars_has_no_known_last_meeting(other: str) -> None:
    assert last_meeting(replace(SERIES, recurrence=Recurrence(0, datetime(2027, 6, 1, tzinfo=UTC), other))) is None
