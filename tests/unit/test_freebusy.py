"""When somebody can't, from what servers answer and from files with events."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.ical import free_busy
from beklijf.model.conversation import Busy

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
START, END = datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 2, 15, tzinfo=UTC)
SANNE = frozenset({"sanne@voorbeeld.example", "s.devries@voorbeeld.example"})


def utc(day: int, hour: int, minute: int = 0, *, month: int = 1) -> datetime:
    return datetime(2027, month, day, hour, minute, tzinfo=UTC)


def event(*lines: str, start: str = "DTSTART:20270105T090000Z", end: str = "DTEND:20270105T100000Z") -> bytes:
    """Return a file as somebody's program writes it."""
    said = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y", "BEGIN:VEVENT", "UID:a@x", "DTSTAMP:20270101T000000Z", start, end, *lines)
    return "\r\n".join((*(line for line in said if line), "END:VEVENT", "END:VCALENDAR", "")).encode()


def of(data: bytes, *, most: int = free_busy.MOST_TIMES) -> tuple[Busy, ...]:
    return free_busy.of_events(data, SANNE, AMSTERDAM, START, END, most=most)


NINE = Busy(utc(5, 9), utc(5, 10))


# -- what servers answer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("FREEBUSY:20270105T090000Z/20270105T100000Z", (NINE,)),
        ("FREEBUSY;FBTYPE=BUSY:20270105T090000Z/PT1H", (NINE,)),
        ("FREEBUSY;VALUE=PERIOD:20270105T090000Z/20270105T100000Z", (NINE,)),
        ("FREEBUSY;FBTYPE=BUSY-TENTATIVE:20270105T090000Z/PT1H", (NINE,)),
        ("FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20270105T090000Z/PT1H", (NINE,)),
        ("FREEBUSY;FBTYPE=X-OOF:20270105T090000Z/PT1H", (NINE,)),
        ("FREEBUSY;FBTYPE=FREE:20270105T090000Z/PT1H", ()),
        ("freebusy;x-a=b;fbtype=free:20270105T090000Z/PT1H", ()),
        ("FREEBUSY:20270106T090000Z/PT1H,20270105T090000Z/PT1H", (NINE, Busy(utc(6, 9), utc(6, 10)))),
        ("FREEBUSY:20270105T090000Z/PT1H\r\n ,20270106T090000Z/PT1H", (NINE, Busy(utc(6, 9), utc(6, 10)))),
        ("FREEBUSY:20270105T090000Z/PT1H\r\nFREEBUSY:20270105T093000Z/PT2H", (Busy(utc(5, 9), utc(5, 11, 30)),)),
        ("FREEBUSY:20270105T090000Z/PT30M,20270105T093000Z/PT30M", (NINE,)),
        ("FREEBUSY:20261231T000000Z/20270104T030000Z", (Busy(START, utc(4, 3)),)),
        ("FREEBUSY:20270401T090000Z/PT1H", ()),
        ("FREEBUSY:", ()),
        ("FREEBUSY:sometimes,20270105T090000Z/PT1H", (NINE,)),
        ("FREEBUSY:20270105T100000Z/20270105T090000Z", ()),
    ],
)
def test_every_sort_of_busy_counts_and_free_does_not(line: str, expected: tuple[Busy, ...]) -> None:
    said = f"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nUID:a\r\n{line}\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"

    assert free_busy.told(said, START, END) == expected


def test_a_question_is_the_same_each_time_and_names_everybody() -> None:
    people = ["Karim@voorbeeld.example", "x@bücher.example"]

    asked = free_busy.request("mentor@voorbeeld.example", people, START, END)

    assert asked == free_busy.request("mentor@voorbeeld.example", reversed(people), START, END)
    lines = asked.replace("\r\n ", "").split("\r\n")
    assert "METHOD:REQUEST" in lines
    assert "ORGANIZER:mailto:mentor@voorbeeld.example" in lines
    assert [line for line in lines if line.startswith("ATTENDEE")] == [
        "ATTENDEE:mailto:Karim@voorbeeld.example",
        "ATTENDEE:mailto:x@xn--bcher-kva.example",
    ]
    assert {"DTSTART:20270104T000000Z", "DTEND:20270215T000000Z"} <= set(lines)


# -- files with events -------------------------------------------------------------------------------------------------


def test_an_event_keeps_its_owner_busy() -> None:
    assert of(event()) == (NINE,)


@pytest.mark.parametrize(
    "line",
    [
        "TRANSP:TRANSPARENT",
        "STATUS:CANCELLED",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:Sanne@voorbeeld.example",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:s.devries@voorbeeld.example",
    ],
)
def test_what_does_not_take_place_for_somebody_keeps_nobody_busy(line: str) -> None:
    assert of(event(line)) == ()


def test_what_somebody_else_declined_still_counts() -> None:
    assert of(event("ATTENDEE;PARTSTAT=DECLINED:mailto:karim@voorbeeld.example")) == (NINE,)


def test_a_series_counts_on_the_days_that_it_takes_place() -> None:
    data = event(
        "RRULE:FREQ=WEEKLY",
        "EXDATE;TZID=Europe/Amsterdam:20270112T100000",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:a@x",
        "RECURRENCE-ID;TZID=Europe/Amsterdam:20270119T100000",
        "DTSTART;TZID=Europe/Amsterdam:20270120T140000",
        "DTEND;TZID=Europe/Amsterdam:20270120T150000",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:a@x",
        "RECURRENCE-ID;TZID=Europe/Amsterdam:20270126T100000",
        "DTSTART;TZID=Europe/Amsterdam:20270126T100000",
        "DTEND;TZID=Europe/Amsterdam:20270126T110000",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:sanne@voorbeeld.example",
        start="DTSTART;TZID=Europe/Amsterdam:20261201T100000",
        end="DTEND;TZID=Europe/Amsterdam:20261201T110000",
    )

    assert of(data) == (
        NINE,
        Busy(utc(20, 13), utc(20, 14)),
        Busy(utc(2, 9, month=2), utc(2, 10, month=2)),
        Busy(utc(9, 9, month=2), utc(9, 10, month=2)),
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("DTSTART;VALUE=DATE:20270105", "DTEND;VALUE=DATE:20270107", Busy(utc(4, 23), utc(6, 23))),
        ("DTSTART;VALUE=DATE:20270105", "", Busy(utc(4, 23), utc(5, 23))),
        ("DTSTART:20270105T100000", "DTEND:20270105T110000", NINE),
        ("DTSTART:20270105T090000Z", "DURATION:PT1H", NINE),
        ("DTSTART;TZID=W. Europe Standard Time:20270105T100000", "DURATION:PT1H", NINE),
        ("DTSTART:20270103T220000Z", "DTEND:20270104T030000Z", Busy(START, utc(4, 3))),
    ],
    ids=["whole days", "a whole day", "floating", "a length", "a name of Windows", "before the window"],
)
def test_times_mean_what_they_mean_to_that_person(start: str, end: str, expected: Busy) -> None:
    assert of(event(start=start, end=end)) == (expected,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"BEGIN:VEVENT",
        event(start="DTSTART:tomorrow"),
        event(start=""),
        event("RRULE:FREQ=SOMETIMES"),
        event("RRULE:FREQ=WEEKLY;UNTIL=later"),
        event("RRULE:FREQ=SECONDLY"),
        event("RRULE:FREQ=MINUTELY;INTERVAL=7"),
        event("RRULE:FREQ=DAILY", start="DTSTART:00010101T000000Z"),
        event("RRULE:FREQ=WEEKLY;INTERVAL=0"),
        event("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
        event("RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"),
        event(f"RRULE:FREQ=DAILY;BYMINUTE={','.join(map(str, range(60)))};BYSECOND={','.join(map(str, range(60)))}"),
        event() + b"X" * free_busy.LARGEST,
    ],
    ids=[
        "nothing",
        "bytes",
        "half",
        "no time",
        "no start",
        "no rule",
        "no end",
        "seconds",
        "minutes",
        "old",
        "standing still",
        "never",
        "never, by the month",
        "crowded",
        "large",
    ],
)
def test_what_makes_no_sense_or_would_take_long_keeps_nobody_busy(data: bytes) -> None:
    began = time.process_time()

    assert set(of(data)) <= {NINE}
    assert time.process_time() - began < 5


def test_every_weekday_is_an_ordinary_rule() -> None:
    found = of(event("RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=5"))

    assert [each.start.day for each in found] == [5, 6, 7, 8, 11]


def test_one_bad_event_in_a_file_does_not_hide_the_others() -> None:
    good = event().decode().partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    data = event("RRULE:FREQ=SECONDLY", f"END:VEVENT\r\nBEGIN:VEVENT{good.rstrip()}".replace("UID:a@x", "UID:b@x"))

    assert of(data) == (NINE,)


@given(st.binary(max_size=300))
def test_noise_keeps_nobody_busy(noise: bytes) -> None:
    assert of(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + noise) == ()


# -- putting times together --------------------------------------------------------------------------------------------

MINUTES = st.integers(-3000, 70000)


@given(st.lists(st.tuples(MINUTES, st.integers(0, 600))))
def test_merged_times_cover_the_same_minutes_once_and_in_order(spans: list[tuple[int, int]]) -> None:
    times = [Busy(START + timedelta(minutes=n), START + timedelta(minutes=n + length)) for n, length in spans]

    found = free_busy.merged(times, START, END)

    def minutes(busy: list[Busy] | tuple[Busy, ...]) -> set[int]:
        return {m for each in busy for m in range(int((each.start - START) / MINUTE), int((each.end - START) / MINUTE))}

    assert minutes(found) == {m for m in minutes(times) if 0 <= m < int((END - START) / MINUTE)}
    assert all(one.end < other.start for one, other in pairwise(found))
    assert all(each.start < each.end and each.start.tzinfo is UTC for each in found)


MINUTE = timedelta(minutes=1)


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;WKST=MO",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYMONTH=1,2",
        "FREQ=MONTHLY;BYMONTHDAY=5",
        "FREQ=MONTHLY;BYDAY=1TU",
        "FREQ=MONTHLY;INTERVAL=3;BYDAY=1TU",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=3",
        "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=5",
        "FREQ=YEARLY;BYMONTH=1;BYDAY=1TU",
        "FREQ=YEARLY",
    ],
)
def test_rules_of_meetings_and_birthdays_are_cheap(rule: str) -> None:
    assert of(event(f"RRULE:{rule}"), most=100)[0] == NINE


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=WEEKLY;INTERVAL=2;BYMONTH=1",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=2",
        "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=40",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYWEEKNO=54",
    ],
)
def test_a_search_that_may_never_end_is_not_begun(rule: str) -> None:
    assert of(event(f"RRULE:{rule}"), most=1_000) == ()


def test_what_takes_more_than_all_the_others_may_hides_none_of_them() -> None:
    good = event().decode().partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    data = event("RRULE:FREQ=DAILY", f"END:VEVENT\r\nBEGIN:VEVENT{good.rstrip()}".replace("UID:a@x", "UID:b@x"))

    assert of(data, most=10) == (NINE,)
    assert len(of(data)) > 20
