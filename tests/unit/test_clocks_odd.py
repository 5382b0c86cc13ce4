"""Time zones as few programs write them, read as most read them: in events, and in files that say when people are busy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from beklijf.ical import free_busy, ics
from beklijf.model.conversation import Busy
from beklijf.model.domain import Override

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HOUR = timedelta(hours=1)


def zone(name: str, winter: str, summer: str) -> list[str]:
    """Return a VTIMEZONE with the summer time of Europe."""
    return [
        *("BEGIN:VTIMEZONE", f"TZID:{name}"),
        *("BEGIN:STANDARD", "DTSTART:19701025T020000", f"TZOFFSETFROM:{summer}", f"TZOFFSETTO:{winter}"),
        *("RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "END:STANDARD"),
        *("BEGIN:DAYLIGHT", "DTSTART:19700329T010000", f"TZOFFSETFROM:{winter}", f"TZOFFSETTO:{summer}"),
        *("RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE"),
    ]


def written(zone: list[str], *lines: str) -> bytes:
    event = ["BEGIN:VEVENT", "UID:1@beklijf", "DTSTAMP:20270101T000000Z", *lines, "END:VEVENT"]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//x//EN", *zone, *event, "END:VCALENDAR", ""]).encode()


def busy(data: bytes) -> list[datetime]:
    found = free_busy.of_events(data, frozenset(), AMSTERDAM, july(1, 0), july(31, 0))
    assert all(each == Busy(each.start, each.start + HOUR) for each in found)
    return [each.start for each in found]


def july(day: int, hour: int) -> datetime:
    return datetime(2027, 7, day, hour, tzinfo=UTC)


def at(tzid: str, *more: str, hour: int = 10) -> list[str]:
    """Return an event of an hour on Tuesday 6 July 2027."""
    return [f"DTSTART;TZID={tzid}:20270706T{hour:02}0000", f"DTEND;TZID={tzid}:20270706T{hour + 1:02}0000", *more]


@pytest.mark.parametrize(
    ("name", "winter", "summer", "hour"), [("GMT", "+0000", "+0100", 9), ("EST", "-0500", "-0400", 14), ("MST", "-0700", "-0600", 16)]
)
def test_a_zone_named_by_its_winter_has_the_summer_that_stands_in_it(name: str, winter: str, summer: str, hour: int) -> None:
    data = written(zone(name, winter, summer), *at(name, "RRULE:FREQ=WEEKLY;COUNT=3", f"EXDATE;TZID={name}:20270713T100000"))

    event = ics.read(data).event

    assert event.start == july(6, hour)
    assert event.overrides == (Override(july(13, hour), None),)
    assert busy(data) == [july(6, hour), july(20, hour)]


def test_the_same_name_without_a_summer_of_its_own_is_the_zone_that_has_it() -> None:
    data = written([], *at("EST"))

    assert ics.read(data).event.start == july(6, 15)
    assert busy(data) == [july(6, 15)]


@pytest.mark.parametrize("tzid", ["Europe/Amsterdam", '"Europe/Amsterdam"', "Nowhere"])
def test_an_instant_is_one_whatever_zone_stands_beside_it(tzid: str) -> None:
    data = written([], f"DTSTART;TZID={tzid}:20270706T100000Z", f"DTEND;TZID={tzid}:20270706T110000Z")

    assert ics.read(data).event.start == july(6, 10)
    assert busy(data) == [july(6, 10)]


def test_days_off_and_more_days_as_instants_beside_a_zone_are_those() -> None:
    data = written(
        [],
        *at("Europe/Amsterdam", "RRULE:FREQ=WEEKLY;COUNT=3"),
        "EXDATE;TZID=Europe/Amsterdam:20270713T080000Z",
        "RDATE;TZID=Europe/Amsterdam:20270715T080000Z",
    )

    assert busy(data) == [july(6, 8), july(15, 8), july(20, 8)]


@pytest.mark.parametrize(("winter", "summer", "hour"), [("+0100", "+0200", 8), ("+0300", "+0400", 6)])
def test_an_unknown_name_means_in_each_file_what_that_file_says(winter: str, summer: str, hour: int) -> None:
    lines = at("Ours", "RRULE:FREQ=WEEKLY;COUNT=3", "RDATE;TZID=Ours:20270708T100000", "EXDATE;TZID=Ours:20270713T100000")
    data = written(zone("Ours", winter, summer), *lines)

    assert ics.read(data).event.start == july(6, hour)
    assert busy(data) == [july(6, hour), july(8, hour), july(20, hour)]


@pytest.mark.parametrize(("tzid", "hour"), [("Europe/Amsterdam", 16), ("America/Bogota", 23), ("Ours", 15)])
def test_a_rule_until_a_date_has_that_whole_day_where_it_is(tzid: str, hour: int) -> None:
    data = written(zone("Ours", "+0200", "+0300"), *at(tzid, "RRULE:FREQ=WEEKLY;UNTIL=20270720", hour=18))

    assert busy(data) == [july(6, hour), july(13, hour), july(20, hour)]


@pytest.mark.parametrize("until", ["COUNT=2", "UNTIL=20270713", "UNTIL=20270713T160000Z"])
def test_what_a_rule_leaves_out_keeps_nobody_busy(until: str) -> None:
    data = written([], *at("Europe/Amsterdam", "RRULE:FREQ=DAILY;COUNT=9", f"EXRULE:FREQ=WEEKLY;{until}", hour=18))

    assert busy(data) == [july(day, 16) for day in (7, 8, 9, 10, 11, 12, 14)]
