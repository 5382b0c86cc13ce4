"""What an Exchange server should never say, and may: of one event it is that event's trouble, and nobody else's."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.backends.examples import KARIM, MEETING, REMINDER, SANNE, SERIES, utc
from tests.backends.people_contract import person

from beklijf.backends.exchange.account import MOST
from beklijf.model.errors import Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.ews.site import Site


def of(title: str, pattern: str, replacement: str) -> Callable[[bytes], bytes]:
    """Return what replaces something in all that is said of the event of that title."""

    def changed(item: re.Match[str]) -> str:
        return re.sub(pattern, replacement, item[0], flags=re.DOTALL) if f">{title}<" in item[0] else item[0]

    return lambda answer: re.sub(
        r"<t:CalendarItem>(?:(?!<t:CalendarItem>).)*</t:CalendarItem>", changed, answer.decode(), flags=re.DOTALL
    ).encode()


UNREADABLE = {
    "no date": ("(<t:Start>)[^<]*", r"\1someday"),
    "a day that isn't": ("(<t:Start>)[^<]*", r"\g<1>2027-02-31T10:00:00Z"),
    "the year nought": ("(<t:Start>)[^<]*", r"\g<1>0000-01-01T00:00:00Z"),
    "the end of time, and an hour west of it": ("(<t:End>)[^<]*", r"\g<1>9999-12-31T23:59:59-12:00"),
    "an end before the beginning": ("(<t:End>)[^<]*", r"\g<1>2020-01-01T10:00:00Z"),
    "no beginning": ("<t:Start>[^<]*</t:Start>", ""),
    "a beginning of nothing": ("<t:Start>[^<]*</t:Start>", "<t:Start/>"),
    "an interval without an end": ("(<t:Interval>)[^<]*", rf"\g<1>{'9' * 5000}"),
    "an interval that is a word": ("(<t:Interval>)[^<]*", r"\1two"),
    "an end of a rule that is no date": ("(<t:EndDate>)[^<]*", r"\g<1>2027-13-01"),
    "days that there aren't": ("(<t:DaysOfWeek>)[^<]*", r"\1Doomsday"),
}

READABLE = {
    "an unknown answer": ("(<t:ResponseType>)[^<]*", r"\1Perhaps"),
    "an unknown way to be free": ("(<t:LegacyFreeBusyStatus>)[^<]*", r"\1Dancing"),
    "an unknown element": ("(<t:Subject>)", r"<t:MoonPhase>waning</t:MoonPhase>\1"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_event_of_which_is_said_what_cant_be_is_unreadable_and_the_others_are_read(site: Site, name: str) -> None:
    good, bad = site.create(MEETING), site.create(replace(SERIES, title="De reeks"))
    site.server.garbles = of("De reeks", *UNREADABLE[name])

    changes = site.open().changes(None)

    assert changes.changed == (good,)
    assert changes.unreadable.keys() == {bad.href}
    assert len(str(changes.unreadable[bad.href])) < 1000
    with pytest.raises(Refused):
        site.calendar.fetch(bad.href)


@pytest.mark.parametrize("name", READABLE)
def test_what_is_new_to_us_and_says_nothing_wrong_is_read(site: Site, name: str) -> None:
    site.create(REMINDER)
    stored = site.create(MEETING)
    site.server.garbles = of(MEETING.title, *READABLE[name])

    read = {each.event.uid: each for each in site.open().changes(None).changed}

    assert read.keys() == {MEETING.uid, REMINDER.uid}
    assert read[MEETING.uid].answers == stored.answers


@pytest.mark.parametrize("times", ["<t:StartTime>soon</t:StartTime>", ""], ids=["no date", "nothing"])
def test_busy_times_that_cant_be_read_are_unknown(site: Site, times: str) -> None:
    site.create(MEETING)
    site.server.garbles = lambda answer: re.sub("<t:StartTime>[^<]*</t:StartTime>", times, answer.decode()).encode()

    found = site.calendar.busy((person(SANNE.email), person(KARIM.email)), utc("2027-01-04"), utc("2027-01-08"))

    assert SANNE.email not in found


def test_a_server_that_always_has_more_to_tell_is_left(site: Site) -> None:
    """Each time with another state, so that none comes twice."""
    stored = site.create(MEETING)
    token = site.calendar.changes(None).token
    site.server.operations.endless = True
    site.server.requests.clear()

    with pytest.raises(Transient, match="more than 1000 pages"):
        site.calendar.changes(token)

    assert len(site.server.requests) <= MOST + 1
    site.server.operations.endless = False
    assert site.open().changes(None).changed == (stored,)
