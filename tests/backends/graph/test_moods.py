"""What becomes of an answer that isn't a yes, and of a process that ends between any two requests, at the fake of Microsoft Graph."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

import pytest
from tests.backends.examples import KARIM, MEETING, NOOR, OWNER, REMINDER, SANNE, SERIES, at, uid, utc
from tests.backends.graph.organizer import news
from tests.backends.people_contract import person
from tests.fakes.graph import Mood

from beklijf.decide import merge
from beklijf.model.canonical import meetings
from beklijf.model.domain import Override, Recurrence
from beklijf.model.errors import BackendError, Conflict, Down, Exists, Missing, Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backends.calendar_contract import World
    from tests.fakes.company import Company
    from tests.fakes.graph import Graph
    from tests.fakes.tokens import TokenServer

    from beklijf.backends.graph.from_json import Json
    from beklijf.contracts.calendar import Calendar
    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored


DROPS = [Mood(drop="before"), Mood(drop="after")]


# -- moods -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        (Mood(429, "ApplicationThrottled", {"Retry-After": "120"}), Transient),
        (Mood(429, "TooManyRequests"), Transient),
        (Mood(503, "serviceNotAvailable", {"Retry-After": "120"}), Transient),
        (Mood(500, "ErrorInternalServerTransientError"), Transient),
        (Mood(504, "UnknownError"), Transient),
        (Mood(409, "ErrorIrresolvableConflict"), Conflict),
        (Mood(412, "ErrorIrresolvableConflict"), Conflict),
        (Mood(403, "ErrorAccessDenied"), Refused),
        (Mood(403, "Authorization_RequestDenied"), Down),
        (Mood(400, "ErrorInvalidRequest"), Refused),
        (Mood(507, "ErrorQuotaExceeded"), Down),
        (Mood(404, "ErrorInvalidUser"), Refused),
        (Mood(drop="before"), Transient),
    ],
    ids=lambda value: f"{value.status}-{value.code}" if isinstance(value, Mood) else "",
)
def test_each_refusal_of_a_new_event_has_its_meaning(world: World, graph: Graph, mood: Mood, error: type[BackendError]) -> None:
    world.create(MEETING)
    graph.moods = [mood]

    with pytest.raises(error) as caught:
        world.create(SERIES)

    assert type(caught.value) is error
    if isinstance(caught.value, Transient) and "Retry-After" in mood.headers:
        assert caught.value.retry_after == 120
    assert world.create(SERIES).event == SERIES


@pytest.mark.parametrize("code", ["ApplicationThrottled", "MailboxConcurrency"])
def test_a_throttled_reading_asks_for_patience_and_goes_on_where_it_stopped(world: World, graph: Graph, code: str) -> None:
    for n in range(25):
        world.create(replace(MEETING, uid=uid(f"n{n}")))
    calendar = world.reopened()
    graph.part_moods = [None] * 22 + [Mood(429, code, {"Retry-After": "7"})]

    with pytest.raises(Transient) as caught:
        calendar.changes(None)
    graph.parts.clear()

    assert caught.value.retry_after == 7
    assert len(calendar.changes(None).changed) == 25
    assert len([part for part in graph.parts if "/events/" in part]) == 3


def test_a_token_that_expired_is_replaced_at_once(world: World, graph: Graph, desk: TokenServer) -> None:
    world.create(MEETING)
    desk.issued.clear()
    before = len(graph.requests)

    created = world.create(SERIES)

    assert created.event == SERIES
    assert len(graph.requests) - before == 3


def test_a_login_that_is_refused_takes_the_backend_down(world: World, desk: TokenServer) -> None:
    desk.mood = [(401, {}, '{"error": "invalid_client", "error_description": "AADSTS7000222: expired. Trace ID: 1"}')]

    with pytest.raises(Down) as caught:
        world.calendar.check()

    assert "has expired" in caught.value.hint


def test_a_link_that_graph_forgot_gives_a_full_reading(world: World, graph: Graph) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    graph.moods = [Mood(410, "SyncStateNotFound")]

    changes = world.calendar.changes(token, {created.href: created.etag})

    assert (changes.full, set(changes.unchanged)) == (True, {created.href})


def test_a_reading_that_breaks_off_between_two_pages_is_no_reading(world: World, graph: Graph) -> None:
    graph.switches.largest_page = 2
    for n in range(5):
        world.create(replace(MEETING, uid=uid(f"n{n}")))
    token = world.calendar.changes(None).token
    world.create(SERIES)
    graph.moods = [None, Mood(drop="before")]

    with pytest.raises(Transient):
        world.calendar.changes(token)

    assert [stored.event.uid for stored in world.calendar.changes(token).changed] == [SERIES.uid]


def test_a_batch_that_stops_at_a_conflict_did_nothing_after_it(world: World, graph: Graph, company: Company) -> None:
    created = world.create(SERIES)
    news(company, SANNE)
    graph.part_moods = [None, Mood(409, "ErrorIrresolvableConflict")]
    overrides = tuple(Override(utc(day), None) for day in ("2027-03-16", "2027-03-30", "2027-05-11"))

    with pytest.raises(Conflict):
        world.update(created, replace(SERIES, overrides=(*overrides[:2], *SERIES.overrides, overrides[2])), "single")

    assert news(company, SANNE) == ["CANCEL"]
    assert world.calendar.fetch(created.href).event.overrides == (overrides[0], *SERIES.overrides)


def test_an_edit_between_reading_and_writing_is_a_conflict_with_nothing_written(world: World, graph: Graph, company: Company) -> None:
    """The edit falls between the request that reads and the one that writes: only If-Match sees it."""
    created = world.create(MEETING)
    entry = company.entries[created.href]
    news(company, SANNE)
    was = graph.calendars.change_event

    def just_after_an_edit(*asked: object, **names: object) -> object:
        company.change(entry, place="Kantine")
        return was(*asked, **names)  # type: ignore[arg-type]  # handed on as it came

    graph.calendars.change_event = just_after_an_edit  # type: ignore[assignment,method-assign]  # the server's, not ours

    with pytest.raises(Conflict):
        world.update(created, replace(MEETING, location="Zaal 9"), "place")

    assert entry.place == "Kantine"
    assert news(company, SANNE) == []


def test_what_was_written_by_a_call_whose_answer_was_lost_is_found_and_not_written_twice(
    world: World, graph: Graph, company: Company
) -> None:
    world.calendar.changes(None)
    world.create(REMINDER)
    graph.moods = [Mood(drop="after")]
    with pytest.raises(Transient):
        world.create(MEETING)

    with pytest.raises(Exists):
        world.create(replace(MEETING, title="Een andere titel"))  # this object knows nothing of it, but the transaction id is used

    assert news(company, SANNE) == ["REQUEST"]


# -- answers that say yes and nothing --------------------------------------------------------------------------------------


STUCK = ["page", "link"]


@pytest.mark.parametrize("stuck", STUCK)
def test_pages_without_an_end_are_given_up(world: World, graph: Graph, stuck: Literal["page", "link"]) -> None:
    world.create(MEETING)
    token = world.calendar.changes(None).token
    stored = world.create(SERIES)
    for act in (lambda: world.calendar.changes(token), lambda: world.reopened().changes(None), world.reopened().check):
        graph.switches.stuck = stuck
        before = len(graph.requests)

        with pytest.raises(Transient, match="a list without an end"):
            act()

        assert len(graph.requests) - before <= 4
    graph.switches.stuck = ""
    assert world.calendar.changes(token).changed == (stored,)


def test_empty_pages_on_the_way_are_no_end(world: World, graph: Graph) -> None:
    world.create(MEETING)
    token = world.calendar.changes(None).token
    stored = world.create(SERIES)
    graph.switches.empty_pages = 3

    assert world.calendar.changes(token).changed == (stored,)


UNREADABLE: dict[str, object] = {
    "nothing": None,
    "no JSON of theirs": [],
    "an empty object": {},
    "no objects": {"value": [None], "responses": [None], "id": ""},
    "objects that say nothing": {"value": [{}], "responses": [{}], "id": None},
    "null": {"value": None, "responses": None},
}


@pytest.mark.parametrize("said", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_yes_that_cant_be_read_may_pass_and_takes_nothing_for_gone(world: World, graph: Graph, said: object) -> None:
    stored = world.create(MEETING)
    token = world.calendar.changes(None).token
    more = world.create(SERIES)
    for act in (
        lambda: world.calendar.changes(token),
        lambda: world.reopened().changes(token),
        lambda: world.reopened().changes(None),
        lambda: world.calendar.fetch(stored.href),
        lambda: world.calendar.busy((person(SANNE.email),), utc("2027-01-04"), utc("2027-01-08")),
        lambda: world.update(stored, replace(MEETING, location="Zaal 9"), "place"),
        lambda: world.reopened().create(REMINDER, sequence=0, agent=Agent.SERVER),
        lambda: world.create(MEETING),
        world.reopened().check,
    ):
        graph.garbled = lambda _, __: said

        with pytest.raises(Transient) as caught:
            act()

        assert type(caught.value) is Transient
        assert "an answer that can't be read" in str(caught.value)
    graph.garbled = None
    assert world.calendar.changes(token).changed == (more,)


def test_an_empty_answer_to_a_write_is_looked_into(world: World, graph: Graph, company: Company) -> None:
    world.create(MEETING)
    graph.garbled = lambda _, __: None
    with pytest.raises(Transient):
        world.create(SERIES)
    graph.garbled = None

    assert resume(world.reopened(), SERIES).event == SERIES
    assert news(company, SANNE) == ["REQUEST", "REQUEST"]


@pytest.mark.parametrize("name", ["body", "start", "recurrence"])
@pytest.mark.parametrize("whole_series", [True, False])
def test_an_event_of_which_something_is_missing_is_unreadable_and_the_others_are_read(
    world: World, graph: Graph, name: str, whole_series: bool
) -> None:
    graph.switches.whole_series = whole_series
    meeting, series = world.create(MEETING), world.create(SERIES)

    def thinned(_: str, body: Json) -> Json:
        for each in (part["body"] for part in body.get("responses", ())):
            if each["id"] == series.href:
                each[name] = {"pattern": {}} if name == "recurrence" else None
        return body

    graph.garbled = thinned
    changes = world.reopened().changes(None)

    assert changes.changed == (meeting,)
    assert changes.unreadable.keys() == {series.href}
    assert SERIES.title in str(changes.unreadable[series.href])


def test_a_property_without_a_value_is_not_ours(world: World, graph: Graph) -> None:
    stored = world.create(MEETING)
    for said in ({"value": None}, {}):

        def emptied(_: str, body: Json, said: Json = said) -> Json:
            found = body.get("singleValueExtendedProperties", ())
            return {**body, "singleValueExtendedProperties": [{"id": each["id"], **said} for each in found]}

        graph.garbled = emptied

        with pytest.raises(Missing):
            world.reopened().fetch(stored.href)


def test_meetings_that_dont_say_where_they_stand_make_their_series_unreadable(world: World, graph: Graph) -> None:
    graph.switches.whole_series = False
    series = world.create(SERIES)

    def nameless(_: str, body: Json) -> Json:
        for each in body.get("value", ()):
            each.pop("occurrenceId", None), each.pop("originalStart", None)
        return body

    graph.garbled = nameless

    assert world.reopened().changes(None).unreadable.keys() == {series.href}


# -- gone and back ---------------------------------------------------------------------------------------------------------


def test_an_event_that_was_deleted_and_brought_back_is_seen_again(world: World, company: Company) -> None:
    stored = world.create(MEETING)
    token = world.calendar.changes(None).token
    for _ in range(2):
        kept = deepcopy(company.entries[stored.href])
        world.remove(stored.href)
        gone = world.calendar.changes(token)
        assert gone.gone == (stored.href,)
        assert world.calendar.changes(gone.token).gone == ()

        company.entries[stored.href] = kept
        company.touch(kept)
        back = world.calendar.changes(gone.token)

        assert [each.event for each in back.changed] == [MEETING]
        token = back.token


@pytest.mark.parametrize("fresh", [False, True], ids=["the process that knew it", "another process"])
def test_the_same_token_tells_of_a_deletion_as_often_as_it_is_asked(world: World, fresh: bool) -> None:
    stored = world.create(MEETING)
    token = world.calendar.changes(None).token
    world.remove(stored.href)
    calendar = world.reopened() if fresh else world.calendar

    assert [calendar.changes(token).gone for _ in range(3)] == [(stored.href,)] * 3


def test_what_is_deleted_while_it_is_looked_up_is_told_of_the_next_time(world: World, graph: Graph, company: Company) -> None:
    stored = world.create(MEETING)
    token = world.calendar.changes(None).token
    company.change(company.entries[stored.href], place="Kantine")
    calendar = world.reopened()
    graph.garbled = lambda asked, body: {"value": []} if asked.endswith("/events") else body
    changes = calendar.changes(token)
    graph.garbled = None
    assert (changes.changed, changes.gone) == ((), ())

    world.remove(stored.href)

    assert calendar.changes(changes.token).gone == (stored.href,)


# -- crashes ---------------------------------------------------------------------------------------------------------------


def resume(calendar: Calendar, event: Event) -> Stored:
    """Go on as the engine does: read what is there, then write what is missing of it."""
    found = {stored.event.uid: stored for stored in calendar.changes(None).changed}
    stored = found.get(event.uid)
    if stored is None:
        return calendar.create(event, sequence=0, agent=Agent.SERVER)
    fields = frozenset(merge.name(field) for field in merge.differences(stored.event, event))
    return calendar.update(stored, event, fields, sequence=1, agent=Agent.SERVER) if fields else stored


def crashes(graph: Graph, do: Callable[[], object], *, parts: bool = False, drop: Mood, number: int) -> bool:
    """Do something whose n-th request (or part of a batch) breaks off; tell whether there was one."""
    moods: list[Mood | None] = [*[None] * number, drop]
    graph.moods, graph.part_moods = ([], moods) if parts else (moods, [])
    try:
        do()
    except Transient:
        return True
    finally:
        graph.moods, graph.part_moods = [], []
    return False


LONG = replace(SERIES, overrides=(*SERIES.overrides, Override(utc("2027-05-11"), None), Override(utc("2027-05-25"), None)))
POINTS = [(MEETING, False, 1), (SERIES, False, 2), (SERIES, True, 4), (LONG, True, 6)]
"""Events, whether they break off at a part of a batch, and at how many places creating them can."""


@pytest.mark.parametrize(("event", "parts", "points"), POINTS, ids=["meeting", "series", "series, parts", "many days off, parts"])
@pytest.mark.parametrize("drop", DROPS, ids=["before", "after"])
def test_whenever_creating_is_interrupted_there_is_one_event_and_one_invitation(
    world: World, graph: Graph, company: Company, event: Event, drop: Mood, parts: bool, points: int
) -> None:
    world.create(REMINDER)
    number, crashed = 0, True
    while crashed:
        event = replace(event, uid=uid(f"n{number}"))
        calendar = world.reopened()
        calendar.changes(None)
        crashed = crashes(graph, partial(calendar.create, event, sequence=0, agent=Agent.SERVER), parts=parts, drop=drop, number=number)

        stored = resume(world.reopened(), event)

        assert stored.event == event
        assert [entry.mailbox for entry in company.entries.values() if entry.mine and entry.title == event.title] == [OWNER]
        assert news(company, SANNE) == ["REQUEST"]
        [copy] = company.inside(SANNE.email, "main")
        assert [start for _, start, _ in copy.meetings()] == list(meetings(event))
        world.reopened().delete(stored)
        assert news(company, SANNE) == ["CANCEL"]
        company.remove(copy)
        number += 1
    assert number == points + 1


UPDATES = {
    "place": replace(SERIES, location="Zaal 9"),
    "people": replace(SERIES, people=(KARIM, NOOR, SANNE)),
    "one meeting more off": replace(SERIES, overrides=(*SERIES.overrides, Override(utc("2027-05-11"), None))),
    "another hour": replace(
        SERIES,
        start=at("2027-03-02", 14),
        recurrence=Recurrence(2, utc("2027-06-22", 14)),
        overrides=(Override(utc("2027-04-13", 14), None),),
    ),
    "another end": replace(SERIES, recurrence=Recurrence(2, utc("2027-07-20"))),
}


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("drop", DROPS, ids=["before", "after"])
@pytest.mark.parametrize("parts", [False, True], ids=["request", "part"])
def test_whenever_updating_is_interrupted_the_next_one_completes_it_and_tells_nobody_twice(
    world: World, graph: Graph, company: Company, name: str, drop: Mood, parts: bool
) -> None:
    wanted, uids = UPDATES[name], iter(range(20))
    expected = _told_of(world, company, wanted, next(uids))
    number, crashed = 0, True
    while crashed:
        event = replace(SERIES, uid=uid(f"n{next(uids)}"))
        goal = replace(wanted, uid=event.uid)
        stored = world.create(event)
        news(company, SANNE)
        calendar = world.reopened()
        fields = frozenset(merge.name(field) for field in merge.differences(event, goal))
        crashed = crashes(
            graph, partial(calendar.update, stored, goal, fields, sequence=1, agent=Agent.SERVER), parts=parts, drop=drop, number=number
        )
        assert resume(world.reopened(), goal).event == goal
        assert news(company, SANNE) == expected
        number += 1


def _told_of(world: World, company: Company, wanted: Event, number: int) -> list[str]:
    """Return what an attendee hears of an update that nothing interrupts."""
    event = replace(SERIES, uid=uid(f"n{number}"))
    created = world.create(event)
    news(company, SANNE)
    goal = replace(wanted, uid=event.uid)
    world.update(created, goal, *(merge.name(field) for field in merge.differences(event, goal)))
    return news(company, SANNE)


@pytest.mark.parametrize("drop", DROPS, ids=["before", "after"])
def test_whenever_deleting_is_interrupted_it_is_cancelled_once(world: World, graph: Graph, company: Company, drop: Mood) -> None:
    created = world.create(SERIES)
    news(company, SANNE)
    assert crashes(graph, lambda: world.calendar.delete(created), drop=drop, number=0)

    calendar = world.reopened()
    try:
        calendar.delete(created)
    except Missing:
        assert drop.drop == "after"

    assert calendar.changes(None).changed == ()
    assert news(company, SANNE) == ["CANCEL"]


def test_half_an_event_shows_without_people_and_is_completed_by_them(world: World, graph: Graph, company: Company) -> None:
    world.calendar.changes(None)
    world.create(MEETING)
    graph.moods = [None, Mood(drop="before")]
    with pytest.raises(Transient):
        world.create(SERIES)
    news(company, SANNE)

    [half] = [stored for stored in world.reopened().changes(None).changed if stored.event.uid == SERIES.uid]
    assert (half.event.people, half.event.overrides, half.delivery) == ((), (), {})
    whole = world.reopened().update(half, SERIES, frozenset({"people", "single"}), sequence=0, agent=Agent.SERVER)

    assert whole.event == SERIES
    assert news(company, SANNE) == ["REQUEST"]


def test_requests_never_come_more_than_four_at_once(world: World, graph: Graph) -> None:
    for n in range(45):
        world.create(replace(MEETING, uid=uid(f"n{n}"), start=MEETING.start + timedelta(minutes=n)))
    world.reopened().changes(None)

    assert graph.most_at_once == 4  # of a batch, whose parts Graph carries out so many at a time
    assert max(graph.sizes) == 20
