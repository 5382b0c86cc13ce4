from __future__ import annotations

import subprocess
import sys
from datetime import date, time
from itertools import islice
from zoneinfo import ZoneInfo

import holidays
import pytest

from beklijf.model.domain import Contact, OfficeHours, Organisation, Person, Span
from beklijf.model.errors import ConfigError
from beklijf.planning.days import PersonDays, WorkingDays, around, named, on_or_after, only_in_parts, public_holidays

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SOMEBODY = Contact("Marieke Smit", "opleidingen@voorbeeld.example")
KINGS_DAY = date(2027, 4, 27)
WEEKDAYS = frozenset(range(5))


def days_of(
    *,
    works: frozenset[int] = frozenset(range(7)),
    away: tuple[Span, ...] = (),
    closed: tuple[Span, ...] = (),
    opened: frozenset[date] = frozenset(),
) -> PersonDays:
    organisation = Organisation(
        name="Gemeente Voorbeeld",
        zone=AMSTERDAM,
        language="nl",
        holidays="NL",
        closed=closed,
        open=opened,
        office_hours=OfficeHours(start=time(9), end=time(17), days=WEEKDAYS),
        letter_hour=time(9),
        coordinator=SOMEBODY,
        administrator=SOMEBODY,
    )
    email = "karim@voorbeeld.example"
    karim = Person(key=email, name="Karim Bakker", email=email, language="nl", zone=AMSTERDAM, works=works, away=away)
    return WorkingDays(organisation, frozenset({KINGS_DAY})).of(karim)


def test_people_work_on_their_own_days_among_the_office_days() -> None:
    days = days_of(works=frozenset({0, 1, 5}))

    worked = [day for day in range(8, 15) if days.works(date(2027, 2, day))]

    assert worked == [8, 9]
    assert days.why_off(date(2027, 2, 8)) == ""
    assert days.why_off(date(2027, 2, 10)) == "Karim doesn't work"


def test_nobody_works_on_a_public_holiday_unless_the_organisation_is_open() -> None:
    assert not days_of().works(KINGS_DAY)
    assert days_of().why_off(KINGS_DAY) == "public holiday"
    assert days_of(opened=frozenset({KINGS_DAY})).works(KINGS_DAY)


@pytest.mark.parametrize(("country", "part"), [("GB", "GB-ENG"), ("CH", "CH-ZH"), ("DE", "DE-BY")])
def test_a_country_without_its_part_lacks_days_that_each_of_its_parts_has(country: str, part: str) -> None:
    parts = only_in_parts(country, [2027])

    assert parts[part] == public_holidays(part, [2027]) - public_holidays(country, [2027])
    assert all(parts.values())


@pytest.mark.parametrize("country", ["", "NL", "BE", "FR", "GB-ENG", "DE-BY"])
def test_a_country_that_is_one_or_whose_part_is_named_lacks_none(country: str) -> None:
    assert only_in_parts(country, [2027]) == {}


def test_easter_monday_is_a_holiday_of_england_and_not_of_all_of_great_britain() -> None:
    assert date(2027, 3, 29) in only_in_parts("GB", [2027])["GB-ENG"]


def test_good_friday_counts_as_a_holiday_of_the_netherlands() -> None:
    assert date(2027, 3, 26) in public_holidays("NL", [2027])


def test_nobody_works_on_a_closed_day_not_even_on_a_holiday_that_is_open() -> None:
    days = days_of(closed=(Span(date(2027, 4, 26), date(2027, 4, 28)),), opened=frozenset({KINGS_DAY}))

    assert [days.works(date(2027, 4, day)) for day in (26, 27, 28, 29)] == [False, False, False, True]
    assert days.why_off(KINGS_DAY) == "closed"


def test_both_ends_of_an_absence_are_days_off() -> None:
    days = days_of(away=(Span(date(2027, 2, 22), date(2027, 2, 26)),))

    assert [days.works(date(2027, 2, day)) for day in (19, 22, 26)] == [True, False, False]
    assert days.why_off(date(2027, 2, 24)) == "Karim is away"


def test_working_days_are_counted_over_weekends_and_holidays() -> None:
    days = days_of()

    assert days.after(date(2027, 2, 5), 1) == date(2027, 2, 8)
    assert days.after(date(2027, 4, 26), 2) == date(2027, 4, 29)
    assert days.after(date(2027, 2, 8), -1) == date(2027, 2, 5)
    assert days.after(date(2027, 2, 6), 0) == date(2027, 2, 8)
    assert list(islice(days.from_day(date(2027, 4, 24)), 2)) == [date(2027, 4, 26), date(2027, 4, 28)]


def test_somebody_who_never_works_gets_plain_days_instead_of_an_endless_search() -> None:
    days = days_of(works=frozenset({6}))

    assert days.after(date(2027, 2, 5), 1) == date(2027, 2, 6)
    assert days.after(date(2027, 2, 5), 0) == date(2027, 2, 5)
    assert list(days.from_day(date(2027, 2, 5))) == []


def test_public_holidays_come_by_country_and_by_part_of_it() -> None:
    assert KINGS_DAY in public_holidays("NL", [2027])
    assert public_holidays("", [2027]) == frozenset()
    epiphany = date(2027, 1, 6)
    assert epiphany in public_holidays("DE-BY", [2027])
    assert epiphany not in public_holidays("DE", [2027])


@pytest.mark.parametrize("country", ["XX", "DE-XX", "nederland"])
def test_a_country_without_known_holidays_is_a_mistake_in_the_config(country: str) -> None:
    with pytest.raises(ConfigError, match=f'no holidays are known for "{country}"'):
        public_holidays(country, [2027])


def test_every_country_that_the_library_knows_is_found_by_itself() -> None:
    """None of them needs another one, or the package that names them all."""
    assert all(isinstance(public_holidays(country, [2027]), frozenset) for country in holidays.list_supported_countries())


def test_one_country_is_read_and_not_the_world() -> None:
    script = "import sys; from beklijf.planning.days import public_holidays; public_holidays('NL', [2027]); print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert [name for name in said.split() if name.startswith("holidays.countries.")] == ["holidays.countries.netherlands"]


def test_days_around_a_day_come_nearest_first_and_the_later_first() -> None:
    assert [day.day for day in around(date(2027, 2, 10), 2)] == [11, 9, 12, 8]


def test_a_weekday_is_found_on_the_day_itself_or_after_it() -> None:
    assert on_or_after(date(2027, 2, 9), 1) == date(2027, 2, 9)
    assert on_or_after(date(2027, 2, 9), 0) == date(2027, 2, 15)


def test_a_day_is_written_with_its_weekday() -> None:
    assert named(KINGS_DAY) == "Tue 27 Apr"
