"""Exchange Online through Microsoft Graph, against a fake that speaks its wire on loopback."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.backends.calendar_contract import CalendarContract, World
from tests.backends.examples import FOREIGN, KARIM, MEETING, NOOR, OWNER, REMINDER, SANNE, SERIES, at, declining, uid, utc
from tests.backends.graph.organizer import NAME, ORGANIZER, news
from tests.fakes import programs
from tests.fakes.company import Company, Rhythm
from tests.fakes.graph import Graph, shapes
from tests.fakes.settings import said_to

from beklijf.backends.graph import from_json, to_json
from beklijf.backends.graph.calendar import GraphCalendar
from beklijf.backends.graph.settings import CalendarByGraph
from beklijf.backends.registry import open_calendar
from beklijf.model.canonical import clock, meetings
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.model.errors import Down, Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.company import Entry

    from beklijf.backends.graph.from_json import Json
    from beklijf.contracts.settings import CalendarSettings
    from beklijf.model.stored import Stored


class TestGraph(CalendarContract):
    """The contract of every calendar."""

    def test_an_answer_to_one_meeting_outlives_what_changes_elsewhere(self, world: World) -> None:
        """As in the contract, but that no meeting that was taken out comes back: for that Exchange throws all exceptions away."""
        created = world.create(SERIES)
        world.write(created.href, declining(world.read(created.href), at("2027-03-16"), SANNE))
        stored = world.calendar.fetch(created.href)
        off = SERIES.overrides[0]
        overrides = (off, Override(utc("2027-05-11"), None), Override(utc("2027-05-25"), utc("2027-05-26"), 60))
        wanted = replace(SERIES, location="Zaal 9", overrides=overrides)

        updated = world.update(stored, wanted, "place", "single")

        assert updated.event == wanted
        assert updated.single_answers[utc("2027-03-16")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "DECLINED"}
        assert updated.single_answers[utc("2027-05-25")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "NEEDS-ACTION"}

    @pytest.mark.parametrize("event", [MEETING, SERIES, REMINDER], ids=["meeting", "series", "reminder"])
    def test_a_server_without_the_properties_of_a_series_tells_the_same(self, world: World, graph: Graph, event: Event) -> None:
        graph.switches.whole_series = False

        created = world.create(event)

        assert created.event == event
        assert world.reopened().changes(None).changed == (created,)


# -- who is told -----------------------------------------------------------------------------------------------------------


def test_a_series_with_days_off_is_one_invitation_and_no_cancellation(world: World, company: Company) -> None:
    created = world.create(SERIES)

    assert created.event == SERIES
    assert news(company, SANNE) == news(company, KARIM) == ["REQUEST"]
    [copy] = company.inside(SANNE.email, "main")
    assert [start for _, start, _ in copy.meetings()] == list(meetings(SERIES))


def test_everybody_invited_counts_as_reached_by_exchange(world: World) -> None:
    created = world.create(MEETING)

    assert created.delivery == {KARIM.email: "1.2", SANNE.email: "1.2"}
    assert created.reached
    assert created.left_to_server
    assert world.calendar.may_schedule is True


def test_the_uid_by_which_people_answer_is_exchanges_own(world: World, company: Company) -> None:
    created = world.create(MEETING)

    assert created.icaluid == company.entries[created.href].uid
    assert created.icaluid != MEETING.uid
    assert world.calendar.fetch(created.href).icaluid == created.icaluid


@pytest.mark.parametrize(
    ("wanted", "fields", "told"),
    [
        (replace(MEETING, start=at("2027-01-08", 15)), {"time"}, ["REQUEST"]),
        (replace(MEETING, location="Zaal 9"), {"place"}, ["REQUEST"]),
        (replace(MEETING, location="Zaal 9", title="Anders", text="Ook"), {"place", "title", "text"}, ["REQUEST"]),
        (replace(MEETING, people=(KARIM, NOOR, SANNE)), {"people"}, []),
        (replace(MEETING, alarms=(15,)), {"alarms"}, []),
        (MEETING, {"place", "title", "text", "time", "people", "alarms", "online"}, []),
        (MEETING, set(), ["REQUEST"]),
    ],
    ids=["time", "place", "three", "somebody new", "alarm", "nothing new", "announcement"],
)
def test_of_an_update_people_get_one_message_or_none(
    world: World, company: Company, wanted: Event, fields: set[str], told: list[str]
) -> None:
    created = world.create(MEETING)
    assert news(company, SANNE) == ["REQUEST"]

    updated = world.update(created, wanted, *fields)

    assert updated.event == wanted
    assert news(company, SANNE) == told
    assert news(company, NOOR) == (["REQUEST"] if NOOR in wanted.people else [])


def test_who_is_no_longer_wanted_is_told_so_alone(world: World, company: Company) -> None:
    created = world.create(MEETING)
    news(company, SANNE), news(company, KARIM)

    world.update(created, replace(MEETING, people=(SANNE,)), "people")

    assert (news(company, SANNE), news(company, KARIM)) == ([], ["CANCEL"])


def test_what_is_deleted_is_cancelled_for_everybody(world: World, company: Company) -> None:
    created = world.create(SERIES)
    news(company, SANNE)

    world.calendar.delete(created)

    assert news(company, SANNE) == ["CANCEL"]


def test_a_meeting_that_is_taken_out_or_moved_is_told_as_that_meeting(world: World, company: Company) -> None:
    created = world.create(SERIES)
    news(company, SANNE)
    overrides = (*SERIES.overrides, Override(utc("2027-05-11"), None), Override(utc("2027-05-25"), utc("2027-05-26"), 60))

    world.update(created, replace(SERIES, overrides=overrides), "single")

    assert news(company, SANNE) == ["CANCEL", "REQUEST"]


@pytest.mark.parametrize(("quiet", "cost"), [(True, 1), (False, 3)])
def test_what_was_taken_out_comes_back_by_a_new_rhythm_and_one_or_three_messages_more(
    world: World, company: Company, graph: Graph, quiet: bool, cost: int
) -> None:
    graph.switches.first_day_is_new = quiet
    created = world.create(SERIES)
    news(company, SANNE)
    wanted = replace(SERIES, overrides=SERIES.overrides[1:])  # the day off is none any more; the moved meeting stays moved

    updated = world.update(created, wanted, "single")

    assert updated.event == wanted
    assert news(company, SANNE) == ["REQUEST"] * (cost + 1)


def test_a_series_at_another_hour_keeps_its_days_off(world: World, company: Company) -> None:
    created = world.create(SERIES)
    news(company, SANNE)
    off = tuple(Override(utc(day, 14), None) for day in ("2027-04-13", "2027-05-11"))
    wanted = replace(SERIES, start=at("2027-03-02", 14), recurrence=Recurrence(2, utc("2027-06-22", 14)), overrides=off)

    updated = world.update(created, wanted, "time", "recurrence", "single")

    assert updated.event == wanted
    assert news(company, SANNE) == ["REQUEST", "CANCEL", "CANCEL"]


def test_a_series_told_of_the_hour_alone_keeps_the_number_of_its_meetings(world: World) -> None:
    created = world.create(replace(SERIES, overrides=()))

    updated = world.update(created, replace(SERIES, start=at("2027-03-03", 14), overrides=()), "time")

    assert updated.event.recurrence == Recurrence(2, utc("2027-06-23", 14))


def test_a_server_that_forgets_exceptions_when_the_end_changes_is_told_them_again(world: World, company: Company) -> None:
    company.keeps_singles = False
    created = world.create(SERIES)
    longer = replace(SERIES, recurrence=Recurrence(2, utc("2027-07-20")))

    assert world.update(created, longer, "recurrence").event == longer


def test_a_meeting_on_the_day_of_its_neighbour_is_refused_and_named(world: World) -> None:
    created = world.create(replace(SERIES, overrides=()))
    crossing = (Override(utc("2027-03-16"), utc("2027-03-30", 14), 60),)

    with pytest.raises(Refused, match=r"ErrorOccurrenceCrossingBoundary"):
        world.update(created, replace(SERIES, overrides=crossing), "single")


# -- what people do and say ------------------------------------------------------------------------------------------------


def copy_of(company: Company, stored: Stored, person: Contact) -> Entry:
    return next(entry for entry in company.inside(person.email, "main") if entry.original == stored.href)


def test_answers_of_people_show_in_the_organizers_event(world: World, company: Company) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    company.respond(copy_of(company, created, SANNE), "TENTATIVE")
    company.respond(copy_of(company, created, KARIM), "ACCEPTED")

    [stored] = world.calendar.changes(token).changed

    assert stored.answers == {KARIM.email: "ACCEPTED", SANNE.email: "TENTATIVE"}
    assert stored.event == MEETING
    assert world.calendar.waiting() == ()


def test_an_answer_to_one_meeting_is_of_that_meeting_alone(world: World, company: Company) -> None:
    created = world.create(SERIES)
    token = world.calendar.changes(None).token
    company.respond(copy_of(company, created, SANNE), "DECLINED", utc("2027-05-11"))

    [stored] = world.calendar.changes(token).changed

    assert stored.event == SERIES
    assert stored.answers == {KARIM.email: "NEEDS-ACTION", SANNE.email: "NEEDS-ACTION"}
    assert stored.single_answers[utc("2027-05-11")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "DECLINED"}


def test_a_proposal_for_a_meeting_is_noted_until_its_time_changes(world: World, company: Company) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    company.respond(copy_of(company, created, SANNE), "TENTATIVE", proposed=(utc("2027-01-08", 9), 45))

    [stored] = world.calendar.changes(token).changed
    moved = world.update(stored, replace(MEETING, start=at("2027-01-08", 9), minutes=45), "time")

    assert stored.proposals == {(SANNE.email, None): (utc("2027-01-08", 9), 45)}
    assert moved.proposals == {}


def test_proposals_for_one_meeting_and_for_the_series_are_told_apart(world: World, company: Company) -> None:
    created = world.create(SERIES)
    company.respond(copy_of(company, created, SANNE), "DECLINED", utc("2027-05-11"), proposed=(utc("2027-05-12", 9), 60))
    company.respond(copy_of(company, created, KARIM), "DECLINED", proposed=(utc("2027-03-03", 9), 60))

    stored = world.calendar.fetch(created.href)

    assert stored.proposals == {
        (SANNE.email, utc("2027-05-11")): (utc("2027-05-12", 9), 60),
        (KARIM.email, None): (utc("2027-03-03", 9), 60),
    }


@pytest.mark.parametrize("masters", [True, False], ids=["with the series", "meetings alone"])
def test_one_meeting_that_the_organizer_moves_or_cancels_is_seen(world: World, company: Company, graph: Graph, masters: bool) -> None:
    graph.switches.masters_in_delta = masters
    created = world.create(SERIES)
    token = world.reopened().changes(None).token
    entry = company.entries[created.href]
    company.single(entry, utc("2027-03-16"), send="all", start=at("2027-03-17", 9), minutes=30)
    company.take_out(entry, utc("2027-05-11"), send="all")

    for calendar in (world.calendar, world.reopened()):
        [stored] = calendar.changes(token).changed
        assert stored.event.overrides == (
            Override(utc("2027-03-16"), utc("2027-03-17", 9), 30),
            *SERIES.overrides,
            Override(utc("2027-05-11"), None),
        )


def test_a_meeting_taken_out_that_is_told_by_an_id_of_its_own_is_seen(world: World, company: Company, graph: Graph) -> None:
    created = world.create(SERIES)
    token = world.calendar.changes(None).token
    graph.switches.removed_occurrences = True
    company.take_out(company.entries[created.href], utc("2027-05-11"), send="all")

    changes = world.calendar.changes(token)

    assert [stored.event.overrides[-1] for stored in changes.changed] == [Override(utc("2027-05-11"), None)]
    assert changes.gone == ()


def test_a_copy_that_somebody_makes_of_an_event_is_not_a_second_one(world: World, company: Company) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    copy = deepcopy(company.entries[created.href])
    copy.id, copy.uid, copy.extra = "copy", "another", {**copy.extra, "created": "2026-12-01T00:00:00Z"}
    company.add(copy)

    assert world.calendar.changes(token).changed == ()
    assert [stored.href for stored in world.reopened().changes(None).changed] == [created.href]


def test_an_invitation_that_carries_our_property_is_no_event_of_ours(world: World, company: Company) -> None:
    created = world.create(MEETING)
    theirs = deepcopy(company.entries[created.href])
    theirs.id, theirs.uid, theirs.original = "theirs", "another", "somebody's"
    theirs.properties = {name: value.replace("goals", "other") for name, value in theirs.properties.items()}
    company.add(theirs)

    assert [stored.href for stored in world.reopened().changes(None).changed] == [created.href]


def test_an_event_moved_out_of_the_view_is_not_taken_for_deleted(world: World, company: Company) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    company.change(company.entries[created.href], send="all", start=at("2032-01-07", 15))

    for calendar in (world.calendar, world.reopened()):
        changes = calendar.changes(token)
        assert changes.gone == ()
        assert [stored.event.start for stored in changes.changed] == [at("2032-01-07", 15)]


def test_a_person_who_makes_the_series_daily_has_made_another_rule_of_it(world: World, company: Company) -> None:
    created = world.create(SERIES)
    company.change(company.entries[created.href], rhythm=Rhythm(1, date(2027, 6, 22), other="FREQ=DAILY;UNTIL=20270622T080000Z"))

    stored = world.calendar.fetch(created.href)

    assert stored.event.recurrence is not None
    assert (stored.event.recurrence.every, stored.event.recurrence.last) == (0, utc("2027-06-22"))
    assert '"daily"' in stored.event.recurrence.other
    assert world.update(stored, replace(stored.event, location="Zaal 9"), "place").event.recurrence == stored.event.recurrence


# -- what is not ours ------------------------------------------------------------------------------------------------------


def test_categories_survive_every_update(world: World, company: Company) -> None:
    created = world.create(SERIES)
    entry = company.entries[created.href]
    entry.extra = {**entry.extra, "categories": ["Opleiding"]}
    company.touch(entry)
    stored = world.calendar.fetch(created.href)
    everything = replace(SERIES, title="Anders", text="Ook", location="Zaal 9", people=(KARIM, NOOR), alarms=(5,), overrides=())

    updated = world.update(stored, everything, "title", "text", "place", "people", "alarms", "single")

    assert updated.event == everything
    assert entry.extra["categories"] == ["Opleiding"]


ROOM = {"type": "resource", "status": {"response": "accepted"}, "emailAddress": {"name": "Zaal 1", "address": "zaal1@voorbeeld.example"}}


def test_a_room_that_somebody_booked_is_nobody_and_stays_booked() -> None:
    said: Json = {"attendees": [ROOM, *(_attendee(person) for person in (SANNE, KARIM))], "organizer": _attendee(ORGANIZER)}

    written = to_json.people(said, replace(MEETING, people=(SANNE, NOOR)))["attendees"]

    assert [from_json.address(each) for each in from_json.attendees(said)] == [SANNE.email, KARIM.email]
    assert {from_json.address(each) for each in written} == {"zaal1@voorbeeld.example", SANNE.email, NOOR.email}
    assert {each["type"] for each in written if from_json.address(each).startswith("zaal")} == {"resource"}


def _attendee(person: Contact) -> Json:
    return {"type": "required", "status": {"response": "none"}, "emailAddress": {"name": person.name, "address": person.email}}


def test_an_online_meeting_is_made_one_and_its_text_is_what_stands_above_the_link(world: World, company: Company) -> None:
    created = world.create(replace(MEETING, online=True))

    assert created.event == replace(MEETING, online=True)
    assert world.calendar.fetch(created.href) == created
    assert "Deelnemen aan Teams-vergadering" in company.entries[created.href].text


@pytest.mark.parametrize("event", [MEETING, SERIES], ids=["meeting", "series"])
def test_the_link_of_an_online_meeting_survives_whatever_is_written(world: World, company: Company, event: Event) -> None:
    online = replace(event, online=True)
    created = world.create(online)
    blob = _blob(company, created)
    wanted = replace(online, title="Anders", text="Heel iets anders.\n\nEn meer <b>", location="Zaal 9", people=(KARIM, NOOR))

    updated = world.update(created, wanted, "title", "text", "place", "people")

    assert updated.event == wanted
    assert _blob(company, updated) == blob
    assert company.entries[created.href].extra["online"]


def test_a_meeting_becomes_an_online_one_with_its_text_left_alone(world: World, company: Company) -> None:
    created = world.create(MEETING)

    updated = world.update(created, replace(MEETING, online=True), "online")

    assert updated.event == replace(MEETING, online=True)
    assert "meetup-join" in _blob(company, updated)


def test_a_text_and_an_online_meeting_at_once_lose_neither(world: World, company: Company) -> None:
    created = world.create(MEETING)

    updated = world.update(created, replace(MEETING, online=True, text="Nieuw"), "online", "text")

    assert updated.event == replace(MEETING, online=True, text="Nieuw")
    assert "meetup-join" in _blob(company, updated)


def _blob(company: Company, stored: Stored) -> str:
    entry = company.entries[stored.href]
    html = shapes.html_of(entry.text, entry.extra)
    return str(html[html.index('<br>\r\n<div style="width:100%"') :])


def test_a_text_that_a_person_edits_in_outlook_is_read_as_its_text(world: World, company: Company) -> None:
    created = world.create(MEETING)
    entry = company.entries[created.href]
    html = (
        '<html><head><style>p {margin:0}</style></head><body lang="NL"><div class="WordSection1"><p class="MsoNormal">Waar wil je\r\n'
        'aan <b>werken</b>?</p><p class="MsoNormal">&nbsp;</p><p class="MsoNormal">Tot dan&nbsp;&amp; sterkte</p></div></body></html>'
    )
    entry.extra = {**entry.extra, "html": (entry.text, html)}
    company.touch(entry)

    assert world.calendar.fetch(created.href).event.text == "Waar wil je aan werken?\n\nTot dan\u00a0& sterkte"


# -- time ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/Chicago", "Asia/Kolkata", "Africa/Johannesburg", "America/Sao_Paulo", "UTC"])
@pytest.mark.parametrize("whole", [True, False], ids=["by its id", "by its instances"])
def test_a_series_over_both_clock_changes_is_at_the_same_hour_and_reads_back_unchanged(
    world: World, company: Company, graph: Graph, zone: str, whole: bool
) -> None:
    graph.switches.whole_series = whole
    start = datetime(2027, 2, 16, 10, tzinfo=ZoneInfo(zone))
    days = [start + timedelta(weeks=2 * n) for n in range(20)]
    overrides = (
        Override(days[3].astimezone(UTC), None),
        Override(days[15].astimezone(UTC), (days[15] + timedelta(days=1)).astimezone(UTC), 60),
    )
    event = replace(SERIES, start=start, recurrence=Recurrence(2, days[-1].astimezone(UTC)), overrides=overrides)

    created = world.create(event)

    assert created.event == event
    assert world.reopened().changes(None).changed == (created,)
    expected = sorted((set(days) - {days[3], days[15]}) | {days[15] + timedelta(days=1)})
    assert [at for _, at, _ in company.entries[created.href].meetings()] == [day.astimezone(UTC) for day in expected]
    assert clock(created.event.start).key == zone


def test_a_zone_that_a_person_changes_is_the_persons(world: World, company: Company) -> None:
    created = world.create(SERIES)
    moved = at("2027-03-02").astimezone(ZoneInfo("America/New_York"))
    company.change(company.entries[created.href], start=moved, rhythm=Rhythm(2, date(2027, 6, 22)))

    stored = world.calendar.fetch(created.href)

    assert clock(stored.event.start).key == "America/New_York"
    assert stored.event.recurrence == Recurrence(2, datetime(2027, 6, 22, 4, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC))


def test_a_pair_that_moves_to_another_zone_is_there_from_then_on(world: World) -> None:
    created = world.create(replace(SERIES, overrides=()))
    start = datetime(2027, 3, 2, 10, tzinfo=ZoneInfo("America/Chicago"))
    last = datetime(2027, 6, 22, 10, tzinfo=ZoneInfo("America/Chicago")).astimezone(UTC)
    wanted = replace(SERIES, start=start, recurrence=Recurrence(2, last), overrides=())

    updated = world.update(created, wanted, "time", "recurrence")

    assert updated.event == wanted
    assert clock(updated.event.start).key == "America/Chicago"


# -- what it costs ---------------------------------------------------------------------------------------------------------


def test_each_operation_takes_as_few_requests_as_can_be(world: World, graph: Graph) -> None:
    calendar = world.calendar
    assert isinstance(calendar, GraphCalendar)
    calendar.changes(None)
    world.create(MEETING)
    costs: dict[str, int] = {}

    def cost(name: str, do: Callable[[], object]) -> None:
        before = len(graph.requests)
        do()
        costs[name] = len(graph.requests) - before

    cost("create", lambda: world.create(REMINDER))
    cost("create series with days off", lambda: world.create(SERIES))
    stored = {each.event.uid: each for each in calendar.changes(None).changed}
    meeting, series = stored[MEETING.uid], stored[SERIES.uid]
    token = calendar.changes(None).token
    cost("quiet", lambda: calendar.changes(token))
    cost("waiting", calendar.waiting)
    cost("update", lambda: world.update(meeting, replace(MEETING, location="Zaal 9"), "place"))
    overrides = (*SERIES.overrides, Override(utc("2027-05-11"), None))
    cost("update one meeting", lambda: world.update(series, replace(SERIES, overrides=overrides), "single"))
    cost("delete", lambda: calendar.delete(stored[REMINDER.uid]))
    cost("what we did ourselves", lambda: calendar.changes(token))
    cost("read by another process", lambda: world.reopened().changes(token))

    assert costs == {
        "create": 1,
        "create series with days off": 2,
        "quiet": 1,
        "waiting": 0,
        "update": 2,
        "update one meeting": 2,
        "delete": 1,
        "what we did ourselves": 1,
        "read by another process": 4,  # the calendar isn't looked for: the delta, where it is, what is ours, a batch
    }


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_pages_of_any_size_are_read_to_the_last(world: World, graph: Graph, size: int) -> None:
    graph.switches.largest_page = size
    events = [replace(MEETING, uid=uid(f"n{n}"), start=MEETING.start + timedelta(days=n)) for n in range(7)]
    for event in events:
        world.create(event)

    changes = world.reopened().changes(None)

    assert {stored.event.uid for stored in changes.changed} == {event.uid for event in events}


def test_foreign_events_are_looked_up_once(world: World, company: Company, graph: Graph) -> None:
    world.create(MEETING)
    token = world.calendar.changes(None).token
    programs.write(company, OWNER, "folder1", "lunch", FOREIGN)
    token = world.calendar.changes(token).token
    company.change(company.entries["lunch"], title="Diner")
    before = len(graph.requests)

    assert world.calendar.changes(token).changed == ()
    assert len(graph.requests) - before == 1


def test_more_single_meetings_than_a_batch_holds_take_another_batch(world: World, company: Company, graph: Graph) -> None:
    days = [SERIES.start + timedelta(weeks=n) for n in range(50)]
    overrides = tuple(Override(day.astimezone(UTC), None) for day in days[1:49:2])
    long = replace(SERIES, recurrence=Recurrence(1, days[-1].astimezone(UTC)), overrides=overrides)
    world.calendar.changes(None)
    world.create(MEETING)
    news(company, SANNE)
    before = len(graph.requests)

    created = world.create(long)

    assert created.event == long
    assert len(graph.requests) - before == 3
    assert news(company, SANNE) == ["REQUEST"]


# -- where it is -----------------------------------------------------------------------------------------------------------


def test_without_a_name_it_is_the_mailboxs_first_calendar(settings: CalendarSettings, company: Company) -> None:
    calendar = open_calendar(replace(settings, name=""), OWNER)

    created = calendar.create(MEETING, sequence=0, agent=Agent.SERVER)

    assert company.entries[created.href].folder == "main"
    assert "the calendar of mentor@voorbeeld.example" in calendar.check()
    assert calendar.changes(None).changed == (created,)
    calendar.close()


def test_checking_says_what_will_be_made_and_then_what_is_there(world: World, company: Company) -> None:
    assert f'"{NAME}" of {OWNER} will be made' in world.calendar.check()
    assert list(company.mailboxes[OWNER].folders) == ["main"]
    world.create(MEETING)

    assert "1 events of ours" in world.calendar.check()


def test_a_calendar_that_is_gone_is_not_an_empty_one(world: World, company: Company) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    company.remove_folder(OWNER, "folder1")

    for calendar in (world.calendar, world.reopened()):
        with pytest.raises(Down):
            calendar.changes(token)
        with pytest.raises(Down):
            calendar.seek([created.href])


def test_what_can_be_read_by_its_id_and_is_in_no_view_any_more_is_gone(world: World, company: Company) -> None:
    created, series = world.create(MEETING), world.create(SERIES)
    company.make_folder(OWNER, "Deleted Items")
    company.entries[created.href].folder = "folder2"

    found = world.calendar.seek([created.href, series.href])

    assert (found.changed, found.gone) == ((series,), (created.href,))


def test_a_view_that_comes_near_its_end_is_opened_anew(world: World, company: Company, graph: Graph) -> None:
    created = world.create(MEETING)
    token = world.calendar.changes(None).token
    company.now += timedelta(days=728)
    assert not world.calendar.changes(token).full
    company.now += timedelta(days=2)

    changes = world.calendar.changes(token, {created.href: created.etag})

    assert (changes.full, set(changes.unchanged), changes.token == token) == (True, {created.href}, False)
    assert not world.calendar.changes(changes.token).full
    assert any("endDateTime=2032" in request for request in graph.targets)


def test_the_target_names_mailbox_and_calendar_and_no_secret(world: World, settings: CalendarSettings) -> None:
    assert world.calendar.target == f"graph {OWNER} {said_to(CalendarByGraph, settings).login.url} {NAME}"
