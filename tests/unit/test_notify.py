"""Who is told what, by what they knew and what it is now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from beklijf.decide.notify import cancels, tells
from beklijf.model.domain import Contact, Event, Override, Recurrence

FIRST = datetime(2027, 1, 21, 15, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))
NOW = datetime(2027, 1, 1, tzinfo=UTC)
SECOND = (FIRST + timedelta(weeks=2)).astimezone(UTC)
LATER = timedelta(hours=2)
KARIM, NOOR, SANNE = (Contact(who.title(), f"{who}@voorbeeld.example") for who in ("karim", "noor", "sanne"))
SERIES = Event(
    uid="1@beklijf",
    start=FIRST,
    minutes=60,
    recurrence=Recurrence(2, (FIRST + timedelta(weeks=8)).astimezone(UTC)),
    overrides=(),
    title="Mentorgesprek",
    text="Wat ga je anders doen?",
    location="Zaal 1",
    organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
    people=(KARIM, SANNE),
    alarms=(),
    free=False,
)


def said(
    announced: Event | None, event: Event, *, now: datetime = NOW, same_persons: bool = False
) -> set[tuple[str, str, str, datetime | None]]:
    found = tells(announced, event, now=now, same_persons=same_persons)
    messages: set[tuple[str, str, str, datetime | None]] = {
        (tell.contact.name, tell.method, tell.about, tell.recurrence_id) for tell in found
    }
    assert len(messages) == len(found)
    return messages


def test_who_knows_nothing_yet_is_invited() -> None:
    assert said(None, SERIES) == {("Karim", "REQUEST", "invitation", None), ("Sanne", "REQUEST", "invitation", None)}


def test_nobody_hears_of_what_did_not_change() -> None:
    assert said(SERIES, SERIES) == set()


def test_a_changed_text_title_or_alarm_is_nobodys_news() -> None:
    assert said(SERIES, replace(SERIES, text="Anders", title="Gesprek", alarms=(5,))) == set()


def test_another_time_place_or_end_is_told_to_everybody_as_the_whole() -> None:
    everybody = {("Karim", "REQUEST", "update", None), ("Sanne", "REQUEST", "update", None)}

    assert said(SERIES, replace(SERIES, start=FIRST + LATER)) == everybody
    assert said(SERIES, replace(SERIES, location="Zaal 2")) == everybody
    assert said(SERIES, replace(SERIES, recurrence=Recurrence(2, SECOND))) == everybody


def test_one_moved_meeting_is_told_as_that_meeting() -> None:
    moved = replace(SERIES, overrides=(Override(SECOND, SECOND + LATER, 60),))

    assert said(SERIES, moved) == {("Karim", "REQUEST", "update", SECOND), ("Sanne", "REQUEST", "update", SECOND)}


def test_one_cancelled_meeting_is_told_as_that_meeting_of_a_series_that_goes_on() -> None:
    off = replace(SERIES, overrides=(Override(SECOND, None),))

    assert said(SERIES, off) == {("Karim", "REQUEST", "cancelled", SECOND), ("Sanne", "REQUEST", "cancelled", SECOND)}


def test_a_meeting_that_is_back_on_its_own_hour_is_told_as_that_meeting() -> None:
    off = replace(SERIES, overrides=(Override(SECOND, None),))

    assert said(off, SERIES) == {("Karim", "REQUEST", "update", SECOND), ("Sanne", "REQUEST", "update", SECOND)}


def test_what_became_of_a_meeting_that_has_been_is_nobodys_news() -> None:
    off = replace(SERIES, overrides=(Override(SECOND, None),))

    assert said(SERIES, off, now=SECOND + LATER) == set()


def test_the_whole_says_what_became_of_single_meetings_too() -> None:
    changed = replace(SERIES, location="Zaal 2", overrides=(Override(SECOND, None),))

    assert said(SERIES, changed) == {("Karim", "REQUEST", "update", None), ("Sanne", "REQUEST", "update", None)}


def test_who_left_is_cancelled_who_came_is_invited_and_who_stays_hears_of_the_other_person() -> None:
    assert said(SERIES, replace(SERIES, people=(NOOR, SANNE))) == {
        ("Karim", "CANCEL", "left", None),
        ("Noor", "REQUEST", "invitation", None),
        ("Sanne", "REQUEST", "update", None),
    }


def test_a_new_address_is_told_to_its_person_alone() -> None:
    moved = replace(SERIES, people=(Contact("Karim", "karim.b@voorbeeld.example"), SANNE))

    assert said(SERIES, moved, same_persons=True) == {("Karim", "CANCEL", "left", None), ("Karim", "REQUEST", "invitation", None)}


def test_an_address_in_other_letters_is_the_same() -> None:
    assert said(SERIES, replace(SERIES, people=(replace(KARIM, email="Karim@Voorbeeld.example"), SANNE))) == set()


def test_a_cancelled_event_is_cancelled_to_whoever_knows_of_it() -> None:
    assert [(tell.contact, tell.method, tell.about) for tell in cancels(SERIES)] == [
        (KARIM, "CANCEL", "cancelled"),
        (SANNE, "CANCEL", "cancelled"),
    ]
    assert cancels(None) == ()
