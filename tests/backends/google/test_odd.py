"""What Google's Calendar API should never say, and may: of one event it is that event's trouble, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.backends.examples import MEETING, OWNER, SANNE, utc
from tests.backends.google.desk import OFF, Desk, settings_of
from tests.backends.people_contract import person
from tests.fakes.settings import with_maker
from tests.fakes.stubborn import said, stubborn

from beklijf.backends.google.calendar import GoogleCalendar
from beklijf.model.errors import Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from beklijf.model.stored import Stored


UNREADABLE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no date": lambda item: item["start"].update(dateTime="someday"),
    "a date that is a number": lambda item: item["start"].update(dateTime=20270302),
    "a day that isn't": lambda item: item["start"].update(dateTime="2027-02-31T10:00:00+01:00"),
    "the year nought": lambda item: item["start"].update(dateTime="0000-01-01T00:00:00Z"),
    "the end of time, and an hour west of it": lambda item: item["end"].update(dateTime="9999-12-31T23:59:59-12:00"),
    "an end before the beginning": lambda item: item["end"].update(dateTime="2020-01-01T10:00:00+01:00"),
    "a time that is a text": lambda item: item.update(start="2027-03-02T10:00:00"),
    "a zone that is a list": lambda item: item["start"].update(timeZone=["UTC"]),
    "a title that is an object": lambda item: item.update(summary={"text": "Gesprek"}),
    "a description that is a number": lambda item: item.update(description=7),
    "attendees that are a text": lambda item: item.update(attendees="Sanne"),
    "attendees of whom one is nothing": lambda item: item.update(attendees=[None]),
    "an address that is an object": lambda item: item["attendees"][0].update(email={"address": "sanne@voorbeeld.example"}),
    "an unknown rhythm": lambda item: item.update(recurrence=["RRULE:FREQ=LUNAR;COUNT=3"]),
    "an interval without an end": lambda item: item.update(recurrence=[f"RRULE:FREQ=WEEKLY;INTERVAL={'9' * 5000};COUNT=3"]),
    "a rhythm that is a number": lambda item: item.update(recurrence=[7]),
    "a sequence that is a word": lambda item: item.update(sequence="many"),
    "reminders that are a list": lambda item: item.update(reminders=["popup"]),
    "a reminder that is no number": lambda item: item.update(reminders={"overrides": [{"method": "popup", "minutes": "soon"}]}),
    "no UID": lambda item: item.pop("iCalUID"),
}

READABLE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an unknown answer": lambda item: item["attendees"][0].update(responseStatus="perhaps"),
    "an unknown way to be free": lambda item: item.update(transparency="dancing"),
    "an unknown status": lambda item: item.update(status="lunar"),
    "an unknown way to be reminded": lambda item: item["reminders"].update(overrides=[{"method": "pigeon", "minutes": 5}]),
    "an unknown key": lambda item: item.update(moonPhase={"waning": True}),
}


def garbling(desk: Desk, stored: Stored, change: Callable[[dict[str, Any]], Any]) -> None:
    """Let one event be told otherwise, wherever it is read."""

    def garbled(body: Any) -> Any:  # noqa: ANN401  # JSON is anything
        for item in body.get("items", [body]):
            if item.get("id") == stored.href and "start" in item:
                change(item)
        return body

    desk.google.garbled = garbled


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_event_of_which_is_said_what_cant_be_is_unreadable_and_the_others_are_read(desk: Desk, name: str) -> None:
    good, bad = desk.create(MEETING), desk.create(OFF)
    garbling(desk, bad, UNREADABLE[name])

    changes = desk.open().changes(None)

    assert changes.changed == (good,)
    assert changes.unreadable.keys() == {bad.href}
    assert len(str(changes.unreadable[bad.href])) < 1000
    with pytest.raises(Refused):
        desk.calendar.fetch(bad.href)


@pytest.mark.parametrize("name", READABLE)
def test_what_is_new_to_us_and_says_nothing_wrong_is_read(desk: Desk, name: str) -> None:
    stored = desk.create(MEETING)
    garbling(desk, stored, READABLE[name])

    [read] = desk.open().changes(None).changed

    assert (read.event.title, read.event.start, read.event.people) == (MEETING.title, MEETING.start, MEETING.people)
    assert read.answers == stored.answers


FOREIGN: dict[str, dict[str, Any]] = {
    "an organizer that is a text": {"organizer": "Sanne"},
    "properties that are a list": {"extendedProperties": [1]},
    "private properties that are nothing": {"extendedProperties": {"private": None}},
    "a series that is a list": {"recurringEventId": ["a"]},
    "nothing at all": {},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_somebody_elses_event_says_hides_none_of_ours(desk: Desk, name: str) -> None:
    """Google tells of all events of a calendar alike."""
    token = desk.calendar.changes(None).token
    stored = desk.create(MEETING)
    desk.google.garbled = lambda body: {**body, "items": [{"id": "foreign", **FOREIGN[name]}, *body["items"]]} if "items" in body else body

    assert desk.open().changes(None).changed == (stored,)
    assert desk.open().changes(token).changed == (stored,)


@pytest.mark.parametrize("items", [[None], ["a"], [{}], [{"id": 5}], {"id": "a"}, "abc"], ids=repr)
def test_a_list_that_names_no_events_takes_none_for_gone(desk: Desk, items: object) -> None:
    desk.create(MEETING)
    desk.google.garbled = lambda body: {**body, "items": items}

    with pytest.raises(Transient, match="can't be read"):
        desk.open().changes(None)


BUSY: dict[str, object] = {
    "times that are a text": {"busy": "always"},
    "a time without an end": {"busy": [{"start": "2027-01-05T10:00:00Z"}]},
    "a time of no form": {"busy": [{"start": "soon", "end": "later"}]},
    "nothing": None,
    "a list": [1],
}


@pytest.mark.parametrize("name", BUSY)
def test_busy_times_that_cant_be_read_are_unknown_and_the_others_are_known(desk: Desk, name: str) -> None:
    others = person("karim@voorbeeld.example")
    desk.google.garbled = lambda body: {**body, "calendars": {**body["calendars"], SANNE.email: BUSY[name]}}

    assert desk.calendar.busy((person(SANNE.email), others), utc("2027-01-04"), utc("2027-01-08")) == {others.key: ()}


def test_an_id_that_is_always_taken_and_always_deleted_is_given_up(desk: Desk) -> None:
    with stubborn() as server:
        server.answer = lambda asked: (
            said(b'{"error": {"code": 409, "errors": [{"reason": "duplicate"}]}}', status="409 Conflict")
            if asked.startswith(b"POST")
            else said(b'{"id": "a", "status": "cancelled"}')
        )
        login = desk.google.service.tokens.google(f"{server.url}/calendar/v3")
        calendar = GoogleCalendar(with_maker(settings_of(desk.google), login=login), OWNER)

        with pytest.raises(Refused, match="100 events of its id are said to be deleted"):
            calendar.create(MEETING, sequence=0, agent=Agent.SERVER)

        calendar.close()
        assert len(server.asked) == 200
