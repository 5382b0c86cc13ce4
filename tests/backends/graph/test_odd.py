"""What Microsoft Graph should never say, and may: of one event it is that event's trouble, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.backends.examples import MEETING, SANNE, SERIES, utc
from tests.backends.people_contract import person

from beklijf.model.errors import Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backends.calendar_contract import World
    from tests.fakes.graph import Graph


def at(*path: str | int, value: object) -> Callable[[Any], None]:
    """Return what puts *value* into an event at *path*."""

    def put(said: Any) -> None:  # noqa: ANN401  # JSON is anything
        for name in path[:-1]:
            said = said[name]
        said[path[-1]] = value

    return put


UNREADABLE = {
    "no date": at("start", "dateTime", value="someday"),
    "a date that is a number": at("start", "dateTime", value=20270302),
    "a day that isn't": at("start", "dateTime", value="2027-02-31T10:00:00"),
    "the year nought": at("start", "dateTime", value="0000-01-01T00:00:00"),
    "the end of time, and an hour west of it": at("end", value={"dateTime": "9999-12-31T23:59:59", "timeZone": "Etc/GMT+12"}),
    "an end before the beginning": at("end", "dateTime", value="2020-01-01T10:00:00"),
    "a zone that is a list": at("start", "timeZone", value=["UTC"]),
    "a time that is a text": at("start", value="2027-03-02T10:00:00"),
    "a text without content": at("body", "content", value=None),
    "a text that is a list": at("body", value=["Waar wil je aan werken?"]),
    "attendees that are a text": at("attendees", value="Sanne"),
    "attendees of whom one is nothing": at("attendees", value=[None]),
    "an address that is an object": at("attendees", 0, "emailAddress", "address", value={"address": "sanne@voorbeeld.example"}),
    "an interval without an end": at("recurrence", "pattern", "interval", value=10**300),
    "an interval that is a word": at("recurrence", "pattern", "interval", value="two"),
    "a rule without days": at("recurrence", "pattern", value=7),
    "an end of a rule that is no date": at("recurrence", "range", "endDate", value="2027-13-01"),
    "exceptions that are nothing": at("exceptionOccurrences", value=[None]),
    "exceptions of no form": at("exceptionOccurrences", value=[{"id": "x"}]),
    "a number of meetings that is a list": at("cancelledOccurrences", value=[[1]]),
    "a sequence without an end": lambda said: said["singleValueExtendedProperties"].append({"id": SEQUENCE, "value": "9" * 5000}),
    "properties that are a text": at("singleValueExtendedProperties", value="beklijf"),
    "properties of which one is a number": at("singleValueExtendedProperties", value=[5]),
}
SEQUENCE = "Integer {00062002-0000-0000-C000-000000000046} Id 0x8201"

READABLE = {
    "an unknown answer": at("attendees", 0, "status", "response", value="perhaps"),
    "an answer that is a number": at("attendees", 0, "status", "response", value=3),
    "an unknown way to be free": at("showAs", value="dancing"),
    "an unknown kind of attendee": at("attendees", 0, "type", value="ghost"),
    "an unknown key": at("moonPhase", value={"waning": True}),
}


def garbling(graph: Graph, href: str, change: Callable[[Any], None]) -> None:
    """Let one event be told otherwise, wherever it is read whole."""

    def garbled(_: str, body: Any) -> Any:  # noqa: ANN401  # JSON is anything
        for said in [part["body"] for part in body.get("responses", ())] if "responses" in body else [body]:
            if said.get("id") == href:
                change(said)
        return body

    graph.garbled = garbled


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_event_of_which_is_said_what_cant_be_is_unreadable_and_the_others_are_read(world: World, graph: Graph, name: str) -> None:
    good, bad = world.create(MEETING), world.create(SERIES)
    garbling(graph, bad.href, UNREADABLE[name])

    changes = world.reopened().changes(None)

    assert changes.changed == (good,)
    assert changes.unreadable.keys() == {bad.href}
    assert len(str(changes.unreadable[bad.href])) < 1000
    with pytest.raises(Refused):
        world.calendar.fetch(bad.href)


@pytest.mark.parametrize("name", READABLE)
def test_what_is_new_to_us_and_says_nothing_wrong_is_read(world: World, graph: Graph, name: str) -> None:
    stored = world.create(MEETING)
    garbling(graph, stored.href, READABLE[name])

    [read] = world.reopened().changes(None).changed

    assert read.event == MEETING
    assert read.answers == stored.answers


@pytest.mark.parametrize(
    "change",
    [
        at("singleValueExtendedProperties", value="beklijf"),
        at("singleValueExtendedProperties", value=[None]),
        at("@odata.etag", value=None),
    ],
    ids=["properties that are a text", "properties that are nothing", "no state"],
)
def test_a_line_of_the_listing_that_cant_be_read_is_read_by_itself(world: World, graph: Graph, change: Callable[[Any], None]) -> None:
    good, bad = world.create(MEETING), world.create(SERIES)

    def garbled(asked: str, body: Any) -> Any:  # noqa: ANN401  # as above
        for said in body.get("value", ()) if asked.endswith("/events") else ():
            if said["id"] == bad.href:
                change(said)
        return body

    graph.garbled = garbled

    assert {stored.event.uid for stored in world.reopened().changes(None).changed} == {MEETING.uid, SERIES.uid}
    assert good.event == MEETING


@pytest.mark.parametrize("view", [5, ["2", "2"], {"a": 1}, "2" * 100_000, ""], ids=lambda view: str(view)[:10])
def test_busy_times_that_cant_be_read_are_unknown(world: World, graph: Graph, view: object) -> None:
    world.create(MEETING)

    def garbled(_: str, body: Any) -> Any:  # noqa: ANN401  # as above
        for part in body.get("responses", ()):
            part["body"]["value"][0]["availabilityView"] = view
        return body

    graph.garbled = garbled

    assert world.calendar.busy((person(SANNE.email),), utc("2027-01-04"), utc("2027-01-08")) == {}


def test_a_part_of_a_batch_that_doesnt_say_how_it_went_is_no_answer(world: World, graph: Graph) -> None:
    world.create(MEETING)
    graph.garbled = lambda _, body: (
        {**body, "responses": [{**part, "status": "200"} for part in body["responses"]]} if "responses" in body else body
    )

    with pytest.raises(Transient):
        world.reopened().changes(None)


def test_headers_of_a_part_that_are_none_say_nothing(world: World, graph: Graph) -> None:
    stored = world.create(MEETING)
    graph.garbled = lambda _, body: (
        {**body, "responses": [{**part, "headers": [1]} for part in body["responses"]]} if "responses" in body else body
    )

    assert world.reopened().changes(None).changed == (stored,)
