"""VTIMEZONEs against zoneinfo, read back by an implementation that is not ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from importlib.metadata import version
from itertools import pairwise

import pytest

from beklijf.ical import timezones
from beklijf.ical.timezones import NoYearlyRule

YEARS = range(2027, 2032)
BY_THE_MOON = {"Africa/Casablanca", "Africa/El_Aaiun"}
LEFT_OUT = {"America/Havana", "Cuba"}
"""Whose clock stays in summer in the winter of 2026 to 2027, as tzdata has it since 2026."""
EVERY_WEEK = [datetime(2027, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(0, 365 * len(YEARS), 7)]


def lines(zone: str) -> list[str]:
    return bytes(timezones.vtimezone(zone).to_ical(sorted=False)).decode().splitlines()


def by_component(zone: str) -> tzinfo:
    """Return the clock that dateutil makes of our component, without looking at the zone's name."""
    clock: tzinfo = timezones.vtimezone(zone).to_tz(lookup_tzid=False)
    return clock


def test_amsterdam_has_one_standard_and_one_daylight_each_with_a_yearly_rule() -> None:
    assert lines("Europe/Amsterdam") == [
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Amsterdam",
        "BEGIN:STANDARD",
        "DTSTART:19701025T030000",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "TZNAME:CET",
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
        "END:STANDARD",
        "BEGIN:DAYLIGHT",
        "DTSTART:19700329T020000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0200",
        "TZNAME:CEST",
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3",
        "END:DAYLIGHT",
        "END:VTIMEZONE",
    ]


def test_a_zone_that_never_changes_has_a_standard_without_a_rule() -> None:
    found = lines("Africa/Lagos")

    assert "TZOFFSETFROM:+0100" in found
    assert "TZOFFSETTO:+0100" in found
    assert not any(line.startswith(("RRULE", "BEGIN:DAYLIGHT")) for line in found)


def test_dublins_summer_is_daylight_whatever_its_law_calls_it() -> None:
    found = lines("Europe/Dublin")

    daylight = found[found.index("BEGIN:DAYLIGHT") :]
    assert "TZOFFSETTO:+0100" in daylight
    assert "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3" in daylight


@pytest.mark.parametrize(
    ("zone", "start", "rule"),
    [
        ("Asia/Jerusalem", "DTSTART:19700327T020000", "RRULE:FREQ=YEARLY;BYDAY=FR;BYMONTHDAY=23,24,25,26,27,28,29;BYMONTH=3"),
        ("America/Nuuk", "DTSTART:19700328T230000", "RRULE:FREQ=YEARLY;BYDAY=SA;BYMONTHDAY=24,25,26,27,28,29,30;BYMONTH=3"),
        ("Africa/Cairo", "DTSTART:19701029T235959", "RRULE:FREQ=YEARLY;BYDAY=-1TH;BYMONTH=10"),
    ],
)
def test_an_hour_outside_the_day_belongs_to_the_neighbouring_day(zone: str, start: str, rule: str) -> None:
    assert {start, rule} <= set(lines(zone))


def test_each_component_is_made_once() -> None:
    assert timezones.vtimezone("Europe/Amsterdam") is timezones.vtimezone("Europe/Amsterdam")


def test_every_zone_keeps_zoneinfos_time_or_is_refused() -> None:
    """The rule as dateutil reads it against tzdata itself: every week, and five minutes before and after each change."""
    refused, rules = set(), set()
    for zone in sorted(zoneinfo.available_timezones()):
        try:
            for year in YEARS:
                timezones.check(zone, year)
        except NoYearlyRule:
            refused.add(zone)
            continue
        rule = "\n".join(lines(zone)[2:])
        if rule in rules:
            continue  # `check` has compared this zone's clock, and dateutil has read this rule
        rules.add(rule)
        expected, found = zoneinfo.ZoneInfo(zone), by_component(zone)
        probes = EVERY_WEEK + _around_changes(expected)
        assert [(p, p.astimezone(found).utcoffset()) for p in probes] == [(p, p.astimezone(expected).utcoffset()) for p in probes], zone

    assert refused <= BY_THE_MOON | LEFT_OUT


def test_every_zone_has_the_form_that_exchange_takes() -> None:
    for zone in sorted(zoneinfo.available_timezones() - BY_THE_MOON):
        text = "\n".join(lines(zone))
        assert text.count("BEGIN:STANDARD") == 1
        assert text.count("BEGIN:DAYLIGHT") <= 1
        assert "RDATE" not in text
        for rule in re.findall("RRULE:(.*)", text):
            assert re.fullmatch(r"FREQ=YEARLY;BYDAY=(-?\d)?[A-Z]{2};(BYMONTHDAY=[\d,]+;)?BYMONTH=\d+", rule), zone


def test_a_clock_that_follows_the_moon_is_refused_by_name() -> None:
    with pytest.raises(NoYearlyRule, match="Africa/Casablanca") as caught:
        timezones.check("Africa/Casablanca", 2025)

    assert caught.value.hint


def test_a_series_is_refused_for_its_own_days_alone_and_in_words() -> None:
    """Morocco kept the summer's hour in 2025 but from 23 February to 6 April, when it was Ramadan."""
    spring, ramadan, autumn = (datetime(2025, month, 15, tzinfo=UTC) for month in (1, 3, 9))
    timezones.check("Europe/Amsterdam", 2025, spring, autumn)

    with pytest.raises(NoYearlyRule, match=r"from \d+ \w+ 2025 to \d+ \w+ 20\d\d its clock doesn't follow its yearly rule"):
        timezones.check("Africa/Casablanca", 2025, ramadan - timedelta(days=14), ramadan + timedelta(days=40))


CHECK = """
from datetime import UTC, datetime
from beklijf.ical import timezones
def said(zone, *days):
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days)
    try:
        for year in range(first.year, last.year + 1):
            timezones.check(zone, year, first, last)
    except timezones.NoYearlyRule as error:
        return str(error).partition(",")[0]
    return "right"
"""


@pytest.mark.skipif(version("tzdata") < "2026.6", reason="as tzdata 2026f has them")
@pytest.mark.parametrize("zone", ["America/Vancouver", "America/Edmonton", "America/Winnipeg", "America/Inuvik", "Africa/Casablanca"])
def test_a_zone_that_stopped_changing_its_clock_is_right_from_then_on(zone: str) -> None:
    assert newest(f"said({zone!r}, '2026-10-01', '2027-06-01')") == "right"


@pytest.mark.skipif(version("tzdata") < "2026.6", reason="as tzdata 2026f has them")
def test_a_winter_that_is_left_out_is_named() -> None:
    assert newest("said('America/Havana', '2026-09-01', '2026-10-20')") == "right"
    assert newest("said('America/Havana', '2027-03-20', '2027-12-01')") == "right"
    assert newest("said('America/Havana', '2026-09-01', '2027-06-01')") == (
        "America/Havana: from 1 November 2026 to 14 March 2027 its clock doesn't follow its yearly rule"
    )


def newest(expression: str) -> str:
    """Return what comes of it by the package's zones, whatever the system's are."""
    script = f"{CHECK}print({expression})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONTZPATH": ""})
    return done.stdout.strip()


def test_a_name_that_is_no_zone_is_refused() -> None:
    with pytest.raises(NoYearlyRule, match="Mars/Olympus"):
        timezones.vtimezone("Mars/Olympus")


def _around_changes(zone: tzinfo) -> list[datetime]:
    """Find zoneinfo's own changes of these years to the minute, by halving."""
    probes = []
    for before, after in pairwise(EVERY_WEEK):
        low, high = before, after
        if low.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset():
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                low = middle
            else:
                high = middle
        probes += [low - timedelta(minutes=5), high + timedelta(minutes=5)]
    return probes
