"""What every calendar backend does."""

from __future__ import annotations

import base64
import ssl
import urllib.request
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import pytest
from tests.backends.examples import (
    FOREIGN,
    KARIM,
    MEETING,
    NOOR,
    REMINDER,
    SANNE,
    SERIES,
    STAMP,
    WHOLE_DAY,
    at,
    declining,
    uid,
    unfolded,
    utc,
)
from tests.fakes.settings import said_to, with_maker

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.boundary.credentials import Secret
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.model.errors import Conflict, Down, Exists, Missing, Transient
from beklijf.model.stored import Agent, Changes, Stored
from beklijf.tick import absence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import CalendarSettings


@dataclass(frozen=True, slots=True)
class World:
    """One empty calendar, and what other programs do to it behind our back."""

    calendar: Calendar
    reopened: Callable[[], Calendar]
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]
    remove: Callable[[str], None]
    place: Callable[[str], str]
    """The href of an object that another program names so."""
    requests: Callable[[], int]
    """How many requests went out so far."""

    def create(self, event: Event, *, sequence: int = 0) -> Stored:
        return self.calendar.create(event, sequence=sequence, agent=Agent.CLIENT, stamp=STAMP)

    def update(self, stored: Stored, wanted: Event, *fields: str, sequence: int = 1) -> Stored:
        return self.calendar.update(stored, wanted, frozenset(fields), sequence=sequence, agent=Agent.CLIENT, stamp=STAMP)

    def edit(self, href: str, old: str, new: str) -> None:
        """Change an object as a person's program would."""
        text = unfolded(self.read(href)).decode()
        assert old in text, text
        self.write(href, text.replace(old, new).encode())


class CalendarContract:
    """Every test that a backend must pass; each subclass makes one world."""

    @pytest.mark.parametrize("event", [MEETING, SERIES, REMINDER], ids=["meeting", "series", "reminder"])
    def test_what_is_created_is_read_back_equal(self, world: World, event: Event) -> None:
        created = world.create(event)

        [read] = world.reopened().changes(None).changed

        assert created.event == event
        assert read == created
        assert world.calendar.fetch(created.href) == created

    def test_a_calendar_that_nobody_made_yet_is_empty(self, world: World) -> None:
        changes = world.calendar.changes(None)

        assert (changes.full, changes.changed, changes.gone, changes.unreadable) == (True, (), (), {})

    def test_checking_changes_nothing_and_says_where_it_looked(self, world: World) -> None:
        before = world.calendar.check()

        assert "\n" not in before
        assert world.calendar.changes(None).changed == ()

    def test_the_same_uid_twice_is_refused(self, world: World) -> None:
        created = world.create(MEETING)

        with pytest.raises(Exists):
            world.create(replace(MEETING, title="Another"))

        assert world.calendar.fetch(created.href).event.title == MEETING.title

    def test_nothing_new_since_the_token_takes_one_request(self, world: World) -> None:
        world.create(MEETING)
        token = world.calendar.changes(None).token
        before = world.requests()

        changes = world.calendar.changes(token)

        assert world.requests() - before <= 1
        assert (changes.full, changes.changed, changes.gone) == (False, (), ())
        assert changes.token == token

    def test_a_token_is_good_for_the_same_calendar_opened_anew(self, world: World) -> None:
        world.create(MEETING)
        token = world.calendar.changes(None).token

        changes = world.reopened().changes(token)

        assert (changes.full, changes.changed, changes.gone) == (False, (), ())

    def test_a_full_reading_does_not_read_again_what_is_known_by_its_etag(self, world: World) -> None:
        meeting, series = world.create(MEETING), world.create(SERIES)
        known = {stored.href: stored.etag for stored in world.reopened().changes(None).changed}
        world.edit(series.href, "Zaal 1", "Zaal 2")

        changes = world.reopened().changes(None, known)

        assert changes.full
        assert [stored.href for stored in changes.changed] == [series.href]
        assert changes.unchanged == {meeting.href}

    def test_only_what_changed_since_the_token_is_returned(self, world: World) -> None:
        world.create(MEETING)
        series = world.create(SERIES)
        token = world.calendar.changes(None).token
        world.edit(series.href, "Zaal 1", "Zaal 2")

        changes = world.calendar.changes(token)

        assert [(s.href, s.event.location) for s in changes.changed] == [(series.href, "Zaal 2")]
        assert not changes.full

    def test_an_event_that_a_person_deleted_is_gone(self, world: World) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token
        world.remove(created.href)

        changes = world.calendar.changes(token)

        assert changes.gone == (created.href,)
        assert world.calendar.changes(None).changed == ()
        with pytest.raises(Missing):
            world.calendar.fetch(created.href)

    def test_what_seems_gone_is_there_or_gone_by_its_own_name(self, world: World) -> None:
        meeting, series = world.create(MEETING), world.create(SERIES)
        world.remove(meeting.href)

        found = world.calendar.seek([meeting.href, series.href])

        assert (found.changed, found.gone, found.unreadable) == ((series,), (meeting.href,), {})

    def test_a_listing_of_nothing_is_a_trouble_until_each_event_is_gone_by_its_own_name(self, world: World) -> None:
        meeting, series = world.create(MEETING), world.create(SERIES)
        known = {stored.href: stored.event.uid for stored in (meeting, series)}
        nothing = Changes(token=None, full=True, changed=())

        for stored in (meeting, series):
            with pytest.raises(Transient):
                absence.sure(nothing, world.reopened(), known)
            world.remove(stored.href)

        assert absence.sure(nothing, world.reopened(), known) == nothing

    def test_what_a_listing_leaves_out_is_there_all_the_same(self, world: World) -> None:
        meeting, series = world.create(MEETING), world.create(SERIES)
        known = {stored.href: stored.event.uid for stored in (meeting, series)}
        short = Changes(token=None, full=True, changed=(meeting,))
        since = Changes(token=None, full=False, changed=(), gone=(series.href,))

        assert absence.sure(short, world.reopened(), known) == replace(short, changed=(meeting, series))
        assert absence.sure(since, world.reopened(), known) == replace(since, changed=(series,), gone=())

    def test_an_event_that_a_person_cancelled_is_gone(self, world: World) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token
        world.edit(created.href, "STATUS:CONFIRMED", "STATUS:CANCELLED")

        assert world.calendar.changes(token).gone == (created.href,)
        assert world.calendar.changes(None).changed == ()

    def test_an_unknown_token_gives_a_full_reading(self, world: World) -> None:
        created = world.create(MEETING)

        changes = world.calendar.changes("of another backend")

        assert changes.full
        assert changes.changed == (created,)

    def test_events_of_others_are_never_returned(self, world: World) -> None:
        world.create(MEETING)
        token = world.calendar.changes(None).token
        world.write(world.place("lunch"), FOREIGN)

        assert [s.event.uid for s in world.calendar.changes(None).changed] == [MEETING.uid]
        assert world.calendar.changes(token).changed == ()

    def test_one_unreadable_event_does_not_hide_the_others(self, world: World) -> None:
        world.create(MEETING)
        broken = world.create(SERIES)
        token = world.calendar.changes(None).token
        # A client has made a whole day of it: a valid event, but not one with a time.
        world.write(broken.href, WHOLE_DAY)

        since, full = world.calendar.changes(token), world.calendar.changes(None)

        assert list(since.unreadable) == list(full.unreadable) == [broken.href]
        assert [s.event.uid for s in full.changed] == [MEETING.uid]
        assert since.gone == ()

    def test_an_update_keeps_what_we_do_not_model(self, world: World) -> None:
        created = world.create(MEETING)
        world.edit(created.href, "SUMMARY:", "CATEGORIES:Opleiding\r\nX-TEAMS-LINK:https://teams.example/1\r\nSUMMARY:")
        stored = world.calendar.fetch(created.href)

        updated = world.update(stored, replace(MEETING, location="Zaal 9"), "place", sequence=3)

        text = world.read(created.href).decode()
        assert "CATEGORIES:Opleiding" in text
        assert "X-TEAMS-LINK:https://teams.example/1" in text
        assert updated.event == replace(MEETING, location="Zaal 9")
        assert world.calendar.fetch(created.href) == updated

    def test_an_update_writes_only_the_fields_it_is_told_to(self, world: World) -> None:
        created = world.create(MEETING)

        updated = world.update(created, replace(MEETING, location="Zaal 9", title="Anders", text="Anders"), "title")

        assert updated.event == replace(MEETING, title="Anders")

    def test_a_write_over_somebody_elses_is_a_conflict(self, world: World) -> None:
        created = world.create(MEETING)
        world.edit(created.href, "Zaal 1", "Zaal 2")

        with pytest.raises(Conflict):
            world.update(created, replace(MEETING, location="Zaal 9"), "place")
        with pytest.raises(Conflict):
            world.calendar.delete(created)

        assert world.calendar.fetch(created.href).event.location == "Zaal 2"

    def test_what_is_not_there_is_missing(self, world: World) -> None:
        created = world.create(MEETING)
        world.remove(created.href)

        with pytest.raises(Missing):
            world.update(created, replace(MEETING, location="Zaal 9"), "place")
        with pytest.raises(Missing):
            world.calendar.delete(created)

    def test_what_is_deleted_can_be_made_again_and_others_stay(self, world: World) -> None:
        created = world.create(MEETING)
        series = world.create(SERIES)

        world.calendar.delete(created)

        assert [s.href for s in world.calendar.changes(None).changed] == [series.href]
        assert world.create(MEETING).event == MEETING

    def test_a_shortened_series_ends_there(self, world: World) -> None:
        created = world.create(SERIES)
        shorter = replace(SERIES, recurrence=Recurrence(2, utc("2027-04-13")), overrides=SERIES.overrides[:1])

        updated = world.update(created, shorter, "recurrence")

        assert updated.event == shorter
        assert world.calendar.fetch(created.href).event == shorter
        assert b"20270428" not in world.read(created.href)

    def test_a_series_moves_to_another_day_with_new_days_off(self, world: World) -> None:
        created = world.create(SERIES)
        moved = replace(
            SERIES,
            start=at("2027-03-04", 14),
            recurrence=Recurrence(2, utc("2027-06-24", 14)),
            overrides=(Override(utc("2027-04-29", 14), None),),
        )

        updated = world.update(created, moved, "time", "recurrence", "single")

        assert updated.event == moved
        assert world.reopened().changes(None).changed == (updated,)

    def test_single_meetings_come_and_go(self, world: World) -> None:
        created = world.create(SERIES)
        other = replace(SERIES, overrides=(Override(utc("2027-03-16"), utc("2027-03-17", 9), 30), Override(utc("2027-05-11"), None)))

        updated = world.update(created, other, "single")

        assert updated.event == other
        assert world.calendar.fetch(created.href).event == other

    def test_who_stays_keeps_the_answer_when_people_change(self, world: World) -> None:
        created = world.create(MEETING)
        world.write(created.href, answered(world.read(created.href)))
        stored = world.calendar.fetch(created.href)
        assert stored.answers == {KARIM.email: "ACCEPTED", SANNE.email: "ACCEPTED"}

        updated = world.update(stored, replace(MEETING, people=(KARIM, NOOR)), "people")

        assert [c.email for c in updated.event.people] == [KARIM.email, NOOR.email]
        assert world.calendar.fetch(created.href).answers == {KARIM.email: "ACCEPTED", NOOR.email: "NEEDS-ACTION"}

    def test_a_new_time_reopens_the_answers(self, world: World) -> None:
        created = world.create(MEETING)
        world.write(created.href, answered(world.read(created.href)))

        updated = world.update(world.calendar.fetch(created.href), replace(MEETING, start=at("2027-01-08", 15)), "time")

        assert set(updated.answers.values()) == {"NEEDS-ACTION"}

    def test_another_end_of_the_series_asks_nobody_again(self, world: World) -> None:
        created = world.create(SERIES)
        world.write(created.href, answered(world.read(created.href)))
        longer = replace(SERIES, recurrence=Recurrence(2, utc("2027-07-20")))

        updated = world.update(world.calendar.fetch(created.href), longer, "recurrence")

        assert updated.event == longer
        assert updated.answers == {KARIM.email: "ACCEPTED", SANNE.email: "ACCEPTED"}

    def test_an_answer_to_one_meeting_is_heard_and_is_no_edit(self, world: World) -> None:
        created = world.create(SERIES)
        token = world.calendar.changes(None).token
        world.write(created.href, declining(world.read(created.href), at("2027-03-16"), SANNE))

        [stored] = world.calendar.changes(token).changed

        assert stored.event == SERIES
        assert stored.answers == created.answers
        assert stored.single_answers[utc("2027-03-16")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "DECLINED"}
        assert stored.single_answers.keys() == {utc("2027-03-16"), utc("2027-04-27")}  # the other one is a moved meeting

    def test_an_answer_to_one_meeting_outlives_what_changes_elsewhere(self, world: World) -> None:
        created = world.create(SERIES)
        world.write(created.href, declining(world.read(created.href), at("2027-03-16"), SANNE))
        stored = world.calendar.fetch(created.href)
        wanted = replace(
            SERIES, location="Zaal 9", overrides=(Override(utc("2027-05-11"), None), Override(utc("2027-05-25"), utc("2027-05-26"), 60))
        )

        updated = world.update(stored, wanted, "place", "single")

        assert updated.event == wanted
        assert updated.single_answers[utc("2027-03-16")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "DECLINED"}
        assert updated.single_answers[utc("2027-05-25")] == {KARIM.email: "NEEDS-ACTION", SANNE.email: "NEEDS-ACTION"}

    def test_a_meeting_that_moves_asks_about_itself_alone(self, world: World) -> None:
        created = world.create(SERIES)
        world.write(created.href, declining(answered(world.read(created.href)), at("2027-03-16"), SANNE))
        moved = replace(SERIES, overrides=(Override(utc("2027-03-16"), utc("2027-03-17", 9), 60), *SERIES.overrides))

        updated = world.update(world.calendar.fetch(created.href), moved, "single")

        assert updated.event == moved
        assert updated.answers == {KARIM.email: "ACCEPTED", SANNE.email: "ACCEPTED"}
        assert set(updated.single_answers[utc("2027-03-16")].values()) == {"NEEDS-ACTION"}

    def test_nothing_waits_where_nobody_answered(self, world: World) -> None:
        world.create(MEETING)
        world.calendar.changes(None)
        before = world.requests()

        assert world.calendar.waiting() == ()
        assert world.requests() - before <= 1

    @pytest.mark.parametrize(
        "text",
        [
            'Één café, "nu"; of\tstraks \\ nooit',
            "regel 1\nregel 2\n\n\nregel 5",
            "lang " * 200 + "é" * 200,
            "emoji 🙂 en 中文",
            "<b>&amp;</b> ]]> \\n \\, \\;",
        ],
        ids=["signs", "lines", "long", "wide", "markup"],
    )
    def test_text_comes_back_as_it_was(self, world: World, text: str) -> None:
        event = replace(MEETING, title=text.replace("\n", " ").strip(), text=text.strip(), location='Kamer "3", 2e; verdieping')

        created = world.create(event)

        assert world.calendar.fetch(created.href).event == event

    def test_names_with_quotes_and_control_characters_do_no_harm(self, world: World) -> None:
        created = world.create(replace(MEETING, people=(Contact('Jan "de\x07 Man"; Jansen', "jan@voorbeeld.example"),)))

        assert world.calendar.fetch(created.href).event.people == (Contact("Jan de Man; Jansen", "jan@voorbeeld.example"),)

    def test_international_domains_come_back_as_typed(self, world: World) -> None:
        event = replace(MEETING, people=(Contact("Jürgen", "juergen@bücher.example"),))

        created = world.create(event)

        assert world.calendar.fetch(created.href).event == event

    def test_forty_events_at_once(self, world: World) -> None:
        events = [replace(SERIES, uid=uid(f"n{n:02}"), start=SERIES.start + timedelta(minutes=n), overrides=()) for n in range(40)]
        events = [replace(e, recurrence=Recurrence(2, e.start.astimezone(UTC) + timedelta(weeks=2))) for e in events]
        token = world.calendar.changes(None).token
        for event in events:
            world.create(event)

        found = {s.event.uid: s.event for s in world.calendar.changes(token).changed}

        assert len(found) == 40
        assert found == {e.uid: e for e in events}

    def test_closing_is_not_the_end(self, world: World) -> None:
        created = world.create(MEETING)

        world.calendar.close()

        assert world.calendar.fetch(created.href) == created


class ICalendarContract(CalendarContract):
    """What backends do that keep an event as iCalendar, byte for byte ours: other servers number changes, and have one alarm."""

    @pytest.mark.parametrize("sequence", [0, 1, 7])
    def test_sequence_is_what_we_say(self, world: World, sequence: int) -> None:
        created = world.create(MEETING, sequence=sequence)

        raised = world.update(created, MEETING, sequence=sequence + 5)

        assert created.sequence == sequence
        assert raised.sequence == world.calendar.fetch(created.href).sequence == sequence + 5
        assert raised.event == MEETING

    def test_two_alarms_are_two_alarms(self, world: World) -> None:
        event = replace(REMINDER, alarms=(0, 15))

        created = world.create(event)

        assert world.calendar.fetch(created.href).event == event


class CaldavContract(ICalendarContract):
    """What only servers do."""

    def test_a_wrong_password_takes_the_backend_down(self, opened: Opener, settings: CalendarSettings, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong"
        wrong.write_text("wrong", encoding="utf-8")
        calendar = opened(with_maker(settings, password=Secret("file", str(wrong))))

        with pytest.raises(Down) as caught:
            calendar.check()

        assert "password" in caught.value.hint
        assert "wrong" not in str(caught.value)

    def test_a_server_that_is_gone_may_come_back(self, opened: Opener, settings: CalendarSettings) -> None:
        calendar = opened(with_maker(settings, url="http://127.0.0.1:1/"))

        with pytest.raises(Transient, match=r"127\.0\.0\.1:1") as caught:
            calendar.changes(None)

        assert "calendar.url" in caught.value.hint

    def test_the_calendar_is_found_from_the_host_the_home_and_itself(
        self, opened: Opener, settings: CalendarSettings, world: World
    ) -> None:
        created = world.create(MEETING)
        itself = created.href.rpartition("/")[0] + "/"
        home = itself.rstrip("/").rpartition("/")[0] + "/"

        maker = said_to(CalendarByCaldav, settings)
        for path, name in [("/", settings.name), (home, settings.name), (itself, ""), (f"/{maker.user}/", settings.name)]:
            url = maker.url.rstrip("/") + path
            [read] = opened(replace(with_maker(settings, url=url), name=name)).changes(None).changed
            assert read == created

    def test_another_calendar_of_the_same_account_is_made_beside_the_first(self, opened: Opener, settings: CalendarSettings) -> None:
        names = ("Mentor & meer", "Een ander", "Een derde")
        made = [opened(replace(settings, name=name)).create(MEETING, sequence=0, agent=Agent.CLIENT, stamp=STAMP) for name in names[:1]]
        made += [
            opened(replace(settings, name=name)).create(replace(MEETING, uid=uid(name[:2])), sequence=0, agent=Agent.CLIENT, stamp=STAMP)
            for name in names[1:]
        ]

        for name, stored in zip(names, made, strict=True):
            assert opened(replace(settings, name=name)).changes(None).changed == (stored,)

    def test_a_calendar_that_was_deleted_tells_of_no_event_that_it_is_gone(self, world: World) -> None:
        created = world.create(MEETING)
        world.remove(created.href.rpartition("/")[0] + "/")

        for calendar in (world.calendar, world.reopened()):
            with pytest.raises((Down, Transient)):
                calendar.seek([created.href])
        with pytest.raises(Down):
            world.reopened().seek([created.href])

    def test_creating_takes_one_request_an_event(self, world: World) -> None:
        world.create(MEETING)
        before = world.requests()

        world.create(SERIES)

        assert world.requests() - before == 1

    def test_these_servers_send_no_invitations_for_us(self, world: World) -> None:
        assert world.calendar.may_schedule is None

        world.calendar.check()

        assert world.calendar.may_schedule is False

    def test_a_second_account_is_another_target_without_the_password(self, opened: Opener, settings: CalendarSettings) -> None:
        one = opened(settings).target
        other = opened(with_maker(settings, user="somebody")).target

        assert one != other
        assert "mentorpw" not in one


class Opener(Protocol):
    def __call__(self, settings: CalendarSettings) -> Calendar: ...


def answered(data: bytes) -> bytes:
    return unfolded(data).replace(b"NEEDS-ACTION", b"ACCEPTED")


def caldav_world(opened: Opener, settings: CalendarSettings) -> World:
    calendar = opened(settings)
    maker = said_to(CalendarByCaldav, settings)
    token = base64.b64encode(f"{maker.user}:mentorpw".encode()).decode()
    context = ssl.create_default_context(cafile=maker.ca) if maker.ca else None
    sent: list[str] = []

    def raw(method: str, href: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(maker.url.rstrip("/") + href, data=data, method=method)  # noqa: S310 (loopback)
        request.add_header("Authorization", f"Basic {token}")
        if data is not None:
            request.add_header("Content-Type", "text/calendar; charset=utf-8")
        with urllib.request.urlopen(request, timeout=30, context=context) as response:  # noqa: S310 (loopback)
            content: bytes = response.read()
            return content

    def write(href: str, data: bytes) -> None:
        raw("PUT", href, data)

    def remove(href: str) -> None:
        raw("DELETE", href)

    def requests() -> int:
        session = calendar.connection._client.session  # type: ignore[attr-defined]  # the wire is not in the contract
        if not any(hook.__name__ == "count" for hook in session.hooks["response"]):
            session.hooks["response"].append(count)
        return len(sent)

    def count(response: object, **_: object) -> None:
        sent.append(str(response))

    return World(
        calendar=calendar,
        reopened=lambda: opened(settings),
        read=lambda href: raw("GET", href),
        write=write,
        remove=remove,
        place=lambda name: urlsplit(calendar._calendar()).path + f"{name}.ics",  # type: ignore[attr-defined]  # as above
        requests=requests,
    )
