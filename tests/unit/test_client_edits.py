"""Edits as people's programs make them, in the files that we write: what is read back is what they did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf.ical import ics
from beklijf.model import canonical
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.rehearse import client_edits

if TYPE_CHECKING:
    from beklijf.model.stored import Stored

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
START = datetime(2027, 2, 4, 10, 0, tzinfo=AMSTERDAM)
SANNE, KARIM = Contact("Sanne", "sanne@a.example"), Contact("Karim", "karim@a.example")


def series(*overrides: Override) -> Event:
    """Return a series over a change of the clocks: at ten on 4 and 18 February, 4, 18 March, 1 and 15 April."""
    return Event(
        uid="x-1a2b3c4d@beklijf",
        start=START,
        minutes=60,
        recurrence=Recurrence(2, datetime(2027, 4, 15, 8, 0, tzinfo=UTC)),
        overrides=overrides,
        title="Gesprek",
        text="Waar sta je?",
        location="Kamer 1",
        organizer=Contact("Programma", "mentor@a.example"),
        people=(KARIM, SANNE),
        alarms=(),
        free=False,
    )


def as_file(event: Event) -> bytes:
    return ics.build(event, sequence=1, stamp=START)


def read(data: bytes) -> Stored:
    return ics.stored(data, href="x.ics", etag="1")


def place(number: int, event: Event | None = None) -> datetime:
    return canonical.occurrences(event or series())[number]


def test_a_meeting_that_is_moved_stands_elsewhere_and_all_else_stays() -> None:
    found = read(client_edits.move(as_file(series()), place(4), timedelta(days=1, hours=3)))

    moved = Override(place(4), datetime(2027, 4, 2, 13, 0, tzinfo=AMSTERDAM), 60)
    assert ics.canonical(found.event) == ics.canonical(series(moved))


def test_a_meeting_that_was_moved_can_be_moved_once_more() -> None:
    once = client_edits.move(as_file(series()), place(1), timedelta(days=1))

    found = read(client_edits.move(once, place(1), timedelta(hours=2)))

    assert canonical.actual_start(found.event, place(1)) == place(1) + timedelta(days=1, hours=2)
    assert len(found.event.overrides) == 1


@pytest.mark.parametrize("by", [timedelta(days=1), timedelta(days=-2, hours=3), timedelta(weeks=1), timedelta(hours=5)])
def test_a_series_that_is_moved_keeps_its_wall_time_its_length_and_its_days_off(by: timedelta) -> None:
    off = series(Override(place(2), None))

    found = read(client_edits.move(as_file(off), None, by)).event

    assert found.start == START + by
    assert {at.astimezone(AMSTERDAM).time() for at in canonical.occurrences(found)} == {(START + by).time()}
    assert len(canonical.occurrences(found)) == 6
    assert len(canonical.meetings(found)) == 5
    assert found.recurrence is not None
    assert found.recurrence.other == ""


def test_a_meeting_that_is_taken_out_does_not_take_place_moved_or_not() -> None:
    data = client_edits.move(as_file(series()), place(3), timedelta(hours=1))

    found = read(client_edits.take_out(client_edits.take_out(data, place(3)), place(5))).event

    assert [canonical.actual_start(found, place(number)) for number in (3, 5)] == [None, None]
    assert len(canonical.meetings(found)) == 4


def test_an_answer_is_noted_for_the_whole_or_for_one_meeting() -> None:
    whole = client_edits.answer(as_file(series()), None, SANNE.email, "ACCEPTED")

    found = read(client_edits.answer(whole, place(1), SANNE.email, "DECLINED"))

    assert found.answers == {SANNE.email: "ACCEPTED", KARIM.email: "NEEDS-ACTION"}
    assert found.single_answers[place(1)][SANNE.email] == "DECLINED"
    assert ics.canonical(found.event) == ics.canonical(series())
