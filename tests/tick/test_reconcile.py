"""The whole engine against every calendar backend: what a tick does when config, people or servers change something.

The rows of the merge, one by one, as a mentee, a mentor and a coordinator would see them. Mail goes to a Maildir.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.town import INVITED, KARIM, NOOR, QUIET, SANNE, WELCOME, Town, caldav_town, folder_town, itip_part, told_by

from beklijf.ledger.outbox import Outbox
from beklijf.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["folder", "radicale", "xandikos"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path) if request.param == "folder" else caldav_town(tmp_path, request.getfixturevalue(request.param))
    yield made
    made.stop()


def test_welcome_letters_go_first_and_invitations_follow_once_to_each(town: Town) -> None:
    town.start()

    town.at(WELCOME)
    letters = [str(mail["To"].addresses[0].addr_spec) for mail in town.mails()]
    town.at(INVITED)

    assert sorted(letters) == [KARIM, SANNE]
    assert town.told() == [(KARIM, "REQUEST", ""), (KARIM, "REQUEST", ""), (SANNE, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()
    assert town.tick().done == []
    assert town.mails() == []


def test_a_tick_with_nothing_new_plans_nothing(town: Town) -> None:
    town.invited()
    town.tick()
    town.tick()

    assert town.tick().plan is None


def test_what_a_person_moved_stays_and_the_others_are_told_after_ten_minutes(town: Town) -> None:
    town.invited()
    before = town.row("goals").sequence
    town.edit("goals", r"T150000", "T110000")
    town.edit("goals", r"T160000", "T120000")

    town.tick()
    early = town.told()
    town.tick(QUIET)

    assert early == []
    assert town.event("goals").start.hour == 11
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.row("goals").sequence > before
    assert town.plan().changes == ()


def test_our_change_of_a_field_that_a_person_owns_is_reported_and_not_made(town: Town) -> None:
    town.invited()
    town.edit("goals", "LOCATION:Zaal 1", "LOCATION:De tuin")
    town.tick()
    town.tick(QUIET)
    town.mails()

    town.words.place = "Zaal 2"
    town.changed()

    assert town.event("goals").location == "De tuin"
    assert town.row("goals").refused == ("place",)
    assert town.event("series").location == "Zaal 2"
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_a_changed_place_is_told_and_the_plan_shows_just_that(town: Town) -> None:
    town.invited()

    town.words.place = "Zaal 2"
    town.start()
    planned = town.plan()
    town.tick()

    assert sorted(change.ref.rpartition("/")[2] for change in planned.changes) == ["goals", "series"]
    assert {change.action for change in planned.changes} == {"update"}
    assert town.told() == [(KARIM, "REQUEST", "")] * 2 + [(SANNE, "REQUEST", "")] * 2
    assert town.plan().changes == ()


def test_a_changed_name_of_the_training_mails_nobody(town: Town) -> None:
    town.invited()

    town.words.persons[SANNE] = ("Sanne de Vries-Bos", "")
    town.changed()

    assert town.mails() == []
    assert town.plan().changes == ()


def test_a_deleted_event_is_not_made_again_and_the_others_hear_of_it(town: Town) -> None:
    town.invited()
    town.remove(town.row("goals").href)

    town.tick()
    early = town.mails()
    town.tick(QUIET)

    assert early == []
    assert town.told() == [(KARIM, "CANCEL", ""), (SANNE, "CANCEL", "")]
    assert town.row("goals").state == "deleted"
    assert town.plan().changes == ()
    assert town.tick(timedelta(days=1)).done == []


def test_a_deleted_event_comes_back_on_request_under_a_new_uid(town: Town) -> None:
    town.invited()
    old = town.row("goals").uid
    town.remove(town.row("goals").href)
    town.tick()
    town.tick(QUIET)
    town.mails()

    with town.engine.ledger.write():
        town.engine.ledger.decide("restore", f"leiding/{SANNE}/goals", made=town.now)
    town.tick()

    assert town.row("goals").uid != old
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_a_restored_field_is_ours_again(town: Town) -> None:
    town.invited()
    town.edit("goals", "LOCATION:Zaal 1", "LOCATION:De tuin")
    town.tick()
    town.tick(QUIET)

    with town.engine.ledger.write():
        town.engine.ledger.decide("restore", f"leiding/{SANNE}/goals", field="place", made=town.now)
    town.tick()

    assert town.event("goals").location == "Zaal 1"
    assert town.plan().changes == ()


def test_one_moved_meeting_of_a_series_is_told_as_that_meeting(town: Town) -> None:
    town.invited()
    series = town.event("series")
    second = series.start + timedelta(days=14)
    day = f"{second:%Y%m%d}"
    moved = (
        f"BEGIN:VEVENT\r\nUID:{series.uid}\r\nDTSTAMP:20261215T100000Z\r\nRECURRENCE-ID;TZID=Europe/Amsterdam:{day}T150000\r\n"
        f"DTSTART;TZID=Europe/Amsterdam:{day}T090000\r\nDTEND;TZID=Europe/Amsterdam:{day}T100000\r\nSUMMARY:{series.title}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR"
    )
    town.edit("series", "END:VCALENDAR", moved)

    town.tick()
    town.tick(QUIET)

    assert [override.at for override in town.event("series").overrides if override.start] == [second.astimezone(UTC)]
    assert town.told() == [(KARIM, "REQUEST", day), (SANNE, "REQUEST", day)]
    assert town.plan().changes == ()


def test_a_series_that_a_person_moved_is_the_pairs_day_and_hour_from_then_on(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    friday = first + timedelta(days=1)
    text = re.sub(rb"\r\n[ \t]", b"", town.read(town.row("series").href)).decode()
    text = (
        text.replace(f"{first:%Y%m%dT%H}", f"{friday:%Y%m%dT}13")
        .replace(f"{first:%Y%m%d}T16", f"{friday:%Y%m%d}T14")
        .replace("BYDAY=TH", "BYDAY=FR")
    )
    town.write(town.row("series").href, text.encode())

    town.tick()
    town.tick(QUIET)
    told = town.told()
    town.tick()

    assert town.event("series").start == friday.replace(hour=13)
    assert told == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()
    assert town.mails() == []
    track = next(iter(town.engine.plan(town.now).programme.tracks.values()))
    assert track.meets is not None
    assert (track.meets.weekday, track.meets.at.hour) == (4, 13)


def test_a_closed_day_cancels_that_meeting_alone_and_gets_a_stand_in(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    second = first + timedelta(days=14)

    town.words.closed = f"{second:%Y-%m-%d}"
    town.changed()

    day = f"{second:%Y%m%d}"
    mails = town.mails()
    assert sorted(map(told_by, mails)) == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert all(re.search(rf"EXDATE[^:]*:{day}T", itip_part(mail)) for mail in mails)
    town.at(datetime(second.year, second.month, second.day, 9, tzinfo=UTC) - timedelta(days=35))
    assert town.event(f"stand-in:{second:%Y-%m-%d}").start == second + timedelta(days=1)
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_a_mentorship_taken_out_before_it_began_is_cancelled(town: Town) -> None:
    town.invited()

    town.words.pairs = ((NOOR, KARIM),)
    town.changed()

    assert (SANNE, "CANCEL", "") in (told := town.told())
    assert told.count((SANNE, "CANCEL", "")) == 2
    assert told.count((KARIM, "CANCEL", "")) == 2
    assert not [row for row in town.engine.ledger.rows().values() if SANNE in row.ref]


def test_a_mentorship_taken_out_later_keeps_its_past(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    uid, href = town.row("series").uid, town.row("series").href
    town.at(first + timedelta(days=1))
    town.mails()

    town.words.pairs = ((NOOR, KARIM),)
    town.changed()

    assert uid in town.read(href).decode().replace("\r\n ", "")
    [ended] = [stored.event for stored in town.engine.calendar.changes(None).changed if stored.event.uid == uid]
    assert canonical.meetings(ended) == (first.astimezone(UTC),)
    assert (SANNE, "REQUEST", "") in town.told()


def test_a_lost_ledger_recognises_its_own_and_sends_nothing(town: Town) -> None:
    town.invited()
    town.stop()
    for file in town.folder.glob("state.sqlite3*"):
        file.unlink()

    town.start()
    town.tick()
    town.tick()

    assert town.mails() == []
    assert town.row("series").state == "live"
    assert town.plan().changes == ()


def test_an_event_of_ours_that_nobody_asks_for_is_reported_and_left(town: Town) -> None:
    town.invited()
    href = town.row("goals").href
    town.stop()
    for file in town.folder.glob("state.sqlite3*"):
        file.unlink()
    town.words.pairs = ((NOOR, KARIM),)

    town.start()
    outcome = town.tick()

    assert "nothing in the config asks for it" in " ".join(map(str, outcome.problems))
    assert town.read(href)
    assert (SANNE, "CANCEL", "") not in town.told()


def test_a_new_mentor_before_the_first_meeting_takes_the_same_series_over(town: Town) -> None:
    town.invited()
    uid = town.row("series").uid

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    assert town.row("series").uid == uid
    mails = town.mails()
    told = sorted(told_by(mail) for mail in mails if itip_part(mail))
    assert told == sorted([(KARIM, "CANCEL", ""), (NOOR, "REQUEST", ""), (SANNE, "REQUEST", "")] * 2)
    left = [text for mail in mails if "METHOD:CANCEL" in (text := itip_part(mail))]
    assert all("Karim" in words and "Noor" not in words and "STATUS" not in words for words in left)
    assert not [change for change in town.plan().changes if change.kind != "letter"]


def test_a_new_mentor_later_goes_on_under_a_new_invitation(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    uid = town.row("series").uid
    town.at(first + timedelta(days=1))
    town.mails()

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    assert town.row("series").uid != uid
    assert town.row("series").generation == 2
    assert town.event("series").start == first + timedelta(days=14)
    assert {c.email for c in town.event("series").people} == {SANNE, NOOR}
    told = town.told()
    assert (NOOR, "REQUEST", "") in told
    assert told.count((KARIM, "CANCEL", "")) == 1  # of the look-back ahead; the ended series keeps its past in his calendar
    assert not [change for change in town.plan().changes if change.kind != "letter"]


def test_a_new_address_concerns_that_person_alone(town: Town) -> None:
    town.invited()
    new = "sanne.devries@voorbeeld.example"
    del town.words.persons[SANNE]
    town.words.persons[new] = ("Sanne de Vries", f'was = ["{SANNE}"]')
    town.words.pairs = ((new, KARIM),)

    town.changed()

    assert town.told() == sorted([(SANNE, "CANCEL", ""), (new, "REQUEST", "")] * 2)
    assert town.plan().changes == ()


def test_a_person_who_comes_back_under_another_address_is_asked_about(town: Town) -> None:
    town.invited()
    new = "sanne.devries@voorbeeld.example"
    del town.words.persons[SANNE]
    town.words.persons[new] = ("Sanne de Vries", "")
    town.words.pairs = ((new, KARIM),)
    town.start()

    town.at(INVITED + timedelta(days=1))
    plan = town.plan()

    assert f'was = ["{SANNE}"]' in " ".join(held.reason for held in plan.held)
    assert (SANNE, "CANCEL", "") not in town.told()


def test_a_later_last_session_lengthens_the_series(town: Town) -> None:
    town.invited()
    before = town.event("series").recurrence
    assert before is not None

    town.words.sessions = "2027-01-12, { date = 2027-03-16, was = 2027-02-16 }"
    town.changed()

    after = town.event("series").recurrence
    assert after is not None
    assert after.last - before.last == timedelta(days=28, hours=-1)  # two meetings more, and the clocks went forward
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_another_hour_before_the_first_meeting_moves_the_series(town: Town) -> None:
    town.invited()
    uid = town.row("series").uid

    town.words.day = "wed"
    town.changed()

    assert town.row("series").uid == uid
    assert town.event("series").start.weekday() == 2
    assert town.told() == [(KARIM, "REQUEST", "")] * 2 + [(SANNE, "REQUEST", "")] * 2
    assert town.plan().changes == ()


def test_another_hour_later_leaves_the_past_where_it_was(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    old = town.row("series").uid
    town.at(first + timedelta(days=1))
    town.mails()

    town.words.at = "11:00:00"
    town.changed()

    assert town.row("series").generation == 2
    assert town.event("series").start.hour == 11
    [ended] = [stored.event for stored in town.engine.calendar.changes(None).changed if stored.event.uid == old]
    assert canonical.meetings(ended) == (first.astimezone(UTC),)
    assert town.plan().changes == ()


def test_an_older_state_of_the_server_is_held_until_approved(town: Town) -> None:
    town.invited()
    href = town.row("goals").href
    old = town.read(href)
    town.words.place = "Zaal 2"
    town.changed()
    town.mails()
    town.write(href, old)

    town.tick()
    plan = town.plan()
    town.engine.tick(town.now, approve=[plan.id])

    assert "older state" in plan.held[0].reason
    assert town.event("goals").location == "Zaal 2"
    assert town.tick().problems == []
    assert town.plan().held == ()
    assert town.plan().changes == ()


def test_many_events_gone_at_once_are_a_fault_not_a_wish(town: Town) -> None:
    town.words.withdrawals = 1
    town.invited()
    for item in ("goals", "series"):
        town.remove(town.row(item).href)

    town.tick()
    town.tick(QUIET)
    plan = town.plan()

    assert "vanished" in plan.held[0].reason
    assert town.row("series").state == "live"
    assert town.told() == []


def test_another_programs_events_are_never_touched(town: Town) -> None:
    town.invited()
    lunch = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:lunch@elsewhere\r\nDTSTAMP:20261201T120000Z\r\n"
        b"DTSTART:20270107T120000Z\r\nDTEND:20270107T130000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    place = (
        town.row("goals").href.replace(town.row("goals").uid.partition("@")[0], "lunch").replace("%40beklijf", "").replace("@beklijf", "")
    )
    town.write(place, lunch)
    before = town.read(place)

    town.words.place = "Zaal 2"
    town.changed()

    assert town.read(place) == before
    assert town.plan().problems == ()


def test_every_mail_is_sent_from_one_sender(town: Town) -> None:
    town.invited()

    assert town.engine.ledger.get("sender") == "mail"
    assert not Outbox(town.engine.ledger).open_mails()


def test_letters_go_out_while_the_calendar_is_down(tmp_path: Path) -> None:
    town = folder_town(tmp_path)
    town.words.invitations = "mail"
    town.calendar = 'kind = "caldav"\nurl = "http://127.0.0.1:9/"\nuser = "nobody"\npassword = { env = "PATH" }'
    town.start()

    outcome = town.at(WELCOME)

    assert outcome.calendar is not None
    assert sorted(str(mail["To"].addresses[0].addr_spec) for mail in town.mails()) == [KARIM, SANNE]
    assert [outage.target for outage in town.engine.ledger.outages().values()] == ["calendar"]
    town.stop()


def test_a_calendar_that_stays_down_is_told_to_the_administrator_once(tmp_path: Path) -> None:
    town = folder_town(tmp_path)
    town.calendar = 'kind = "caldav"\nurl = "http://127.0.0.1:9/"\nuser = "nobody"\npassword = { env = "PATH" }'
    town.start()
    town.at(WELCOME)
    town.mails()

    for _ in range(2):
        town.tick(timedelta(minutes=20))
    early = town.mails()
    for _ in range(3):
        town.tick(timedelta(hours=2))
    late = town.mails()

    assert early == []
    assert [str(mail["To"].addresses[0].addr_spec) for mail in late] == ["servicedesk@voorbeeld.example"]
    assert late[0]["Subject"] == "beklijf: de agendaserver werkt niet mee"
    town.stop()


@pytest.mark.parametrize("begun", [False, True])
def test_a_mentor_who_takes_over_at_a_weekend_is_invited_after_the_welcome(tmp_path: Path, begun: bool) -> None:
    town = folder_town(tmp_path)
    town.invited()
    saturday = datetime(2027, 1, 30, 20, 0, tzinfo=UTC) if begun else datetime(2026, 12, 19, 20, 0, tzinfo=UTC)
    town.at(saturday)
    town.mails()

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()
    weekend = town.mails()
    town.at(saturday + timedelta(days=1, hours=12, minutes=5))
    monday = [mail for mail in town.mails() if mail["To"].addresses[0].addr_spec == NOOR]

    assert weekend == []
    assert any(itip_part(mail) for mail in monday)
    assert any(not itip_part(mail) for mail in monday)
    assert {c.email for c in town.event("series").people} == {SANNE, NOOR}
    assert not [change for change in town.plan().changes if change.kind != "letter"]
    town.stop()


def test_a_mentor_who_takes_over_is_welcomed(tmp_path: Path) -> None:
    town = folder_town(tmp_path)
    town.invited()

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    letters = [mail for mail in town.mails() if not itip_part(mail)]
    assert [str(mail["To"].addresses[0].addr_spec) for mail in letters] == [NOOR]
    town.stop()


def test_a_session_that_moved_without_a_word_is_asked_about_until_somebody_says(tmp_path: Path) -> None:
    town = folder_town(tmp_path)
    town.invited()
    hint = "if it moved, write { date = 2027-02-23, was = 2027-02-16 }"

    town.words.sessions = "2027-01-12, 2027-02-23"
    town.start()
    town.tick()
    asked = [str(problem) for problem in town.tick().problems] + [held.reason for held in town.plan().held]
    town.words.sessions = "2027-01-12, { date = 2027-02-23, was = 2027-02-16 }"
    said = town.changed()

    assert hint in " ".join(asked)
    assert said.problems == []
    assert said.plan is not None
    assert said.plan.held == ()
    town.stop()


def test_invitations_that_a_crash_cut_off_are_sent_by_the_next_start(tmp_path: Path) -> None:
    town = folder_town(tmp_path)
    town.invited()
    with town.engine.ledger.write():
        town.engine.ledger.put(replace(town.row("goals"), announced=None))  # what a tick notes of an event that it finds, before it tells

    town.start()
    town.tick()

    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()
    town.stop()
