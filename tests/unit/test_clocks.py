"""The clock in a VTIMEZONE: what it says is what its writer meant, and what it costs is counted."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from icalendar.timezone import tzp

from beklijf.ical import free_busy, ics, itip
from beklijf.ical.clocks import Budget, Clock, TooMuch
from beklijf.ical.parser import Limits, named_clock, parse
from beklijf.model.stored import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UID = "0d7f6c1a-5a1b-4c0e-9d55-3b1f6a0f2c11-1a2b3c4d@beklijf"
OURS = "Eigen"


def observance(kind: str, start: str, before: str, after: str, *more: str) -> str:
    return "\r\n".join([f"BEGIN:{kind}", f"DTSTART:{start}", *more, f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", f"END:{kind}", ""])


def zone(*observances: str, tzid: str = OURS) -> str:
    return f"BEGIN:VTIMEZONE\r\nTZID:{tzid}\r\n{''.join(observances)}END:VTIMEZONE\r\n"


def clock(text: str, budget: Budget | None = None) -> Clock:
    calendar = parse(f"BEGIN:VCALENDAR\r\n{text}END:VCALENDAR\r\n".encode(), budget=budget)
    return Clock(calendar.walk("VTIMEZONE")[0], budget or Budget())


def offset(delta: timedelta) -> str:
    seconds = int(abs(delta).total_seconds())
    return f"{'-' if delta < timedelta() else '+'}{seconds // 3600:02}{seconds % 3600 // 60:02}{seconds % 60:02}"


def changes(name: str, first: int, last: int) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    """Yield each change of a clock of tzdata: when, as UTC, and the offsets."""
    there = ZoneInfo(name)

    def at(instant: datetime) -> timedelta:
        return instant.astimezone(there).utcoffset() or timedelta()

    day = datetime(first, 1, 1, tzinfo=UTC)
    while day.year <= last:
        low, high = day, day + timedelta(days=1)
        if at(low) != at(high):
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                middle = middle.replace(microsecond=0)
                low, high = (middle, high) if at(middle) == at(low) else (low, middle)
            yield high, at(low), at(high)
        day += timedelta(days=1)


# -- as programs write them --------------------------------------------------------------------------------------------


def one_by_one(name: str) -> str:
    """As vzic does it (libical, Thunderbird, Evolution): each change that tzdata knows, since the first, by itself."""
    return zone(
        *(
            observance("STANDARD" if after < before else "DAYLIGHT", f"{at + before:%Y%m%dT%H%M%S}", offset(before), offset(after))
            for at, before, after in changes(name, 1892, 2087)
        )
    )


def by_icalendar(name: str) -> str:
    """One part for each offset, with a list of dates."""
    written: str = icalendar.Timezone.from_tzid(name).to_ical().decode()
    return written


def by_vobject(name: str) -> str:
    """Rules with an end, one after the other (Radicale, many scripts)."""
    written: str = vobject.icalendar.TimezoneComponent(ZoneInfo(name)).serialize()
    return written


def by_exchange(name: str) -> str:
    """Two rules since 1601."""
    assert name == "Europe/Amsterdam"
    return zone(
        observance("STANDARD", "16010101T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10"),
        observance("DAYLIGHT", "16010101T020000", "+0100", "+0200", "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3"),
        tzid="Customized Time Zone",
    )


def by_apple(name: str) -> str:
    """Write the rules in force, and the ones before with their ends."""
    assert name == "America/New_York"
    return zone(
        observance("DAYLIGHT", "19870405T020000", "-0500", "-0400", "RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20060402T070000Z"),
        observance("STANDARD", "19671029T020000", "-0400", "-0500", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20061029T060000Z"),
        observance("DAYLIGHT", "20070311T020000", "-0500", "-0400", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"),
        observance("STANDARD", "20071104T020000", "-0400", "-0500", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
    )


def by_monthdays(name: str) -> str:
    """Days of the month that have the right day of the week (ours for Jerusalem, and iCal4j's)."""
    assert name == "Asia/Jerusalem"
    return zone(
        observance("STANDARD", "19701025T020000", "+0300", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
        observance("DAYLIGHT", "19700327T020000", "+0200", "+0300", "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=23,24,25,26,27,28,29;BYDAY=FR"),
    )


EXPORTED: dict[str, tuple[Callable[[str], str], str]] = {
    "all of Amsterdam, one by one": (one_by_one, "Europe/Amsterdam"),
    "all of Casablanca, one by one": (one_by_one, "Africa/Casablanca"),
    "all of New York, one by one": (one_by_one, "America/New_York"),
    "all of Dublin, one by one": (one_by_one, "Europe/Dublin"),
    "icalendar, Amsterdam": (by_icalendar, "Europe/Amsterdam"),
    "icalendar, Dublin": (by_icalendar, "Europe/Dublin"),
    "icalendar, Lord Howe": (by_icalendar, "Australia/Lord_Howe"),
    "vobject, Amsterdam": (by_vobject, "Europe/Amsterdam"),
    "vobject, Jerusalem": (by_vobject, "Asia/Jerusalem"),
    "vobject, Tehran": (by_vobject, "Asia/Tehran"),
    "vobject, Sao Paulo": (by_vobject, "America/Sao_Paulo"),
    "Exchange": (by_exchange, "Europe/Amsterdam"),
    "Apple": (by_apple, "America/New_York"),
    "by days of the month": (by_monthdays, "Asia/Jerusalem"),
}


@pytest.mark.parametrize(("write", "name"), EXPORTED.values(), ids=EXPORTED)
def test_a_zone_as_a_program_wrote_it_gives_the_clock_that_it_meant(write: Callable[[str], str], name: str) -> None:
    found, there = clock(write(name)), ZoneInfo(name)

    for days in range(0, 365 * 12, 1):
        noon = datetime(2018, 1, 1, 12, tzinfo=UTC) + timedelta(days=days)
        assert noon.astimezone(found).utcoffset() == noon.astimezone(there).utcoffset(), noon
        assert noon.replace(tzinfo=found).utcoffset() == noon.replace(tzinfo=there).utcoffset(), noon


@pytest.mark.parametrize(("write", "name"), EXPORTED.values(), ids=EXPORTED)
def test_a_real_zone_takes_a_small_part_of_what_it_may(write: Callable[[str], str], name: str) -> None:
    budget = Budget()

    clock(write(name), budget).utcoffset(datetime(2027, 3, 30, 10))  # noqa: DTZ001  # wall time

    assert budget.left > 8_000


@pytest.mark.parametrize("name", ["Europe/Amsterdam", "Africa/Casablanca", "America/New_York"])
def test_around_a_change_every_half_hour_is_the_right_one(name: str) -> None:
    found, there = clock(one_by_one(name)), ZoneInfo(name)

    for at, _, _ in changes(name, 2024, 2028):
        for half_hours in range(-8, 9):
            instant = at + timedelta(minutes=30 * half_hours)
            ours, theirs = instant.astimezone(found), instant.astimezone(there)
            assert (ours.replace(tzinfo=None), ours.fold) == (theirs.replace(tzinfo=None), theirs.fold)
            assert ours.astimezone(UTC) == instant


def test_a_rule_ends_where_it_says() -> None:
    by_date = zone(
        observance("STANDARD", "20000101T000000", "+0100", "+0100"),
        observance("DAYLIGHT", "20200329T020000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;UNTIL=20210328T010000Z"),
        observance("STANDARD", "20201025T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;COUNT=2"),
    )

    found = clock(by_date)

    summers = [found.utcoffset(datetime(year, 7, 1)) for year in (2019, 2020, 2021, 2022, 2090)]  # noqa: DTZ001  # wall time
    assert summers == [timedelta(hours=hours) for hours in (1, 2, 2, 1, 1)]


def test_a_rule_without_parts_is_about_the_day_on_which_it_began() -> None:
    found = clock(
        zone(
            observance("STANDARD", "19901001T000000", "+0200", "+0100", "RRULE:FREQ=YEARLY"),
            observance("DAYLIGHT", "19900401T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=4"),
        )
    )

    days = (datetime(2027, 3, 31, 12), datetime(2027, 4, 1, 12), datetime(2027, 9, 30, 12), datetime(2027, 10, 1, 12))  # noqa: DTZ001
    assert [found.utcoffset(day) for day in days] == [timedelta(hours=hours) for hours in (1, 2, 2, 1)]


def test_a_clock_is_shared_by_copies_of_what_it_dates() -> None:
    at = datetime(2027, 3, 30, 10, tzinfo=clock(by_exchange("Europe/Amsterdam")))

    assert deepcopy(at).tzinfo is at.tzinfo


# -- what is no clock --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=MONTHLY;BYDAY=-1SU",
        "FREQ=YEARLY;BYDAY=SU",
        "FREQ=YEARLY;BYMONTHDAY=1",
        "FREQ=YEARLY;BYMONTH=13;BYDAY=-1SU",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;BYHOUR=1,2",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;INTERVAL=0",
        "FREQ=YEARLY;BYWEEKNO=20",
        "BYMONTH=3;BYDAY=-1SU",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=1MO,2MO,3MO,4MO,5MO,1TU,2TU,3TU",
    ],
)
def test_a_rule_that_is_none_of_the_year_is_nobodys_clock(rule: str) -> None:
    with pytest.raises(Unreadable):
        clock(zone(observance("STANDARD", "20000101T000000", "+0100", "+0200", f"RRULE:{rule}"))).utcoffset(
            datetime(2027, 3, 30)  # noqa: DTZ001  # wall time
        )


@pytest.mark.parametrize(
    "text",
    [
        zone(),
        zone("BEGIN:STANDARD\r\nDTSTART:20000101T000000\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\n"),
        zone("BEGIN:STANDARD\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\n"),
        zone(observance("STANDARD", "20000101", "+0100", "+0100")),
    ],
    ids=["empty", "from nothing", "since never", "a whole day"],
)
def test_a_zone_that_lacks_something_is_nobodys_clock(text: str) -> None:
    with pytest.raises((Unreadable, ValueError)):
        clock(text).utcoffset(datetime(2027, 3, 30))  # noqa: DTZ001  # wall time


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        one_by_one("America/New_York"),
        zone(observance("STANDARD", "16010101T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")),
        zone(observance("STANDARD", "16010101T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;COUNT=400")),
        zone(observance("STANDARD", "20000101T000000", "+0100", "+0200", f"RDATE:{','.join(['20010101T000000'] * 120)}")),
        zone(observance("STANDARD", "20200101T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYDAY=SU")),
    ],
    ids=["a long history", "a day that never comes", "counted", "a list", "many a year"],
)
def test_beyond_its_budget_nothing_is_worked_out(text: str) -> None:
    with pytest.raises(TooMuch):
        clock(text, Budget(100)).utcoffset(datetime(2027, 3, 30))  # noqa: DTZ001  # wall time


def test_a_year_is_worked_out_once() -> None:
    budget = Budget()
    found = clock(by_exchange("Europe/Amsterdam"), budget)
    found.utcoffset(datetime(2027, 3, 30))  # noqa: DTZ001  # wall time
    left = budget.left

    for day in range(1, 29):
        found.utcoffset(datetime(2027, 3, day, 10))  # noqa: DTZ001  # wall time
        datetime(2027, 3, day, tzinfo=UTC).astimezone(found)

    assert budget.left == left


def test_the_library_keeps_no_zone_of_anybody() -> None:
    data = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{zone(tzid='Not kept')}END:VCALENDAR\r\n"

    parse(data.encode())
    parse(data.replace("END:VTIMEZONE", "end;x=y:vtimezone").encode())
    parse(data.replace("END:VTIMEZONE", "END:VTIME\r\n ZONE").encode())

    assert tzp.timezone("Not kept") is None


def test_a_zone_is_written_back_as_it_came() -> None:
    data = f"BEGIN:VCALENDAR\r\n{by_exchange('Europe/Amsterdam')}END:VCALENDAR\r\n".encode()

    assert parse(data).to_ical(sorted=False) == data


# -- by name -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tzid", "location", "name"),
    [
        ("Europe/Amsterdam", "", "Europe/Amsterdam"),
        ("W. Europe Standard Time", "", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Europe/Amsterdam", "", "Europe/Amsterdam"),
        ("/citadel.org/20210210_1/America/Argentina/Ushuaia", "", "America/Argentina/Ushuaia"),
        ("Eigen", "Europe/Amsterdam", "Europe/Amsterdam"),
    ],
)
def test_a_zone_that_has_a_name_is_taken_by_it(tzid: str, location: str, name: str) -> None:
    assert named_clock(tzid, location) == ZoneInfo(name)


@pytest.mark.parametrize("tzid", ["", "Eigen", "Europe", "../../etc/passwd", "x" * 300, "\0", "Customized Time Zone"])
def test_what_is_no_name_is_no_zone(tzid: str) -> None:
    assert named_clock(tzid) is None


def test_a_zone_with_a_name_costs_nothing_however_it_is_written() -> None:
    written = one_by_one("Europe/Amsterdam").replace(f"TZID:{OURS}", "TZID:Europe/Amsterdam")

    assert itip.read(reply(written, "Europe/Amsterdam"), steps=0)[0].recurrence_id == datetime(2027, 3, 30, 8, tzinfo=UTC)


# -- where they are read -----------------------------------------------------------------------------------------------


def reply(written: str, tzid: str = OURS, *, uid: str = UID, places: int = 1) -> bytes:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:karim@voorbeeld.example\r\n"
        f"RECURRENCE-ID;TZID={tzid}:202703{30 - n:02}T100000\r\nEND:VEVENT\r\n"
        for n in range(places)
    )
    return f"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n{written}{events}END:VCALENDAR\r\n".encode()


@pytest.mark.parametrize("name", ["Europe/Amsterdam", "Africa/Casablanca"])
def test_an_answer_is_read_by_a_zone_with_its_whole_history(name: str) -> None:
    (found,) = itip.read(reply(one_by_one(name)))

    assert found.recurrence_id == datetime(2027, 3, 30, 10, tzinfo=ZoneInfo(name)).astimezone(UTC)


def test_a_zone_is_read_once_for_all_meetings_in_a_message() -> None:
    written = one_by_one("Europe/Amsterdam")
    needed = next(steps for steps in range(100, 10_000, 100) if reads(reply(written), steps))

    assert len(itip.read(reply(written, places=20), steps=needed)) == 20


def reads(content: bytes, steps: int) -> bool:
    try:
        return bool(itip.read(content, steps=steps))
    except Unreadable:
        return False


def test_an_answer_that_takes_too_much_is_one_that_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        itip.read(reply(one_by_one("Europe/Amsterdam")), steps=100)


def test_an_answer_about_somebody_elses_event_costs_nothing() -> None:
    content = reply(one_by_one("Europe/Amsterdam"), uid="another@elsewhere.example")

    assert itip.read(content, steps=0) == ()
    assert itip.read(reply(one_by_one("Europe/Amsterdam")), known={"another@beklijf"}, steps=0) == ()


def event(written: str, *lines: str) -> bytes:
    body = "\r\n".join(("BEGIN:VEVENT", f"UID:{UID}", "DTSTART;TZID=Eigen:20270330T100000", "DTEND;TZID=Eigen:20270330T110000", *lines, ""))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{written}{body}END:VEVENT\r\nEND:VCALENDAR\r\n".encode()


def test_an_event_in_a_calendar_is_read_by_its_own_zone() -> None:
    found = ics.read(event(one_by_one("Africa/Casablanca"))).event

    assert found.start == datetime(2027, 3, 30, 10, tzinfo=ZoneInfo("Africa/Casablanca")).astimezone(UTC)


@pytest.mark.parametrize("limits", [Limits(steps=100), Limits(lines=300), Limits(components=50), Limits(values=10), Limits(depth=1)])
def test_an_event_with_more_in_it_than_an_event_has_is_not_read(limits: Limits) -> None:
    written = event(one_by_one("Europe/Amsterdam"), f"EXDATE:{','.join(['20280104T100000Z'] * 20)}")
    start, end = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 30, tzinfo=UTC)
    amsterdam = ZoneInfo("Europe/Amsterdam")

    assert free_busy.of_events(written, frozenset(), amsterdam, start, end) != ()
    assert free_busy.of_events(written, frozenset(), amsterdam, start, end, limits=limits) == ()
    with pytest.raises(Unreadable):
        moment_of(written, limits)


def moment_of(data: bytes, limits: Limits) -> datetime:
    from beklijf.ical.reader import moment  # noqa: PLC0415  # beside its only use

    calendar = parse(data, limits=limits)
    return moment(calendar, calendar.walk("VEVENT")[0], "DTSTART").astimezone(UTC)
