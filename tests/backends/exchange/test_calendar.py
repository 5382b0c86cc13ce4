"""What the Exchange backend does, against a server of ours that speaks Exchange Web Services (`tests.fakes.ews`)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.backends.calendar_contract import CalendarContract, World
from tests.backends.examples import KARIM, MEETING, NOOR, OWNER, SANNE, SERIES, STAMP, at, declining, utc
from tests.fakes.company import Company
from tests.fakes.ews.items import mail_id
from tests.fakes.ews.server import Drop
from tests.fakes.ews.site import opened, world
from tests.fakes.ews.soap import Refusal

from beklijf.decide import merge
from beklijf.model.canonical import meetings
from beklijf.model.domain import Override, Recurrence
from beklijf.model.errors import Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.ews.server import Mood
    from tests.fakes.ews.site import Site

    from beklijf.boundary.credentials import Secret
    from beklijf.model.domain import Event


class ExchangeContract(CalendarContract):
    def test_an_answer_to_one_meeting_outlives_what_changes_elsewhere(self, world: World) -> None:
        """As long as no cancelled meeting is brought back: Exchange does that with a new rhythm only, and forgets all exceptions."""
        created = world.create(SERIES)
        world.write(created.href, declining(world.read(created.href), at("2027-03-16"), SANNE))
        off, moved = Override(utc("2027-05-11"), None), Override(utc("2027-05-25"), utc("2027-05-26"), 60)
        wanted = replace(SERIES, location="Zaal 9", overrides=(SERIES.overrides[0], off, moved))

        updated = world.update(world.calendar.fetch(created.href), wanted, "place", "single")

        assert updated.event == wanted
        assert updated.single_answers[utc("2027-03-16")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "DECLINED"}
        assert updated.single_answers[utc("2027-05-25")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "NEEDS-ACTION"}

    @pytest.mark.parametrize(
        "text",
        ['Één "nu"; of\tstraks \\ nooit', "regel 1\n2\n\n\nregel 5", "lang " * 200 + "é" * 200, "emoji 🙂 en 中文", "<b>&amp;</b> ]]>"],
        ids=["signs", "lines", "long", "wide", "markup"],
    )
    def test_text_comes_back_as_it_was(self, world: World, text: str) -> None:
        """All of it but the end of a title that is longer than Exchange takes (255 characters)."""
        title = text.replace("\n", " ").strip()[:255].strip()
        event = replace(MEETING, title=title, text=text.strip(), location='Kamer "3", 2e; verdieping')

        created = world.create(event)

        assert world.calendar.fetch(created.href).event == event


class TestExchange(ExchangeContract):
    @pytest.fixture
    def world(self, site: Site) -> World:
        return world(site)


class TestExchangeThatDropsExceptions(ExchangeContract):
    """A server on which a series whose end alone changes loses its exceptions, and a calendar of its own below the main one."""

    @pytest.fixture
    def world(self, password: Secret) -> Iterator[World]:
        with opened(password, Company(keeps_singles=False), name="Mentor & meer") as site:
            yield world(site)


class TestExchangeAsDelegate(ExchangeContract):
    """Logged in as somebody who may write in the calendar, and does so in nobody's name."""

    @pytest.fixture
    def world(self, password: Secret) -> Iterator[World]:
        with opened(password, user="VOORBEELD\\svc", access="delegate") as site:
            yield world(site)


# -- invitations -------------------------------------------------------------------------------------------------------


def test_a_series_with_days_off_brings_one_invitation_and_no_cancellation(site: Site) -> None:
    created = site.create(SERIES)

    assert created.event == SERIES
    assert site.news(SANNE.email) == site.news(KARIM.email) == ["REQUEST"]
    assert created.delivery == {KARIM.email: "1.2", SANNE.email: "1.2"}
    copy = site.copy(created, SANNE.email)
    assert {recurrence_id: single.start for recurrence_id, single in copy.singles.items()} == {
        utc("2027-04-13"): None,
        utc("2027-04-27"): utc("2027-04-28", 11),
    }


def test_what_is_written_takes_few_requests(site: Site) -> None:
    site.calendar.changes(None)
    site.asked("SyncFolderItems")

    meeting = site.create(MEETING)
    assert site.asked("SyncFolderItems", "CreateItem", "GetItem")
    series = site.create(SERIES)
    assert site.asked("SyncFolderItems", "CreateItem", "DeleteItem", "UpdateItem", "UpdateItem", "GetItem", "GetItem")
    meeting = site.update(meeting, replace(MEETING, location="Zaal 9"), "place")
    assert site.asked("GetItem", "UpdateItem", "GetItem")
    site.calendar.delete(meeting)
    assert site.asked("GetItem", "DeleteItem")
    site.calendar.fetch(series.href)
    assert site.asked("GetItem", "GetItem")


def test_a_new_time_of_a_series_is_one_update_for_everybody_with_its_new_days_off(site: Site) -> None:
    created = site.create(SERIES)
    off = Override(utc("2027-04-29", 14), None)
    moved = replace(SERIES, start=at("2027-03-04", 14), recurrence=Recurrence(2, utc("2027-06-24", 14)), overrides=(off,))

    updated = site.update(created, moved, "time", "recurrence", "single")

    assert updated.event == moved
    assert site.news(SANNE.email) == ["REQUEST", "REQUEST"]
    assert site.copy(created, SANNE.email).singles[off.at].start is None
    assert "beklijf-before" not in str(site.entry(updated).properties)


def test_a_meeting_that_is_taken_out_or_moved_is_told_as_that_meeting(site: Site) -> None:
    created = site.create(SERIES)
    off, moved = Override(utc("2027-05-11"), None), Override(utc("2027-05-25"), utc("2027-05-26"), 60)

    updated = site.update(created, replace(SERIES, overrides=(*SERIES.overrides, off, moved)), "single")

    assert updated.event.overrides == (*SERIES.overrides, off, moved)
    assert site.news(SANNE.email) == ["REQUEST", "CANCEL", "REQUEST"]


def test_a_meeting_that_comes_back_is_told_with_the_whole_series_once(site: Site) -> None:
    created = site.create(SERIES)
    wanted = replace(SERIES, overrides=SERIES.overrides[1:])

    updated = site.update(created, wanted, "single")

    assert updated.event == wanted
    assert site.news(SANNE.email) == ["REQUEST", "REQUEST"]


@pytest.mark.parametrize(("field", "change"), [("title", {"title": "Anders"}), ("text", {"text": "Anders"}), ("alarms", {"alarms": (15,)})])
def test_a_changed_word_or_alarm_is_told_to_nobody(site: Site, field: str, change: dict[str, Any]) -> None:
    created = site.create(SERIES)

    updated = site.update(created, replace(SERIES, **change), field)

    assert updated.event == replace(SERIES, **change)
    assert site.news(SANNE.email) == ["REQUEST"]


def test_an_announcement_tells_everybody_what_is_there(site: Site) -> None:
    created = site.create(MEETING)

    site.update(created, MEETING)

    assert site.news(SANNE.email) == ["REQUEST", "REQUEST"]


def test_who_comes_is_invited_and_who_goes_is_told_so(site: Site) -> None:
    created = site.create(SERIES)

    updated = site.update(created, replace(SERIES, people=(KARIM, NOOR)), "people")

    assert [contact.email for contact in updated.event.people] == [KARIM.email, NOOR.email]
    assert (site.news(NOOR.email), site.news(SANNE.email)) == (["REQUEST"], ["REQUEST", "CANCEL"])


def test_whom_somebody_else_is_to_tell_the_server_tells_nothing(site: Site) -> None:
    created = site.create(SERIES, agent=Agent.CLIENT)
    site.update(created, replace(SERIES, location="Zaal 9"), "place", agent=Agent.NONE)
    site.calendar.delete(site.calendar.fetch(created.href))

    assert (created.delivery, site.news(SANNE.email)) == ({}, [])


def test_a_cancelled_event_is_cancelled_for_everybody_once(site: Site) -> None:
    created = site.create(SERIES)

    site.calendar.delete(created)

    assert site.news(SANNE.email) == ["REQUEST", "CANCEL"]


def test_rooms_and_what_programs_keep_beside_outlive_an_update(site: Site) -> None:
    created = site.create(MEETING)
    site.entry(created).properties["somebody:else:String"] = "theirs"
    site.entry(created).extra["optional"] = frozenset({KARIM.email})
    site.company.touch(site.entry(created))
    stored = site.calendar.fetch(created.href)

    site.update(stored, replace(MEETING, people=(KARIM, NOOR), location="Zaal 9"), "people", "place")

    assert site.entry(created).properties["somebody:else:String"] == "theirs"
    assert site.entry(created).extra["optional"] == frozenset({KARIM.email})  # who may stay away, still may


def test_who_is_invited_by_another_address_is_named_by_the_first_one(site: Site) -> None:
    site.company.hire("k.bakker@voorbeeld.example")
    site.company.aliases[KARIM.email] = "k.bakker@voorbeeld.example"

    created = site.create(SERIES)

    assert [person.email for person in created.event.people] == ["k.bakker@voorbeeld.example", SANNE.email]
    assert (site.news("k.bakker@voorbeeld.example"), site.news(KARIM.email)) == (["REQUEST"], [])
    updated = site.update(created, replace(SERIES, location="Zaal 9"), "place", "people")
    assert site.news("k.bakker@voorbeeld.example") == ["REQUEST", "REQUEST"]
    assert [person.email for person in updated.event.people] == ["k.bakker@voorbeeld.example", SANNE.email]


# -- what people say ---------------------------------------------------------------------------------------------------


def test_an_answer_shows_in_the_organizers_copy(site: Site) -> None:
    created = site.create(MEETING)
    token = site.calendar.changes(None).token
    site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")

    [stored] = site.calendar.changes(token).changed

    assert (stored.event, stored.answers) == (MEETING, {KARIM.email: "NEEDS-ACTION", SANNE.email: "ACCEPTED"})


def test_a_proposal_shows_until_the_organizer_moves_the_meeting(site: Site) -> None:
    created = site.create(SERIES)
    later = utc("2027-03-17", 14)
    site.company.respond(site.copy(created, SANNE.email), "TENTATIVE", utc("2027-03-16"), proposed=(later, 45))

    stored = site.calendar.fetch(created.href)
    assert stored.proposals == {(SANNE.email, utc("2027-03-16")): (later, 45)}

    moved = Override(utc("2027-03-16"), later, 45)
    updated = site.update(stored, replace(SERIES, overrides=(moved, *SERIES.overrides)), "single")
    assert updated.proposals == {}


def test_a_proposal_for_the_whole_counts_once(site: Site) -> None:
    created = site.create(SERIES)
    site.company.respond(site.copy(created, SANNE.email), "TENTATIVE", proposed=(utc("2027-03-03"), 60))

    assert site.calendar.fetch(created.href).proposals == {(SANNE.email, None): (utc("2027-03-03"), 60)}


def test_a_meeting_that_the_organizer_moves_or_cancels_in_a_program_is_read(site: Site) -> None:
    created = site.create(SERIES)
    token = site.calendar.changes(None).token
    entry = site.entry(created)
    site.company.single(entry, utc("2027-05-11"), send="all", start=utc("2027-05-12", 9), minutes=30)
    site.company.take_out(entry, utc("2027-05-25"), send="all")

    [stored] = site.calendar.changes(token).changed

    assert stored.event.overrides == (
        *SERIES.overrides,
        Override(utc("2027-05-11"), utc("2027-05-12", 9), 30),
        Override(utc("2027-05-25"), None),
    )


class TestWithoutAnAttendant:
    """Nobody at the server works answers into the organizer's copy: they wait in its inbox."""

    @pytest.fixture
    def site(self, password: Secret) -> Iterator[Site]:
        with opened(password, Company(attendant=False)) as made:
            yield made

    def test_an_answer_is_read_from_the_inbox_until_it_is_taken_out(self, site: Site) -> None:
        created = site.create(SERIES)
        site.calendar.changes(None)
        assert site.calendar.waiting() == ()
        site.company.respond(site.copy(created, SANNE.email), "DECLINED", utc("2027-03-16"))

        [waiting] = site.calendar.waiting()

        said = waiting.message
        assert (said.method, said.uid, said.recurrence_id) == ("REPLY", SERIES.uid, utc("2027-03-16"))
        assert (said.attendee, said.partstat, said.sequence) == (SANNE.email, "DECLINED", site.entry(created).sequence)
        assert site.calendar.fetch(created.href).single_answers.get(utc("2027-03-16")) is None
        assert site.calendar.waiting() == (waiting,)
        for _ in range(2):
            site.calendar.take(waiting)
        assert site.calendar.waiting() == ()
        [message] = site.company.messages.values()
        assert message.folder == "deleted"

    def test_another_time_is_a_counter_proposal(self, site: Site) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, KARIM.email), "TENTATIVE", proposed=(utc("2027-01-08", 11), 45))

        [waiting] = site.calendar.waiting()

        said = waiting.message
        assert (said.method, said.partstat, said.start, said.minutes) == ("COUNTER", "TENTATIVE", utc("2027-01-08", 11), 45)
        assert said.stamp == site.company.now

    def test_an_answer_to_an_older_invitation_is_not_heard(self, site: Site) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, KARIM.email), "ACCEPTED")
        site.update(created, replace(MEETING, start=at("2027-01-08", 11)), "time")

        assert site.calendar.waiting() == ()

    def test_mail_of_others_is_read_once_and_left_alone(self, site: Site) -> None:
        site.company.deliver(OWNER, b"From: a@elsewhere.example\r\nSubject: Hallo\r\n\r\nHallo\r\n")
        assert site.calendar.waiting() == ()
        site.server.requests.clear()

        assert site.calendar.waiting() == ()

        assert site.asked("SyncFolderItems")
        assert [message.folder for message in site.company.messages.values()] == ["inbox"]

    def test_an_answer_that_cannot_be_read_is_passed_over_and_said(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, KARIM.email), "ACCEPTED")
        site.company.respond(site.copy(created, SANNE.email), "DECLINED")
        bad, good = site.company.messages.values()
        site.server.operations.spoilt[mail_id(bad)] = "ErrorCorruptData"

        [waiting] = site.calendar.waiting()

        assert (waiting.href, waiting.message.attendee) == (mail_id(good), SANNE.email)
        assert "ErrorCorruptData" in caplog.text
        site.calendar.take(waiting)
        site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")
        assert [each.message.partstat for each in site.calendar.waiting()] == ["ACCEPTED"]

    def test_an_answer_of_a_form_that_nobody_knows_is_passed_over(self, site: Site) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, KARIM.email), "ACCEPTED")
        site.server.garbles = lambda answer: re.sub(rb"(<t:(?:From|Sender)>)<t:Mailbox>.*?</t:Mailbox>", rb"\1", answer)
        assert site.calendar.waiting() == ()
        site.server.garbles = None
        site.company.respond(site.copy(created, SANNE.email), "DECLINED")

        assert [each.message.attendee for each in site.calendar.waiting()] == [SANNE.email]

    @pytest.mark.parametrize("moods", [[Refusal("ErrorServerBusy")], [None, Refusal("ErrorServerBusy")]], ids=["list", "items"])
    def test_an_answer_is_not_lost_when_the_server_is_away_for_a_moment(self, site: Site, moods: list[Mood]) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")
        site.server.mood = moods
        with pytest.raises(Transient):
            site.calendar.waiting()

        assert [each.message.attendee for each in site.calendar.waiting()] == [SANNE.email]

    def test_a_no_to_the_inbox_is_said_once_and_holds_until_everything_is_read_again(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")
        for _ in range(2):
            site.calendar.changes(None)
            site.server.mood = [Refusal("ErrorAccessDenied")]
            assert (site.calendar.waiting(), site.calendar.waiting()) == ((), ())
        assert len([record for record in caplog.records if "ErrorAccessDenied" in record.getMessage()]) == 1
        assert "not read" in site.calendar.check()
        assert "ErrorAccessDenied" in site.calendar.check()

        site.calendar.changes(None)

        assert [each.message.attendee for each in site.calendar.waiting()] == [SANNE.email]
        assert "not read" not in site.calendar.check()

    def test_the_inbox_is_looked_into_for_good_once_something_waited_there(self, site: Site) -> None:
        created = site.create(MEETING)
        site.company.respond(site.copy(created, KARIM.email), "ACCEPTED")
        site.calendar.take(site.calendar.waiting()[0])
        site.company.attend(next(m.answer for m in site.company.messages.values() if m.answer))  # somebody opens it in Outlook
        site.calendar.changes(None)
        site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")

        assert [waiting.message.attendee for waiting in site.calendar.waiting()] == [SANNE.email]


def test_where_answers_are_worked_in_nothing_waits_and_nothing_is_asked(site: Site) -> None:
    created = site.create(MEETING)
    site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")
    token = site.calendar.changes(None).token
    assert site.calendar.waiting() == ()
    site.server.requests.clear()

    assert site.calendar.changes(token).changed == ()
    assert site.calendar.waiting() == ()

    assert site.asked("SyncFolderItems")


def test_at_the_next_start_one_request_finds_out_whether_answers_are_worked_in(site: Site) -> None:
    created = site.create(MEETING)
    site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")
    for message in list(site.company.messages.values()):
        site.company.delete_message(message)
    stored = site.calendar.fetch(created.href)
    calendar = site.open()
    token = calendar.changes(None, {stored.href: stored.etag}).token
    site.server.requests.clear()

    assert calendar.waiting() == ()
    assert site.asked("GetItem", "SyncFolderItems")
    assert (calendar.changes(token).changed, calendar.waiting()) == ((), ())
    assert site.asked("SyncFolderItems")


def test_an_inbox_that_cannot_be_read_is_as_none(password: Secret) -> None:
    with opened(password, user="VOORBEELD\\svc", access="delegate") as site:
        assert site.calendar.waiting() == ()
        assert "inbox can't be read" in site.calendar.check()
        site.server.requests.clear()
        assert site.calendar.waiting() == ()
        assert site.asked()


# -- crashes -----------------------------------------------------------------------------------------------------------


def goes_on(site: Site, wanted: Event, before: Event) -> None:
    """Do what the engine does at the next start: read, merge, write what is missing."""
    calendar = site.open()
    stored = {each.event.uid: each for each in calendar.changes(None).changed}.get(wanted.uid)
    if stored is None:
        calendar.create(wanted, sequence=0, agent=Agent.SERVER, stamp=STAMP)
        return
    asked = merge.half_made(before, stored.event) or before
    merged = merge.merge(asked=asked, seen=asked, server=stored.event, desired=wanted, now=datetime(2026, 11, 23, tzinfo=UTC))
    assert not merged.refused, merged
    if merged.write:
        calendar.update(stored, wanted, merged.write, sequence=1, agent=Agent.SERVER, stamp=STAMP)


def crashed(site: Site, number: int, *, after: bool, do: Callable[[], object]) -> bool:
    """Let the connection break at a request; False when it took fewer."""
    site.server.mood = [*([None] * number), Drop(after)]
    with suppress(Transient):
        do()
    reached = not site.server.mood
    site.server.mood = []
    return reached


def sites(password: Secret, *, keeps: bool) -> Iterator[Site]:
    """Yield one site after another, each with nothing in it."""
    while True:
        with opened(password, Company(keeps_singles=keeps)) as site:
            yield site


MOVED = replace(
    SERIES, start=at("2027-03-04", 14), recurrence=Recurrence(2, utc("2027-06-24", 14)), overrides=(Override(utc("2027-04-29", 14), None),)
)
SHORTER = replace(SERIES, recurrence=Recurrence(2, utc("2027-06-08")))
BACK = replace(SERIES, overrides=SERIES.overrides[1:])
ELSEWHERE = replace(SERIES, location="Zaal 9", overrides=(*SERIES.overrides, Override(utc("2027-05-11"), None)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("event", "requests"), [(MEETING, 3), (SERIES, 7)], ids=["meeting", "series"])
def test_a_crash_while_an_event_is_made_leaves_one_event_and_one_invitation(
    password: Secret, event: Event, requests: int, after: bool
) -> None:
    number = 0
    for number, site in enumerate(sites(password, keeps=True)):
        if not crashed(site, number, after=after, do=lambda site=site: site.create(event)):  # type: ignore[misc]  # bound at once
            break
        goes_on(site, event, event)

        [stored] = site.open().changes(None).changed
        assert stored.event == event
        assert len([entry for entry in site.company.entries.values() if entry.mine]) == 1
        assert site.news(SANNE.email) == site.news(KARIM.email) == ["REQUEST"]
    assert number == requests


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps exceptions", "drops exceptions"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("wanted", [MOVED, SHORTER, BACK, ELSEWHERE], ids=["moved", "shorter", "back", "elsewhere"])
def test_a_crash_while_a_series_is_changed_leaves_what_was_wanted_and_one_update(
    password: Secret, wanted: Event, after: bool, keeps: bool
) -> None:
    number = 0
    fields = frozenset(merge.name(field) for field in merge.differences(SERIES, wanted))
    for number, site in enumerate(sites(password, keeps=keeps)):
        stored = site.create(SERIES)
        if not crashed(site, number, after=after, do=lambda site=site, stored=stored: site.update(stored, wanted, *fields)):  # type: ignore[misc]  # as above
            break
        goes_on(site, wanted, SERIES)

        [read] = site.open().changes(None).changed
        assert read.event == wanted
        assert site.news(SANNE.email) == ["REQUEST", "REQUEST"]
        assert meetings(read.event) == tuple(sorted(start for _, start, _ in site.copy(read, SANNE.email).meetings()))
    assert number > 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_while_an_event_is_deleted_leaves_none_and_one_cancellation(password: Secret, after: bool) -> None:
    number = 0
    for number, site in enumerate(sites(password, keeps=True)):
        stored = site.create(SERIES)
        if not crashed(site, number, after=after, do=lambda site=site, stored=stored: site.calendar.delete(stored)):  # type: ignore[misc]  # as above
            break
        calendar = site.open()
        for left in calendar.changes(None).changed:
            calendar.delete(left)

        assert calendar.changes(None).changed == ()
        assert site.news(SANNE.email) == ["REQUEST", "CANCEL"]
    assert number == 2
