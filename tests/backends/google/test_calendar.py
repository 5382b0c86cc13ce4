"""The Google backend on a fake of the Calendar API that Google's own discovery document judges."""

from __future__ import annotations

import email
import html
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from tests.backends.calendar_contract import CalendarContract, World
from tests.backends.examples import KARIM, MEETING, NOOR, OWNER, REMINDER, SANNE, SERIES, at, utc
from tests.backends.google.desk import MENTEE, MENTOR, OFF, Desk, settings_of
from tests.fakes import programs
from tests.fakes.company import Guest, Rhythm

from beklijf.backends.google import to_json
from beklijf.backends.google.from_json import uid_of
from beklijf.decide import merge
from beklijf.model import canonical
from beklijf.model.domain import Override, Recurrence
from beklijf.model.errors import Conflict, Exists, Missing
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from tests.backends.calendar_contract import Opener
    from tests.fakes.company import Entry
    from tests.fakes.google import GoogleServer

    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored


class TestGoogle(CalendarContract):
    @pytest.fixture(params=["", "Mentorgesprekken"], ids=["primary", "named"])
    def world(self, request: pytest.FixtureRequest, opened: Opener, google: GoogleServer) -> World:
        settings, company = settings_of(google, request.param), google.service.company
        calendar = opened(settings)

        def folder() -> str:
            folders = company.mailboxes[OWNER].folders
            return next((key for key, name in folders.items() if name == request.param), "main")

        def core(href: str) -> str:
            return google.service.core(OWNER, href, folder())

        return World(
            calendar=calendar,
            reopened=lambda: opened(settings),
            read=lambda href: programs.read(company, core(href)),
            write=lambda href, data: programs.write(company, OWNER, folder(), core(href), data),
            remove=lambda href: programs.delete(company, core(href)),
            place=lambda name: name,
            requests=lambda: len(google.requests),
        )


# -- helpers of what follows -------------------------------------------------------------------------------------------


def shown(desk: Desk, stored: Stored) -> list[datetime]:
    """Return when an event takes place, as another library reads what people's programs show."""
    calendar = icalendar.Calendar.from_ical(programs.read(desk.company, desk.entry(stored).id))
    events: Any = recurring_ical_events.of(calendar).between(datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    return sorted(event["DTSTART"].dt.astimezone(UTC) for event in events)


ONE = {MENTOR: ["REQUEST"], MENTEE: ["REQUEST"]}
NONE: dict[str, list[str]] = {MENTOR: [], MENTEE: []}


# -- invitations -------------------------------------------------------------------------------------------------------


def test_a_series_with_days_off_is_one_request_and_one_invitation(desk: Desk) -> None:
    stored = desk.create(OFF)

    assert desk.asked() == ["POST /events"]
    assert desk.news() == ONE
    assert stored.event == OFF
    assert stored.delivery == {MENTOR: "1.2", MENTEE: "1.2"}
    assert (stored.icaluid, stored.left_to_server) == (f"{stored.href}@google.com", True)
    assert [m for m, _, _ in desk.copy(MENTEE, stored).meetings()] == [m for m, _, _ in desk.entry(stored).meetings()]


def test_a_series_with_moved_meetings_is_one_invitation_and_no_cancellation(desk: Desk) -> None:
    stored = desk.create(SERIES)

    assert desk.news() == ONE
    assert stored.event == SERIES
    assert list(desk.copy(MENTOR, stored).meetings()) == list(desk.entry(stored).meetings())
    assert "sendUpdates=none" in desk.google.requests[0]


@pytest.mark.parametrize("agent", [Agent.CLIENT, Agent.NONE])
def test_where_somebody_else_invites_google_does_not(desk: Desk, agent: Agent) -> None:
    stored = desk.create(OFF, agent)
    updated = desk.update(stored, replace(OFF, location="Zaal 9"), "place", agent=agent)

    assert desk.news() == NONE
    assert (stored.delivery, updated.delivery) == ({}, {})


@pytest.mark.parametrize(("field", "value"), [("title", "Anders"), ("text", "Andere vragen"), ("alarms", (0,))])
def test_a_change_of_words_or_alarms_alone_tells_nobody(desk: Desk, field: str, value: object) -> None:
    stored = desk.create(OFF)
    desk.news()
    wanted = replace(OFF, **{field: value})  # type: ignore[arg-type]  # the names are Event's own

    updated = desk.update(stored, wanted, field)

    assert updated.event == wanted
    assert desk.news() == NONE


@pytest.mark.parametrize("event", [MEETING, OFF], ids=["meeting", "series"])
@pytest.mark.parametrize("field", ["place", "time", "people"])
def test_a_change_that_people_are_told_of_is_one_message_each(desk: Desk, event: Event, field: str) -> None:
    stored = desk.create(event)
    desk.news()
    later = replace(event, start=event.start + timedelta(hours=1), overrides=tuple(_later(s) for s in event.overrides))
    later = replace(later, recurrence=event.recurrence and replace(event.recurrence, last=event.recurrence.last + timedelta(hours=1)))
    wanted = {"place": replace(event, location="Zaal 9"), "time": later, "people": replace(event, people=(SANNE,))}[field]
    fields = ("time", "recurrence", "single") if field == "time" and event.recurrence else (field,)

    updated = desk.update(stored, wanted, *fields)

    assert updated.event == wanted
    told = {"place": ONE, "time": ONE, "people": {MENTOR: ["CANCEL"], MENTEE: ["REQUEST"]}}[field]
    assert desk.news() == told


def _later(override: Override) -> Override:
    return replace(override, at=override.at + timedelta(hours=1))


def test_one_meeting_that_changes_is_told_as_that_meeting(desk: Desk) -> None:
    stored = desk.create(OFF)
    desk.news()
    moved = Override(utc("2027-03-16"), utc("2027-03-17", 9), 30)

    updated = desk.update(stored, replace(OFF, overrides=(moved, *OFF.overrides)), "single")
    one = desk.news()
    again = desk.update(updated, replace(OFF, overrides=(moved, Override(utc("2027-03-30"), None), *OFF.overrides)), "single")

    assert one == ONE
    assert desk.news() == {MENTOR: ["CANCEL"], MENTEE: ["CANCEL"]}
    assert [override.at for override in again.event.overrides] == [
        utc(day) for day in ("2027-03-16", "2027-03-30", "2027-04-13", "2027-05-11")
    ]
    assert list(desk.copy(MENTEE, stored).meetings()) == list(desk.entry(stored).meetings())


def test_an_announcement_is_one_message_each_and_changes_nothing(desk: Desk) -> None:
    stored = desk.create(OFF)
    desk.news()

    updated = desk.update(stored, OFF)

    assert desk.news() == ONE
    assert updated.event == OFF
    assert updated.sequence > stored.sequence


def test_who_comes_later_is_invited_once_and_who_goes_is_told(desk: Desk) -> None:
    """The third is told as well: ``all`` is all guests, and Google has nothing between that and nobody."""
    desk.google.service.hire(NOOR.email, NOOR.name)
    stored = desk.create(SERIES)
    desk.news()

    updated = desk.update(stored, replace(SERIES, people=(KARIM, NOOR)), "people")

    assert updated.event == replace(SERIES, people=(KARIM, NOOR))
    assert desk.company.mailboxes[NOOR.email].news == ["REQUEST"]
    assert desk.news() == {MENTOR: ["REQUEST"], MENTEE: ["CANCEL"]}
    assert set(updated.single_answers[utc("2027-04-27")]) == {KARIM.email, NOOR.email}


def test_a_deleted_event_is_cancelled_once(desk: Desk) -> None:
    for event in (MEETING, SERIES):
        stored = desk.create(event)
        desk.news()

        desk.calendar.delete(stored)

        assert desk.news() == {MENTOR: ["CANCEL"], MENTEE: ["CANCEL"]}


# -- single meetings ---------------------------------------------------------------------------------------------------


def test_a_meeting_taken_out_by_a_person_and_a_day_off_of_ours_are_the_same_to_us(desk: Desk) -> None:
    stored = desk.create(OFF)
    token = desk.calendar.changes(None).token
    desk.company.take_out(desk.entry(stored), utc("2027-03-16"), send="all")

    [changed] = desk.calendar.changes(token).changed

    assert changed.event == replace(OFF, overrides=(Override(utc("2027-03-16"), None), *OFF.overrides))
    assert changed == desk.open().changes(None).changed[0]


@pytest.mark.parametrize("by_person", [False, True], ids=["day-off", "taken-out"])
def test_a_meeting_that_was_off_is_held_again(desk: Desk, by_person: bool) -> None:
    stored = desk.create(OFF if not by_person else replace(OFF, overrides=OFF.overrides[:1]))
    if by_person:
        desk.company.take_out(desk.entry(stored), utc("2027-05-11"), send="all")
        stored = desk.calendar.fetch(stored.href)
    assert stored.event == OFF
    wanted = replace(OFF, overrides=OFF.overrides[:1])
    desk.news()

    updated = desk.update(stored, wanted, "single")

    assert updated.event == wanted
    assert desk.news() == ONE
    assert utc("2027-05-11") in shown(desk, stored)
    assert utc("2027-04-13") not in shown(desk, stored)


@pytest.mark.parametrize("by_person", [False, True], ids=["day-off", "taken-out"])
def test_a_meeting_that_was_off_is_held_at_another_time(desk: Desk, by_person: bool) -> None:
    stored = desk.create(OFF if not by_person else replace(OFF, overrides=OFF.overrides[:1]))
    if by_person:
        desk.company.take_out(desk.entry(stored), utc("2027-05-11"), send="all")
        stored = desk.calendar.fetch(stored.href)
    wanted = replace(OFF, overrides=(OFF.overrides[0], Override(utc("2027-05-11"), utc("2027-05-12", 14), 30)))

    updated = desk.update(stored, wanted, "single")

    assert updated.event == wanted
    assert shown(desk, stored) == sorted(canonical.meetings(wanted))


def test_what_the_organizer_does_to_one_meeting_is_heard_in_one_request(desk: Desk) -> None:
    stored = desk.create(OFF)
    token = desk.calendar.changes(None).token
    desk.company.single(desk.entry(stored), utc("2027-03-16"), send="all", start=at("2027-03-18", 9), minutes=45)
    before = len(desk.google.requests)

    [changed] = desk.calendar.changes(token).changed

    assert len(desk.google.requests) - before == 1
    assert changed.event.overrides[0] == Override(utc("2027-03-16"), utc("2027-03-18", 9), 45)
    assert changed.etag != stored.etag
    assert desk.open().changes(token).changed == (changed,)  # by another process, which has to read it


def test_a_write_over_a_meeting_that_a_person_moved_is_a_conflict(desk: Desk) -> None:
    stored = desk.create(OFF)
    desk.company.single(desk.entry(stored), utc("2027-03-16"), send="all", start=at("2027-03-18", 9))

    with pytest.raises(Conflict):
        desk.update(stored, replace(OFF, location="Zaal 9"), "place")
    with pytest.raises(Conflict):
        desk.calendar.delete(stored)


def test_an_answer_to_one_meeting_comes_alone(desk: Desk) -> None:
    stored = desk.create(OFF)
    desk.company.respond(desk.copy(MENTEE, stored), "ACCEPTED")
    desk.company.respond(desk.copy(MENTEE, stored), "DECLINED", utc("2027-03-16"))

    read = desk.calendar.fetch(stored.href)

    assert read.event == OFF
    assert read.answers == {MENTOR: "NEEDS-ACTION", MENTEE: "ACCEPTED"}
    assert read.single_answers == {utc("2027-03-16"): {MENTOR: "NEEDS-ACTION", MENTEE: "DECLINED"}}


def test_a_proposal_is_not_in_the_api_and_counts_as_the_answer_that_came_with_it(desk: Desk) -> None:
    """Another time comes by mail, under the UID that Google gave the event."""
    stored = desk.create(OFF)
    desk.company.respond(desk.copy(MENTEE, stored), "TENTATIVE", utc("2027-03-16"), proposed=(utc("2027-03-17"), 60))

    read = desk.calendar.fetch(stored.href)

    assert read.proposals == {}
    assert read.single_answers[utc("2027-03-16")][MENTEE] == "TENTATIVE"
    [mail] = [message.raw for message in desk.company.messages.values() if message.mailbox == OWNER]
    [part] = [each for each in email.message_from_bytes(mail).walk() if each.get_content_type() == "text/calendar"]
    data: Any = part.get_payload(decode=True)
    event: Any = icalendar.Calendar.from_ical(data).walk("VEVENT")[0]
    assert (str(event["UID"]), event["DTSTART"].dt) == (stored.icaluid, utc("2027-03-17"))


def test_meetings_with_words_of_their_own_take_over_what_the_series_says_unless_a_person_worded_them(desk: Desk) -> None:
    desk.google.service.follows = False
    desk.google.service.hire(NOOR.email, NOOR.name)
    stored = desk.create(replace(SERIES, overrides=(*SERIES.overrides, Override(utc("2027-05-25"), utc("2027-05-26"), 60))))
    desk.company.single(desk.entry(stored), utc("2027-05-25"), place="Kantine")
    stored = desk.calendar.fetch(stored.href)

    updated = desk.update(stored, replace(stored.event, location="Zaal 9", people=(SANNE, NOOR)), "place", "people")

    entry = desk.entry(updated)
    assert [entry.singles[utc(day)].place for day in ("2027-04-27", "2027-05-25")] == ["Zaal 9", "Kantine"]
    assert updated.single_answers.keys() == {utc("2027-04-27"), utc("2027-05-25")}
    assert all(set(said) == {SANNE.email, NOOR.email} for said in updated.single_answers.values())


def test_a_series_ends_with_the_day_of_its_last_meeting() -> None:
    [rule, *_] = to_json.whole(SERIES, "id", invited=True)["recurrence"]

    assert SERIES.recurrence is not None
    assert rule.endswith(f"UNTIL={SERIES.recurrence.last:%Y%m%d}T215959Z")


# -- identity ----------------------------------------------------------------------------------------------------------


def test_what_was_deleted_and_is_wanted_again_has_the_next_id(desk: Desk) -> None:
    ids = []
    for _ in range(3):
        stored = desk.create(MEETING)
        ids.append(stored.href)
        assert [uid_of(each) for each in ids] == [MEETING.uid] * len(ids)
        with pytest.raises(Exists):
            desk.open().create(MEETING, sequence=0, agent=Agent.SERVER)
        desk.calendar.delete(stored)

    assert len({*ids}) == 3
    assert desk.calendar.changes(None).changed == ()


def test_a_copy_that_a_person_made_is_not_a_second_one(desk: Desk) -> None:
    stored = desk.create(MEETING)
    token = desk.calendar.changes(None).token
    entry = desk.entry(stored)
    desk.company.add(replace_entry(entry, id=f"{OWNER}/main/copy", uid="copy@google.com"))

    assert desk.calendar.changes(token).changed == ()
    assert desk.calendar.changes(None).changed == (stored,)


def replace_entry(entry: Entry, **values: object) -> Entry:
    made = deepcopy(entry)
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("deleted_first", [False, True])
@pytest.mark.parametrize("event", [MEETING, OFF], ids=["meeting", "series"])
def test_what_a_person_deleted_is_missing_whatever_google_judges_first(desk: Desk, event: Event, deleted_first: bool) -> None:
    desk.google.service.deleted_first = deleted_first
    stored = desk.create(event)
    desk.company.remove(desk.entry(stored), send="all")

    for calendar in (desk.calendar, desk.open()):
        with pytest.raises(Missing):
            calendar.update(stored, replace(event, location="Zaal 9"), frozenset({"place"}), sequence=1, agent=Agent.SERVER)
        with pytest.raises(Missing):
            calendar.delete(stored)
        with pytest.raises(Missing):
            calendar.fetch(stored.href)


def test_an_event_with_another_uid_than_google_gives_is_found(desk: Desk) -> None:
    stored = desk.create(OFF)
    desk.entry(stored).uid = "imported@elsewhere.example"
    desk.company.touch(desk.entry(stored))

    assert desk.calendar.fetch(stored.href).icaluid == "imported@elsewhere.example"


# -- nothing is lost ---------------------------------------------------------------------------------------------------

KEPT = {
    "colorId": "5",
    "visibility": "private",
    "hangoutLink": "https://meet.google.com/abc-defg-hij",
    "conferenceData": {"conferenceId": "abc-defg-hij", "entryPoints": [{"entryPointType": "video", "uri": "https://meet.google.com/abc"}]},
}


def test_what_people_add_in_google_stays(desk: Desk) -> None:
    stored = desk.create(OFF)
    entry = desk.entry(stored)
    room = Guest("Zaal 1", "zaal1@resource.calendar.google.com", "ACCEPTED")
    desk.company.change(entry, guests=[*entry.guests, room])
    entry.extra["google"] = dict(KEPT)
    entry.extra["attendees"] = {MENTEE: {"comment": "tot dan"}, room.address: {"resource": True}}
    entry.extra["reminders"] = {"useDefault": False, "overrides": [{"method": "email", "minutes": 60}]}
    entry.properties["other-app"] = "1"
    desk.company.touch(entry)
    stored = desk.calendar.fetch(stored.href)
    assert stored.event == OFF  # no room among the people, no alarm of ours
    assert set(stored.answers) == {MENTOR, MENTEE}

    wanted = replace(
        OFF, start=at("2027-03-03"), recurrence=Recurrence(2, utc("2027-06-23")), overrides=(), location="Zaal 9", text="Nieuw"
    )
    wanted = replace(wanted, title="Anders", people=(SANNE,), alarms=(10,))
    updated = desk.update(stored, wanted, "time", "recurrence", "single", "place", "text", "title", "people", "alarms")

    assert updated.event == wanted
    assert entry.extra["google"] == KEPT
    assert {guest.address: guest.answer for guest in entry.guests} == {MENTEE: "NEEDS-ACTION", room.address: "ACCEPTED"}
    assert entry.extra["attendees"] == {MENTEE: {"comment": "tot dan"}, room.address: {"resource": True}}
    overrides = [{"method": "email", "minutes": 60}, {"method": "popup", "minutes": 10}]
    assert entry.extra["reminders"] == {"useDefault": False, "overrides": overrides}
    assert entry.properties["other-app"] == "1"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Waar wil je aan werken?<br>Wie merkt het?", "Waar wil je aan werken?\nWie merkt het?"),
        ("<p>Eén</p><p>Twee &amp; drie</p>", "Eén\n\nTwee & drie"),
        ("<ul><li>een</li><li>twee</li></ul>", "een\ntwee"),
        ('<b>Let op:</b>&nbsp;<a href="https://voorbeeld.example/?a=1&amp;b=2">hier</a>', "Let op: hier"),
        ("2 &lt; 3", "2 < 3"),
        ("gewoon\r\ntekst  \n\n", "gewoon\ntekst"),
        ("<style>p {color: red}</style>rood", "rood"),
    ],
)
def test_a_description_that_a_person_edited_is_read_as_its_text(desk: Desk, html: str, text: str) -> None:
    stored = desk.create(MEETING)
    desk.company.change(desk.entry(stored), text=html)

    assert desk.calendar.fetch(stored.href).event.text == text


@pytest.mark.parametrize("text", ["Jan & Piet", "https://voorbeeld.example/?a=1&b=2", "a < b", "&copy;", "<b>", "&lt;b&gt;", "x&nbsp;y"])
def test_signs_of_html_in_our_own_text_are_read_back_and_shown_as_they_are(desk: Desk, text: str) -> None:
    stored = desk.create(replace(MEETING, text=text))

    assert stored.event.text == text
    sent = desk.entry(stored).text
    assert html.unescape(sent) == text if "<" in text or sent != text else sent == text


# -- a person's own ways -----------------------------------------------------------------------------------------------


def test_a_rule_that_a_person_made_is_kept_when_something_else_changes(desk: Desk) -> None:
    stored = desk.create(replace(OFF, overrides=()))
    entry = desk.entry(stored)
    desk.company.change(entry, rhythm=Rhythm(0, other="FREQ=MONTHLY;COUNT=6;BYDAY=1TU"))

    read = desk.calendar.fetch(stored.href)
    updated = desk.update(read, replace(read.event, location="Zaal 9", text="Anders"), "place", "text")

    assert read.event.recurrence is not None
    assert read.event.recurrence.other == "BYDAY=1TU;COUNT=6;FREQ=MONTHLY"
    assert updated.event == replace(read.event, location="Zaal 9", text="Anders")
    assert entry.rhythm == Rhythm(0, other="FREQ=MONTHLY;COUNT=6;BYDAY=1TU")


def test_without_an_alarm_of_ours_the_owners_usual_ones_apply(desk: Desk) -> None:
    stored = desk.create(REMINDER)
    assert desk.entry(stored).extra["reminders"] == {"useDefault": False, "overrides": [{"method": "popup", "minutes": 0}]}

    desk.update(stored, replace(REMINDER, alarms=()), "alarms")

    assert desk.entry(stored).extra["reminders"] == {"useDefault": True}


PLACE = utc("2027-03-16")
MIDNIGHT = datetime(2027, 3, 17, tzinfo=ZoneInfo("Europe/Amsterdam"))


@pytest.mark.parametrize("fresh", [False, True])
def test_a_meeting_dragged_into_the_row_of_whole_days_is_from_midnight_to_midnight_and_comes_back(desk: Desk, fresh: bool) -> None:
    stored = desk.create(OFF)
    token = desk.calendar.changes(None).token
    entry = desk.entry(stored)
    entry.extra = {**entry.extra, "whole days": {PLACE}}
    desk.company.single(entry, PLACE, start=MIDNIGHT, minutes=1440)
    calendar = desk.open() if fresh else desk.calendar

    [changed] = calendar.changes(token).changed
    whole = replace(OFF, overrides=(Override(PLACE, MIDNIGHT.astimezone(UTC), 1440), *OFF.overrides))
    assert changed.event == whole
    placed = calendar.update(changed, replace(whole, location="Zaal 9"), frozenset({"place"}), sequence=1, agent=Agent.SERVER)
    assert placed.event == replace(whole, location="Zaal 9")
    back = calendar.update(placed, OFF, frozenset({"place", "single"}), sequence=1, agent=Agent.SERVER)

    assert back.event == OFF
    assert desk.open().changes(None).changed == (back,)


def split(desk: Desk, stored: Stored) -> str:
    """Change "this and following events" as Google Calendar does: the series ends, and another one begins."""
    entry, name = desk.entry(stored), f"{stored.href}_R20270330T080000"
    half = replace_entry(entry, id=f"{OWNER}/main/{name}", uid=f"{name}@google.com", start=at("2027-03-30", 15), singles={})
    desk.company.change(entry, rhythm=Rhythm(2, until=date(2027, 3, 16)), singles={})
    desk.company.add(half)
    return name


def test_a_series_that_a_person_split_is_told_of_with_what_to_do(desk: Desk) -> None:
    stored = desk.create(OFF)
    token = desk.calendar.changes(None).token
    name = split(desk, stored)

    for changes in (desk.calendar.changes(token), desk.open().changes(None)):
        assert [each.href for each in changes.changed] == [stored.href]
        assert changes.unreadable.keys() == {name}
        assert f"{OFF.uid} was split by a person in Google Calendar: from 2027-03-30 on" in str(changes.unreadable[name])

    desk.company.remove(desk.company.entries[f"{OWNER}/main/{name}"])
    assert desk.open().changes(None).unreadable == {}


def test_a_split_series_is_deleted_with_its_halves(desk: Desk) -> None:
    stored = desk.create(OFF)
    split(desk, stored)
    desk.company.add(replace_entry(desk.entry(stored), id=f"{OWNER}/main/copy", uid="copy@google.com"))  # which is a person's own
    calendar = desk.open()

    calendar.delete(calendar.fetch(stored.href))

    assert [entry.id for entry in desk.company.inside(OWNER, "main")] == [f"{OWNER}/main/copy"]
    changes = calendar.changes(None)
    assert (changes.changed, changes.unreadable) == ((), {})


def test_the_usual_alarms_come_back_without_those_of_before(desk: Desk) -> None:
    stored = desk.create(replace(REMINDER, alarms=(0, 30)))

    plain = desk.update(stored, replace(REMINDER, alarms=()), "alarms")
    again = desk.update(plain, replace(REMINDER, alarms=(15,)), "alarms")

    assert (plain.event.alarms, again.event.alarms) == ((), (15,))
    assert {"useDefault": True, "overrides": []} in [body["reminders"] for body in desk.google.bodies if body and "reminders" in body]


# -- zones -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Amsterdam", datetime(2027, 3, 2, 10)),  # noqa: DTZ001  # the zone comes beside
        ("Europe/Amsterdam", datetime(2027, 10, 5, 10)),  # noqa: DTZ001
        ("America/Chicago", datetime(2027, 3, 2, 8)),  # noqa: DTZ001
        ("America/Chicago", datetime(2027, 10, 19, 17)),  # noqa: DTZ001
        ("Asia/Kolkata", datetime(2027, 3, 2, 9, 30)),  # noqa: DTZ001
        ("Asia/Calcutta", datetime(2027, 3, 2, 9, 30)),  # noqa: DTZ001
        ("America/Argentina/Buenos_Aires", datetime(2027, 3, 2, 23)),  # noqa: DTZ001
        ("Pacific/Auckland", datetime(2027, 3, 2, 9)),  # noqa: DTZ001
        ("UTC", datetime(2027, 3, 2, 9)),  # noqa: DTZ001
    ],
)
def test_a_series_lands_at_the_right_instants_over_a_change_of_clocks_and_reads_back_as_unchanged(
    desk: Desk, zone: str, first: datetime
) -> None:
    starts = [(first + timedelta(weeks=2 * n)).replace(tzinfo=ZoneInfo(zone)) for n in range(6)]
    recurrence_ids = [start.astimezone(UTC) for start in starts]
    overrides = (Override(recurrence_ids[1], None), Override(recurrence_ids[3], recurrence_ids[3] + timedelta(days=1, hours=1), 45))
    event = replace(SERIES, start=starts[0], recurrence=Recurrence(2, recurrence_ids[-1]), overrides=overrides)

    stored = desk.create(event)

    assert shown(desk, stored) == [
        recurrence_ids[0],
        recurrence_ids[2],
        recurrence_ids[3] + timedelta(days=1, hours=1),
        recurrence_ids[4],
        recurrence_ids[5],
    ]
    [read] = desk.open().changes(None).changed
    assert read == stored
    assert merge.differences(read.event, event) == frozenset()
    assert canonical.dump(read.event) == canonical.dump(event)
    assert {guest.address: shown_copy(desk, guest.address, stored) for guest in desk.entry(stored).guests} == {
        MENTEE: shown(desk, stored),
        MENTOR: shown(desk, stored),
    }


def shown_copy(desk: Desk, who: str, stored: Stored) -> list[datetime]:
    return sorted(start for _, start, _ in desk.copy(who, stored).meetings())
