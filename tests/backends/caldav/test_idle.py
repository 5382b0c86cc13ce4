"""A connection that a server closed while nobody asked anything is no failure of anything."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.backends.idle import Forwarder, forwarder
from tests.fakes.dav import CALENDAR, Dav, dav_server

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.boundary.repeats import KEPT
from beklijf.contracts.settings import CalendarSettings
from beklijf.ical import ics
from beklijf.model.domain import Contact, Event, Person
from beklijf.model.errors import Missing, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar

STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
ONE = Event(
    uid="one-12345678@beklijf",
    start=datetime(2027, 1, 7, 15, tzinfo=UTC),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="Zaal 1",
    organizer=ORGANIZER,
    people=(Contact("Karim Bakker", "karim@voorbeeld.example"),),
    alarms=(),
    free=False,
)
TWO = replace(ONE, uid="two-12345678@beklijf")
FIRST = f"{CALENDAR}{ONE.uid}.ics"


@pytest.fixture
def dav() -> Iterator[Dav]:
    with dav_server() as server:
        server.put(FIRST, ics.build(ONE, sequence=0, stamp=STAMP, agent=Agent.CLIENT))
        yield server


@pytest.fixture
def between(dav: Dav) -> Iterator[Forwarder]:
    with forwarder(dav.port) as made:
        yield made


@pytest.fixture
def calendar(tmp_path: Path, between: Forwarder, dav: Dav) -> Iterator[Calendar]:
    password = tmp_path / "password"
    password.write_text("mentorpw\n", encoding="utf-8")
    url = dav.url.replace(f":{dav.port}", f":{between.port}")
    settings = CalendarSettings(
        maker=CalendarByCaldav(url=url, user="mentor", password=Secret("file", str(password))),
        organizer=ORGANIZER,
        organized_by="service",
        invitations="auto",
        name="Track",
        deadline=timedelta(seconds=5),
    )
    with closing(open_calendar(settings, ORGANIZER.email)) as opened:
        yield opened


def test_reading_and_conditional_writing_go_on_over_connections_that_die_each_time(between: Forwarder, calendar: Calendar) -> None:
    token = calendar.changes(None).token
    between.dies = True

    assert calendar.changes(token).changed == ()
    made = calendar.create(TWO, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    moved = calendar.update(
        calendar.fetch(made.href), replace(TWO, location="Zaal 2"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT, stamp=STAMP
    )
    calendar.delete(calendar.fetch(moved.href))
    with pytest.raises(Missing):
        calendar.fetch(moved.href)


def test_a_new_connection_that_dies_is_the_servers_and_nothing_is_tried_twice(dav: Dav, calendar: Calendar) -> None:
    def hangs_up(asked: object) -> bool:
        asked.close_connection = True  # type: ignore[attr-defined]  # http.server's
        return True

    dav.moods.append(hangs_up)

    with pytest.raises(Transient, match="no connection"):
        calendar.changes(None)
    assert len(dav.asked) == 1


def test_what_may_not_be_sent_twice_goes_by_a_connection_of_its_own(between: Forwarder, calendar: Calendar) -> None:
    calendar.changes(None)
    between.dies = True
    karim = Person(key="k", name="K", email="karim@voorbeeld.example", language="nl", zone=ZoneInfo("UTC"), works=frozenset(range(5)))

    calendar.busy([karim], STAMP, STAMP + timedelta(days=1))

    assert [line.split()[0] for line in between.requests].count(b"POST") == 1
    assert (between.requests[-1].split()[0], between.opened) == (b"POST", 2)


def test_after_a_rest_a_connection_that_the_network_forgot_costs_nobody_the_time_of_an_answer(
    between: Forwarder, calendar: Calendar
) -> None:
    token = calendar.changes(None).token
    between.forgets = True
    time.sleep(KEPT + 0.1)
    began = time.monotonic()

    calendar.changes(token)

    assert time.monotonic() - began < 1
    assert between.opened == 2
